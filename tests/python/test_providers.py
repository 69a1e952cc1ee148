"""Conversations with the providers' protocols, against a loopback provider that is as strict as they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from haltpoint.exceptions import ModelError
from haltpoint.models import Message, ModelReply, ModelRequest, ToolCall, ToolSpec
from haltpoint.models.provider import ProviderModel
from support.provider_server import Answer, Call, ProviderServer, provider_server
from support.wire_gemini import GeminiWire

__all__ = ["provider_server"]

ANTHROPIC = "anthropic/claude-sonnet-4-6"
LEGACY_ANTHROPIC = "anthropic/claude-sonnet-4-5"
CHAT = "openai/gpt-4o-mini"
RESPONSES = "openai-responses/gpt-5-mini"
GEMINI = "gemini/gemini-3-flash"
MISTRAL = "mistral/mistral-small-latest"
DEEPSEEK = "deepseek/deepseek-chat"
BEDROCK = "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0"
MODELS = [ANTHROPIC, LEGACY_ANTHROPIC, CHAT, RESPONSES, GEMINI, MISTRAL, DEEPSEEK, BEDROCK]

WEATHER = ToolSpec(
    "weather",
    "The weather of a city.",
    {
        "type": "object",
        "properties": {"city": {"$ref": "#/$defs/City"}, "days": {"type": "integer", "default": 1}},
        "required": ["city"],
        "$defs": {"City": {"type": "string", "description": "its name"}},
    },
)
CLOCK = ToolSpec("clock", "The time.", {})
SYSTEM = Message("system", "Be brief.")
QUESTION = Message("user", "How is the weather?")


def ask(
    model: str | ProviderModel,
    messages: Sequence[Message],
    tools: Sequence[ToolSpec] = (WEATHER, CLOCK),
    settings: Mapping[str, Any] | None = None,
) -> ModelReply:
    """One request in an event loop of its own."""
    provider = ProviderModel(model) if isinstance(model, str) else model
    return asyncio.run(provider.request(ModelRequest(messages, tools, settings or {})))


def said(reply: ModelReply) -> Message:
    """The message that a run keeps of a reply."""
    calls = tuple(
        ToolCall(call.name, json.loads(call.args) if isinstance(call.args, str) else call.args, call.id)
        for call in reply.tool_calls
    )
    return Message("assistant", reply.text, calls, provider_data=json.loads(json.dumps(reply.provider_data)))


def result(call: ToolCall, content: str = "fine", *, is_error: bool = False) -> Message:
    return Message("tool", content, tool_call_id=call.id, name=call.name, is_error=is_error)


def effort_for(model: str) -> dict[str, str]:
    return {} if model == BEDROCK else {"reasoning_effort": "low"}


def tool_loop(
    server: ProviderServer, model: str, first: Answer, settings: Mapping[str, Any] | None = None
) -> list[Message]:
    """A conversation in which the model called tools, got the results, and answered."""
    server.script(first, "It is fine.")
    messages = [SYSTEM, QUESTION]
    reply = ask(model, messages, settings=settings)
    messages.append(said(reply))
    messages += [result(call, f"result {index}") for index, call in enumerate(messages[-1].tool_calls)]
    messages.append(said(ask(model, messages, settings=settings)))
    assert messages[-1].content == "It is fine."
    return messages


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


@pytest.mark.parametrize("model", [ANTHROPIC, LEGACY_ANTHROPIC])
def test_thinking_comes_back_in_its_order_and_unchanged(provider_server: ProviderServer, model: str) -> None:
    first = Answer("Let me see.", [Call("clock"), Call("clock")], reasoning=["First.", None, "Second."])
    messages = tool_loop(provider_server, model, first, {"reasoning_effort": "medium"})
    kinds = [block["type"] for block in provider_server.last["messages"][1]["content"]]
    assert kinds == ["thinking", "redacted_thinking", "thinking", "text", "tool_use", "tool_use"]
    assert messages[2].provider_data["provider"] == "anthropic"


@pytest.mark.parametrize("model", [ANTHROPIC, LEGACY_ANTHROPIC])
def test_thinking_goes_on_through_a_loop_in_which_the_model_thought_once(
    provider_server: ProviderServer, model: str
) -> None:
    provider_server.script(Answer(calls=[Call("clock")], reasoning=["Hm."]), Answer(calls=[Call("clock")]), "Fine.")
    messages = [QUESTION]
    for _ in range(3):
        messages.append(said(ask(model, messages, settings={"reasoning_effort": "low"})))
        messages += [result(call) for call in messages[-1].tool_calls]
    assert messages[-1].content == "Fine."
    assert "thinking" in provider_server.last


def test_thinking_rests_in_a_loop_that_began_without(provider_server: ProviderServer) -> None:
    provider_server.script(Answer(calls=[Call("clock")]), "Fine.", "Fine.")
    effort = {"reasoning_effort": "low"}
    reply = said(ask(LEGACY_ANTHROPIC, [QUESTION]))
    loop = [QUESTION, reply, result(reply.tool_calls[0])]
    ask(LEGACY_ANTHROPIC, loop, settings=effort)
    assert "thinking" not in provider_server.last
    ask(LEGACY_ANTHROPIC, [*loop, Message("assistant", "Fine."), QUESTION], settings=effort)
    assert provider_server.last["thinking"]["type"] == "enabled"


def test_approved_arguments_replace_those_that_were_thought_of(provider_server: ProviderServer) -> None:
    provider_server.script(Answer(calls=[Call("weather", {"city": "Rome"})], reasoning=["Rome?"]), "Fine.")
    effort = {"reasoning_effort": "low"}
    reply = said(ask(ANTHROPIC, [QUESTION], settings=effort))
    changed = Message(
        "assistant",
        None,
        (ToolCall("weather", {"city": "Oslo"}, reply.tool_calls[0].id),),
        provider_data=reply.provider_data,
    )
    ask(ANTHROPIC, [QUESTION, changed, result(changed.tool_calls[0])], settings=effort)
    thinking, call = provider_server.last["messages"][1]["content"]
    assert thinking["thinking"] == "Rome?"
    assert call["input"] == {"city": "Oslo"}


def test_responses_reasoning_comes_back_encrypted(provider_server: ProviderServer) -> None:
    tool_loop(provider_server, RESPONSES, Answer("Let me see.", [Call("clock")], reasoning=["I wonder."]))
    kinds = [item["type"] for item in provider_server.last["input"]]
    assert kinds == ["message", "reasoning", "message", "function_call", "function_call_output"]
    assert provider_server.last["include"] == ["reasoning.encrypted_content"]
    assert provider_server.last["store"] is False


def test_responses_reasoning_without_its_content_is_left_out(provider_server: ProviderServer) -> None:
    tool_loop(provider_server, RESPONSES, Answer(calls=[Call("clock")], reasoning=[None]))
    assert [item["type"] for item in provider_server.last["input"]] == [
        "message",
        "function_call",
        "function_call_output",
    ]


def test_responses_without_reasoning_asks_for_none(provider_server: ProviderServer) -> None:
    provider_server.script("Hello.")
    assert ask("openai-responses/gpt-4o", [QUESTION]).text == "Hello."
    assert "include" not in provider_server.last


def test_deepseek_gets_its_reasoning_back_with_the_calls(provider_server: ProviderServer) -> None:
    tool_loop(provider_server, DEEPSEEK, Answer(calls=[Call("clock")], reasoning=["I wonder."]))
    assert provider_server.last["messages"][2]["reasoning_content"] == "I wonder."


def test_mistral_gets_its_reasoning_back_in_the_content(provider_server: ProviderServer) -> None:
    messages = tool_loop(provider_server, MISTRAL, Answer("Let me see.", [Call("clock")], reasoning=["I wonder."]))
    assert messages[2].content == "Let me see."
    assert [chunk["type"] for chunk in provider_server.last["messages"][2]["content"]] == ["thinking", "text"]


@pytest.mark.parametrize("with_ids", [True, False])
def test_gemini_signatures_and_ids_come_back_where_they_were(provider_server: ProviderServer, with_ids: bool) -> None:
    provider_server.protocols["gemini"] = GeminiWire(with_ids=with_ids)
    tool_loop(provider_server, GEMINI, Answer("Let me see.", [Call("weather", {"city": "Rome"}), Call("clock")]))
    _, first, second = provider_server.last["contents"][1]["parts"]
    assert first["thoughtSignature"].startswith("sig-")
    assert "thoughtSignature" not in second
    assert ("id" in second["functionCall"]) is with_ids


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


@pytest.mark.parametrize("name", ["gpt-5.1-codex-max", "o4-mini-high", "mistral-medium"])
@pytest.mark.parametrize("provider", ["openai", "openai-responses", "mistral"])
def test_a_name_that_ends_like_an_effort_is_sent_whole(
    provider_server: ProviderServer, provider: str, name: str
) -> None:
    provider_server.script("Hello.")
    ask(f"{provider}/{name}", [QUESTION])
    assert provider_server.last["model"] == name
    assert not {"reasoning", "reasoning_effort"} & provider_server.last.keys()


SETTINGS = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 100}


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        (
            ANTHROPIC,
            {"stop_sequences": ["x"], "parallel_tool_calls": False},
            {
                "max_tokens": 100,
                "stop_sequences": ["x"],
                "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
            },
        ),
        (
            CHAT,
            {"stop_sequences": ["x"], "seed": 7, "parallel_tool_calls": False},
            {"max_tokens": 100, "stop": ["x"], "seed": 7, "parallel_tool_calls": False},
        ),
        (
            RESPONSES,
            {"parallel_tool_calls": True, "reasoning_effort": "low"},
            {"max_output_tokens": 100, "parallel_tool_calls": True, "reasoning": {"effort": "low"}},
        ),
        (
            GEMINI,
            {"stop_sequences": ["x"], "seed": 7},
            {
                "generationConfig": {
                    "temperature": 0.5,
                    "stopSequences": ["x"],
                    "maxOutputTokens": 100,
                    "topP": 0.9,
                    "seed": 7,
                }
            },
        ),
    ],
)
def test_settings_reach_the_provider(
    provider_server: ProviderServer, model: str, settings: dict[str, Any], expected: dict[str, Any]
) -> None:
    provider_server.script("Hello.")
    ask(
        model,
        [QUESTION],
        settings={
            **SETTINGS,
            **settings,
            "extra_body": {"metadata": {"k": "v"}} if model != GEMINI else None,
            "extra_headers": {"X-Team": "blue"},
        },
    )
    sent = provider_server.last
    assert {name: sent[name] for name in expected} == expected
    assert provider_server.requests[-1].headers["x-team"] == "blue"
    assert model == GEMINI or (sent["temperature"], sent["top_p"], sent["metadata"]) == (0.5, 0.9, {"k": "v"})


@pytest.mark.parametrize(
    ("model", "setting"),
    [
        (ANTHROPIC, {"seed": 1}),
        (RESPONSES, {"seed": 1}),
        (RESPONSES, {"stop_sequences": ["x"]}),
        (GEMINI, {"parallel_tool_calls": True}),
        (BEDROCK, {"seed": 1}),
        (BEDROCK, {"reasoning_effort": "low"}),
        (BEDROCK, {"extra_body": {"x": 1}}),
    ],
)
def test_a_setting_that_the_provider_lacks_is_an_error(
    provider_server: ProviderServer, model: str, setting: dict[str, Any]
) -> None:
    with pytest.raises(ModelError, match=f'has no setting "{next(iter(setting))}"') as caught:
        ask(model, [QUESTION], settings=setting)
    assert not caught.value.retryable
    assert provider_server.requests == []
