"""Conversations with the providers' protocols, against a loopback provider that is as strict as they are."""

from __future__ import annotations

import json

import pytest

from haltpoint.models import Message, ToolCall, ToolSpec
from support.asking_providers import (
    ANTHROPIC,
    BEDROCK,
    CHAT,
    GEMINI,
    MODELS,
    QUESTION,
    RESPONSES,
    SYSTEM,
    WEATHER,
    ask,
    effort_for,
    result,
    said,
    tool_loop,
)
from support.provider_server import Answer, Call, ProviderServer
from support.wire_gemini import GeminiWire


@pytest.mark.parametrize("model", MODELS)
def test_a_text_answer_comes_back_with_its_usage(provider_server: ProviderServer, model: str) -> None:
    provider_server.script("Hello.")
    reply = ask(model, [SYSTEM, QUESTION], tools=())
    assert (reply.text, reply.tool_calls) == ("Hello.", ())
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (10, 5)


@pytest.mark.parametrize("model", MODELS)
def test_parallel_calls_are_answered_in_one_go(provider_server: ProviderServer, model: str) -> None:
    calls = [Call("weather", {"city": "Rome"}), Call("clock"), Call("weather", {"city": "Oslo", "days": 2})]
    messages = tool_loop(provider_server, model, Answer("Let me see.", calls))
    assert messages[2].content == "Let me see."
    assert [(call.name, call.args) for call in messages[2].tool_calls] == [(call.name, call.args) for call in calls]
    assert len({call.id for call in messages[2].tool_calls}) == 3


@pytest.mark.parametrize("model", MODELS)
def test_calls_without_text_go_back_without_text(provider_server: ProviderServer, model: str) -> None:
    messages = tool_loop(provider_server, model, Answer(None, [Call("clock")]))
    assert messages[2].content is None


@pytest.mark.parametrize("model", MODELS)
def test_results_are_put_in_the_order_of_their_calls(provider_server: ProviderServer, model: str) -> None:
    provider_server.script(Answer(calls=[Call("weather", {"city": "Rome"}), Call("clock")]), "Done.")
    reply = said(ask(model, [QUESTION]))
    first, second = reply.tool_calls
    assert ask(model, [QUESTION, reply, result(second), result(first)]).text == "Done."


@pytest.mark.parametrize("model", MODELS)
def test_a_call_without_a_result_is_answered_all_the_same(provider_server: ProviderServer, model: str) -> None:
    provider_server.script("I see.")
    calls = (ToolCall("clock", {}, "a1"), ToolCall("clock", {}, "a2"))
    messages = [
        QUESTION,
        Message("assistant", None, calls),
        result(calls[1]),
        result(ToolCall("clock", {}, "stranger")),
    ]
    assert ask(model, messages).text == "I see."
    assert "No result was recorded" in json.dumps(provider_server.last)
    assert "stranger" not in json.dumps(provider_server.last)


@pytest.mark.parametrize("model", MODELS)
def test_ids_and_names_of_other_origin_are_made_acceptable(provider_server: ProviderServer, model: str) -> None:
    provider_server.script("Fine.")
    odd = ToolCall("functions.we ather", {"city": "Rome"}, "call#weather#0 / " + "x" * 80)
    twice = ToolCall("clock", {}, "call_1")
    messages = [QUESTION]
    for call in (odd, twice, odd, twice):
        messages += [Message("assistant", "", (call,)), result(call)]
    assert ask(model, messages).text == "Fine."


@pytest.mark.parametrize("model", MODELS)
def test_the_same_conversation_is_always_written_alike(provider_server: ProviderServer, model: str) -> None:
    provider_server.script("Fine.", "Fine.")
    call = ToolCall("clock", {}, "odd id")
    for _ in range(2):
        ask(model, [QUESTION, Message("assistant", None, (call,)), result(call)])
    first, second = provider_server.requests
    assert first.body == second.body


@pytest.mark.parametrize("model", MODELS)
def test_malformed_arguments_of_the_past_go_back_as_an_object(provider_server: ProviderServer, model: str) -> None:
    provider_server.script("Fine.")
    call = ToolCall("weather", '{"city": "Ro', "c1")
    assert ask(model, [QUESTION, Message("assistant", None, (call,)), result(call, is_error=True)]).text == "Fine."


@pytest.mark.parametrize("model", MODELS)
def test_blank_messages_and_empty_results_are_accepted(provider_server: ProviderServer, model: str) -> None:
    provider_server.script("Fine.")
    call = ToolCall("clock", {}, "c1")
    messages = [
        Message("system", " "),
        Message("user", ""),
        Message("assistant", ""),
        QUESTION,
        Message("assistant", "\n", (call,)),
        result(call, "", is_error=True),
    ]
    assert ask(model, messages).text == "Fine."


@pytest.mark.parametrize("model", MODELS)
def test_a_new_question_may_follow_tool_results(provider_server: ProviderServer, model: str) -> None:
    provider_server.script("Fine.")
    call = ToolCall("clock", {}, "c1")
    messages = [QUESTION, Message("assistant", None, (call,)), result(call), Message("user", "And tomorrow?")]
    if model == GEMINI:
        provider_server.protocols["gemini"] = GeminiWire(with_ids=False)
    assert ask(model, messages).text == "Fine."


