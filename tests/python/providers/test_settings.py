"""How settings reach each provider."""

from __future__ import annotations

from typing import Any

import pytest

from haltpoint.exceptions import ModelError
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
