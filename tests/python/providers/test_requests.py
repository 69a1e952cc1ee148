"""What is refused before it is sent, and what in the environment decides where it goes."""

from __future__ import annotations

from typing import Any

import pytest

from haltpoint.models import Message, ToolCall
from haltpoint.models.provider import ProviderModel, validate_settings
from support.asking_providers import ANTHROPIC, ask, failure
from support.provider_server import ProviderServer


def test_text_that_is_no_unicode_is_refused_before_it_is_sent(provider_server: ProviderServer) -> None:
    error = failure(ANTHROPIC, [Message("user", "\ud800")])
    assert "can't be written" in str(error)
    assert not error.retryable
    assert provider_server.requests == []


def test_a_request_without_json_form_says_so(provider_server: ProviderServer) -> None:
    call = ToolCall("clock", {"at": float("nan")}, "c1")
    error = failure(ANTHROPIC, [Message("user", "?"), Message("assistant", None, (call,))])
    assert not error.retryable
    assert provider_server.requests == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpt-4o", 'write the model as "provider/model"'),
        ("/gpt-4o", "provider/model"),
        ("openai/", "provider/model"),
        ("", "provider/model"),
        ("opneai/gpt-4o", "known are openai, openai-responses, anthropic"),
    ],
)
def test_a_wrong_model_name_says_how_to_write_it(name: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ProviderModel(name)


@pytest.mark.parametrize("provider", ProviderModel.providers())
def test_each_provider_is_reached_at_the_address_in_the_environment(
    provider_server: ProviderServer, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    stem = provider.upper().replace("-", "_")
    monkeypatch.setenv(f"{stem}_BASE_URL", f"{provider_server.url}/at/{provider}")
    for name in (f"{stem}_API_KEY", "OPENAI_API_KEY", "DASHSCOPE_API_KEY", "OLLAMA_API_KEY", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "some-key")
    error = failure(f"{provider}/vendor/model-1")
    assert error.provider == provider
    assert error.status_code == 404
    assert provider_server.requests[0].path.startswith(f"/at/{provider}/")


@pytest.mark.parametrize(
    ("provider", "base_url", "path"),
    [
        ("anthropic", "/proxy", "/proxy/v1/messages"),
        ("anthropic", "/proxy/v1/", "/proxy/v1/messages"),
        ("openai", "/proxy/", "/proxy/chat/completions"),
        ("openai-responses", "/proxy", "/proxy/responses"),
        ("gemini", "", "/v1beta/models/model-1:generateContent"),
        ("groq", "", "/openai/v1/chat/completions"),
        ("mistral", "", "/v1/chat/completions"),
        ("ollama", "", "/v1/chat/completions"),
    ],
)
def test_a_base_url_has_the_form_of_the_providers_own_sdk(
    provider_server: ProviderServer, monkeypatch: pytest.MonkeyPatch, provider: str, base_url: str, path: str
) -> None:
    stem = provider.split("-", maxsplit=1)[0].upper()
    monkeypatch.setenv(f"{stem}_BASE_URL", provider_server.url + base_url)
    monkeypatch.setenv(f"{stem}_API_KEY", "some-key")
    failure(f"{provider}/model-1")
    assert provider_server.requests[0].path == path


def test_a_provider_goes_by_its_other_name_as_well() -> None:
    assert ProviderModel("google/gemini-3-flash").provider == "gemini"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"temprature": 1}, "unknown setting 'temprature'; known are temperature, top_p"),
        ({"temperature": "hot"}, "'temperature' must be a number, not str"),
        ({"max_tokens": 1.5}, "'max_tokens' must be an int"),
        ({"stop_sequences": "x"}, "a list of str"),
        ({"stop_sequences": [1]}, "a list of str"),
        ({"parallel_tool_calls": 1}, "a bool"),
        ({"extra_headers": {"a": 1}}, "a dict of str to str"),
        ({"extra_body": []}, "a dict"),
        ({"reasoning_effort": 3}, "a str"),
    ],
)
def test_a_wrong_setting_is_a_type_error(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        validate_settings(settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": -1},
        {"temperature": float("nan")},
        {"max_tokens": 0},
        {"max_tokens": 2**32},
        {"timeout": 0},
        {"seed": -1},
        {"reasoning_effort": "huge"},
    ],
)
def test_a_setting_out_of_range_is_a_value_error(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        validate_settings(settings)


def test_a_setting_of_none_is_the_default(provider_server: ProviderServer) -> None:
    provider_server.script("Hello.")
    assert ask(ANTHROPIC, settings={"temperature": None}).text == "Hello."
    assert "temperature" not in provider_server.last