def test_a_mistral_model_gets_its_turns_wherever_it_is_served(provider_server: ProviderServer) -> None:
    provider_server.script("Fine.")
    call = ToolCall("clock", {}, "c1")
    ask("openai/devstral-small", [QUESTION, Message("assistant", None, (call,)), result(call), QUESTION])
    assert [message["role"] for message in provider_server.last["messages"]] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]


@pytest.mark.parametrize("model", MODELS)
def test_a_conversation_with_calls_needs_no_tools_on_offer(provider_server: ProviderServer, model: str) -> None:
    provider_server.script("Fine.")
    call = ToolCall("clock", {}, "c1")
    assert ask(model, [QUESTION, Message("assistant", None, (call,)), result(call), QUESTION], tools=()).text == "Fine."


@pytest.mark.parametrize("model", MODELS)
def test_a_large_result_with_any_text_arrives_whole(provider_server: ProviderServer, model: str) -> None:
    provider_server.script("Fine.")
    call = ToolCall("clock", {}, "c1")
    large = 'ü"\\\u2028\x00 ' * 200_000
    ask(model, [QUESTION, Message("assistant", None, (call,)), result(call, large)])
    assert json.dumps(large)[1:-1] in json.dumps(provider_server.last)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("origin", MODELS)
def test_a_conversation_begun_with_another_model_goes_on(
    provider_server: ProviderServer, origin: str, model: str
) -> None:
    first = Answer("Let me see.", [Call("weather", {"city": "Rome"}), Call("clock")], reasoning=["I wonder."])
    messages = tool_loop(provider_server, origin, first, effort_for(origin))
    # In the middle of a loop of the first model, and after it.
    provider_server.script("Fine.", "Fine.")
    assert ask(model, messages[:-1], settings=effort_for(model)).text == "Fine."
    assert ask(model, [*messages, QUESTION], settings=effort_for(model)).text == "Fine."


@pytest.mark.parametrize("name", ["web_search", "googleSearch"])
@pytest.mark.parametrize("model", MODELS)
def test_a_tool_named_like_a_built_in_one_stays_a_function(
    provider_server: ProviderServer, model: str, name: str
) -> None:
    provider_server.script(Answer(calls=[Call(name, {"city": "x"})]))
    tool = ToolSpec(name, "Searches.", WEATHER.parameters)
    assert ask(model, [QUESTION], tools=[tool]).tool_calls[0].name == name


@pytest.mark.parametrize("model", [CHAT, RESPONSES])
def test_malformed_arguments_come_back_as_text(provider_server: ProviderServer, model: str) -> None:
    provider_server.script(Answer(calls=[Call("weather", '{"city": "Ro')]), Answer(calls=[Call("clock", "")]))
    assert ask(model, [QUESTION]).tool_calls[0].args == '{"city": "Ro'
    assert ask(model, [QUESTION]).tool_calls[0].args == "{}"


def test_anthropic_is_told_which_results_are_errors(provider_server: ProviderServer) -> None:
    provider_server.script("Fine.")
    calls = (ToolCall("clock", {}, "c1"), ToolCall("clock", {}, "c2"))
    ask(
        ANTHROPIC,
        [QUESTION, Message("assistant", None, calls), result(calls[0], "no", is_error=True), result(calls[1])],
    )
    failed, fine = provider_server.last["messages"][2]["content"]
    assert failed["is_error"] is True
    assert "is_error" not in fine


def test_bedrock_is_told_in_words_which_results_are_errors(provider_server: ProviderServer) -> None:
    provider_server.script("Fine.")
    call = ToolCall("clock", {}, "c1")
    ask(BEDROCK, [QUESTION, Message("assistant", None, (call,)), result(call, "it is broken", is_error=True)])
    block = provider_server.last["messages"][2]["content"][0]["toolResult"]
    assert block["content"] == [{"text": "Error: it is broken"}]


def test_system_messages_stand_where_each_protocol_wants_them(provider_server: ProviderServer) -> None:
    provider_server.script(*["Hello."] * 4)
    messages = [SYSTEM, Message("system", "Be kind."), QUESTION]
    ask(ANTHROPIC, messages)
    assert provider_server.last["system"] == "Be brief.\n\nBe kind."
    ask(CHAT, messages)
    assert [message["role"] for message in provider_server.last["messages"]] == ["system", "system", "user"]
    ask(RESPONSES, messages)
    assert provider_server.last["instructions"] == "Be brief.\n\nBe kind."
    ask(GEMINI, messages)
    assert provider_server.last["systemInstruction"] == {"parts": [{"text": "Be brief.\n\nBe kind."}]}


@pytest.mark.parametrize("model", [CHAT, RESPONSES])
def test_a_strict_tool_gets_the_schema_that_strict_mode_wants(provider_server: ProviderServer, model: str) -> None:
    provider_server.script("Hello.")
    ask(model, [QUESTION], tools=[ToolSpec("weather", "The weather.", WEATHER.parameters, strict=True)])
    tool = provider_server.last["tools"][0]
    function = tool.get("function", tool)
    assert function["strict"] is True
    assert function["parameters"]["required"] == ["city", "days"]
