"""Replies are checked where they are made, and models of functions and scripts answer as told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haltpoint import models
from haltpoint.exceptions import ModelError
from haltpoint.models import (
    FunctionModel,
    Message,
    MessageLog,
    Model,
    ModelReply,
    ModelRequest,
    ScriptedModel,
    ToolCall,
    ToolSpec,
    Usage,
)

HELLO = ModelRequest([Message("user", "Hello")])


def ask(model: Model, request: ModelRequest = HELLO) -> ModelReply:
    return asyncio.run(model.request(request))


def conversation(replies: int, *, remembered: int = 0) -> ModelRequest:
    earlier = [Message("assistant", "earlier")] * remembered
    own = [
        Message("user", "Hello"),
        *[Message("assistant", "reply"), Message("tool", "done")] * replies,
    ]
    return ModelRequest([*earlier, *own], first_new_message=remembered)


# Replies


def test_a_reply_turns_lists_and_mappings_into_its_own_types() -> None:
    call = ToolCall("f", {"x": 1})
    reply = ModelReply(tool_calls=[call], usage={"input_tokens": 3, "output_tokens": 4, "cached": 1})
    assert reply.tool_calls == (call,)
    assert reply.usage == Usage(3, 4)
    assert Usage(3, 4).total_tokens == 7


def test_a_usage_mapping_may_leave_figures_out() -> None:
    assert ModelReply(usage={"input_tokens": None}).usage == Usage(0, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"text": 5}, "text=.*int"),
        ({"text": b"x"}, "text=.*bytes"),
        ({"tool_calls": ToolCall("f", {})}, "tool_calls=.*ToolCall"),
        ({"tool_calls": "f"}, "tool_calls=.*str"),
        ({"tool_calls": None}, "tool_calls=.*None"),
        ({"tool_calls": {"name": "f"}}, "tool_calls=.*dict"),
        ({"tool_calls": [ToolCall("f", {}), {"name": "f"}]}, "dict at 1"),
        ({"usage": 7}, "usage=.*int"),
        ({"usage": {"input_tokens": "many"}}, "input_tokens=.*str"),
    ],
)
def test_a_reply_of_wrong_types_is_refused_with_what_was_given(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        ModelReply(**arguments)


def test_negative_token_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        Usage(-1, 0)


def test_a_tool_spec_names_schema_and_strictness() -> None:
    spec = ToolSpec("f", "Does f.", {"type": "object"}, strict=True)
    assert (spec.name, spec.description, spec.parameters, spec.strict) == (
        "f",
        "Does f.",
        {"type": "object"},
        True,
    )
    assert ToolSpec("f", "Does f.", {}).strict is False


def test_each_request_has_settings_of_its_own() -> None:
    assert ModelRequest([]).settings == {}
    assert ModelRequest([]).settings is not ModelRequest([]).settings


@given(st.lists(st.sampled_from(["user", "assistant", "tool"]), max_size=8), st.integers(0, 9))
def test_a_request_counts_replies_alike_on_lists_and_views(roles: list[Any], start: int) -> None:
    messages = [Message(role) for role in roles]
    sequences: list[Sequence[Message]] = [messages, MessageLog(messages).view()]
    counts = [ModelRequest(each, first_new_message=start).replies_so_far for each in sequences]
    assert counts == [sum(role == "assistant" for role in roles[start:])] * 2


def test_what_looks_like_a_model_is_one() -> None:
    class Own:
        name = "own"

        async def request(self, request: ModelRequest) -> ModelReply:
            return ModelReply(text=f"{len(request.messages)} message")

    class Nameless:
        async def request(self, request: ModelRequest) -> ModelReply:
            raise NotImplementedError

    own: Model = Own()
    assert isinstance(own, Model)
    assert isinstance(FunctionModel(lambda request: "x"), Model)
    assert isinstance(ScriptedModel([]), Model)
    assert not isinstance(Nameless(), Model)
    assert ask(own).text == "1 message"


def test_an_unknown_name_in_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Modell"):
        _ = models.Modell
    assert "ProviderModel" in models.__all__


# Functions


def greet(request: ModelRequest) -> str:
    return f"You said {request.messages[-1].content}"


async def greet_later(request: ModelRequest) -> ModelReply:
    await asyncio.sleep(0)
    return ModelReply(text=greet(request))


class Greeter:
    def __call__(self, request: ModelRequest) -> str:
        return greet(request)


class LateGreeter:
    async def __call__(self, request: ModelRequest) -> ModelReply:
        return await greet_later(request)


@pytest.mark.parametrize(
    "function", [greet, greet_later, Greeter(), LateGreeter(), partial(greet), partial(greet_later)]
)
def test_a_function_model_takes_anything_that_can_be_called(function: Any) -> None:
    assert ask(FunctionModel(function)) == ModelReply(text="You said Hello")


def test_a_function_model_is_named_after_its_function() -> None:
    assert FunctionModel(greet).name == "greet"
    assert FunctionModel(Greeter()).name == "Greeter"
    assert FunctionModel(greet, name="mine").name == "mine"
    assert repr(FunctionModel(greet)) == "FunctionModel('greet')"


def test_a_function_that_answers_with_something_else_is_named_with_it() -> None:
    def careless(request: ModelRequest) -> Any:
        return {"text": "x"}

    with pytest.raises(TypeError, match=r"'careless'.*dict"):
        ask(FunctionModel(careless))


def test_what_is_no_function_is_refused() -> None:
    text: Any = "hello"
    with pytest.raises(TypeError, match="str"):
        FunctionModel(text)


def test_an_exception_of_the_function_passes_through() -> None:
    def fail(request: ModelRequest) -> str:
        raise ModelError("down", retryable=True)

    with pytest.raises(ModelError, match="down"):
        ask(FunctionModel(fail))


# Scripts


def test_the_reply_follows_from_the_conversation_not_from_earlier_requests() -> None:
    model = ScriptedModel(["zero", ModelReply(text="one"), "two"])
    asked = [2, 0, 1, 1]
    assert [ask(model, conversation(number)).text for number in asked] == [
        "two",
        "zero",
        "one",
        "one",
    ]


def test_remembered_replies_of_earlier_runs_do_not_count() -> None:
    assert ask(ScriptedModel(["zero", "one"]), conversation(1, remembered=3)).text == "one"


def test_past_the_end_the_error_tells_how_many_there_are_and_which_was_wanted() -> None:
    model = ScriptedModel(["zero", "one"])
    with pytest.raises(ModelError, match=r"holds 2 replies.*number 3") as caught:
        ask(model, conversation(2))
    assert caught.value.retryable is False
    assert caught.value.provider == "scripted"


def test_an_exception_in_the_script_is_raised_with_a_fresh_traceback() -> None:
    model = ScriptedModel([ModelError("busy", status_code=529, retryable=True)])

    def depth() -> int:
        with pytest.raises(ModelError, match="busy") as caught:
            ask(model)
        return len(caught.traceback)

    assert depth() == depth() == depth()


def test_a_function_in_the_script_may_answer_differently_each_time() -> None:
    answers = iter([ModelError("busy", retryable=True), None])

    def flaky(request: ModelRequest) -> str:
        error = next(answers)
        if error is not None:
            raise error
        return greet(request)

    model = ScriptedModel([flaky, greet_later])
    with pytest.raises(ModelError):
        ask(model)
    assert ask(model).text == "You said Hello"
    assert ask(model, conversation(1)).text == "You said done"


def test_a_scripted_model_keeps_the_requests_it_got() -> None:
    model = ScriptedModel(["zero"], name="mine")
    log = MessageLog([Message("user", "Hello")])
    request = ModelRequest(log.view(), settings={"temperature": 0})
    ask(model, request)
    log.append(Message("assistant", "zero"))
    assert model.requests == [request]
    assert len(model.requests[0].messages) == 1
    assert (model.name, repr(model)) == ("mine", "ScriptedModel(1 replies, name='mine')")


@pytest.mark.parametrize(("replies", "words"), [("abc", "list of replies"), (["a", 5], "reply 1.*int")])
def test_a_script_of_something_else_is_refused(replies: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        ScriptedModel(replies)
