"""How settings reach each provider."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from haltpoint.exceptions import ModelError
from haltpoint.models import ToolSpec
from support.asking_providers import (
    ANTHROPIC,
    BEDROCK,
    CHAT,
    GEMINI,
    QUESTION,
    RESPONSES,
    ask,
)
from support.provider_server import ProviderServer

SETTINGS = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 100}


@pytest.mark.parametrize("name", ["gpt-5.1-codex-max", "o4-mini-high", "mistral-medium"])
@pytest.mark.parametrize("provider", ["openai", "openai-responses", "mistral"])
def test_a_name_that_ends_like_an_effort_is_sent_whole(
    provider_server: ProviderServer, provider: str, name: str
) -> None:
    provider_server.script("Hello.")
    ask(f"{provider}/{name}", [QUESTION])
    assert provider_server.last["model"] == name
    assert not {"reasoning", "reasoning_effort"} & provider_server.last.keys()


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


@pytest.mark.parametrize(
    ("model", "max_tokens", "effort", "thinking"),
    [
        ("claude-opus-4-8", 128_000, "xhigh", "adaptive"),
        ("claude-opus-4-6", 64_000, "high", "adaptive"),
        ("claude-opus-4-5-20251101", 64_000, "high", None),
        ("claude-opus-4-20250514", 32_000, None, "enabled"),
        ("claude-sonnet-5", 64_000, "xhigh", "adaptive"),
        ("claude-sonnet-4-6", 64_000, "high", "adaptive"),
        ("claude-sonnet-4-20250514", 64_000, None, "enabled"),
        ("claude-haiku-5", 128_000, "xhigh", "adaptive"),
        ("claude-fable-1", 128_000, "xhigh", "adaptive"),
        ("claude-3-5-sonnet-20241022", 8192, None, "enabled"),
        ("claude-3-haiku-20240307", 4096, None, "enabled"),
        ("a-model-of-tomorrow", 64_000, None, "enabled"),
    ],
)
def test_a_model_of_anthropic_is_asked_for_what_it_can_do(
    provider_server: ProviderServer, model: str, max_tokens: int, effort: str | None, thinking: str | None
) -> None:
    provider_server.script("Hello.")
    ask(f"anthropic/{model}", [QUESTION], settings={"reasoning_effort": "xhigh"})
    sent = provider_server.last
    assert sent["max_tokens"] == max_tokens
    assert sent.get("output_config", {}).get("effort") == effort
    assert sent.get("thinking", {}).get("type") == thinking


def test_a_model_that_thinks_by_itself_is_told_not_to(provider_server: ProviderServer) -> None:
    for model, expected in [("claude-sonnet-5", {"type": "disabled"}), ("claude-sonnet-4-6", None)]:
        provider_server.script("Hello.")
        ask(f"anthropic/{model}", [QUESTION], settings={"reasoning_effort": "none"})
        assert provider_server.last.get("thinking") == expected


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        ("mistral/mistral-small-latest", {"seed": 7}, {"random_seed": 7}),
        ("openai/gpt-5.1", {"max_tokens": 9}, {"max_completion_tokens": 9}),
        ("fireworks/some-model", {}, {"max_tokens": 512_000, "model": "accounts/fireworks/models/some-model"}),
        ("fireworks/accounts/me/models/mine", {"max_tokens": 9}, {"max_tokens": 9, "model": "accounts/me/models/mine"}),
        ("deepseek/deepseek-chat", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        (
            "deepseek/deepseek-chat",
            {"reasoning_effort": "high"},
            {"thinking": {"type": "enabled"}, "reasoning_effort": "high"},
        ),
    ],
)
def test_a_setting_goes_by_the_providers_own_name(
    provider_server: ProviderServer,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    settings: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    monkeypatch.setenv("FIREWORKS_BASE_URL", f"{provider_server.url}/v1")
    monkeypatch.setenv("FIREWORKS_API_KEY", provider_server.key)
    with contextlib.suppress(ModelError):
        # What the strict server thinks of the fields does not matter here.
        ask(model, [QUESTION], settings=settings)
    assert {name: provider_server.last.get(name) for name in expected} == expected


def test_a_header_of_the_settings_takes_the_place_of_one_of_its_name(provider_server: ProviderServer) -> None:
    provider_server.script("Hello.")
    ask(ANTHROPIC, [QUESTION], settings={"extra_headers": {"Anthropic-Version": "2029-01-01"}})
    assert provider_server.requests[-1].headers["anthropic-version"] == "2029-01-01"


@pytest.mark.parametrize("headers", [{"a b": "c"}, {"x": "c\n"}, {"": "c"}])
def test_a_header_that_http_lacks_is_named(provider_server: ProviderServer, headers: dict[str, str]) -> None:
    with pytest.raises(ModelError, match="header") as caught:
        ask(CHAT, [QUESTION], settings={"extra_headers": headers})
    assert not caught.value.retryable
    assert provider_server.requests == []


def test_a_strict_tool_may_take_a_type_that_holds_itself(provider_server: ProviderServer) -> None:
    node = {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/Node", "description": "what follows"}, "n": {"type": "integer"}},
        "required": ["n"],
    }
    schema = {
        "type": "object",
        "properties": {"first": {"$ref": "#/$defs/Node", "description": "where it begins"}},
        "$defs": {"Node": node},
    }
    provider_server.script("Hello.")
    ask(CHAT, [QUESTION], [ToolSpec("walk", "Walk.", schema, strict=True)])
    parameters = provider_server.last["tools"][0]["function"]["parameters"]
    first = parameters["properties"]["first"]
    assert (parameters["required"], parameters["additionalProperties"]) == (["first"], False)
    assert (first["description"], first["required"], first["additionalProperties"]) == (
        "where it begins",
        ["next", "n"],
        False,
    )
    assert first["properties"]["next"] == {"$ref": "#/$defs/Node"}
    assert parameters["$defs"]["Node"]["additionalProperties"] is False


def test_alternatives_that_exclude_each_other_go_as_the_strict_mode_takes_them(provider_server: ProviderServer) -> None:
    def tagged(kind: str, **fields: Any) -> dict[str, Any]:
        return {"type": "object", "properties": {"kind": {"const": kind}, **fields}, "required": ["kind"]}

    def sent_for(*alternatives: dict[str, Any]) -> dict[str, Any]:
        schema = {"type": "object", "properties": {"pet": {"oneOf": list(alternatives)}}}
        provider_server.script("Hello.")
        ask(CHAT, [QUESTION], [ToolSpec("keep", "Keep.", schema, strict=True)])
        pet: dict[str, Any] = provider_server.last["tools"][0]["function"]["parameters"]["properties"]["pet"]
        return pet

    apart = sent_for(tagged("cat"), tagged("dog", barks={"type": "boolean"}))
    assert list(apart) == ["anyOf"]
    assert apart["anyOf"][1]["required"] == ["kind", "barks"]
    assert list(sent_for(tagged("cat"), tagged("cat"))) == ["oneOf"]
