"""What providers do instead of answering, and what becomes of it."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest

from haltpoint.models import ModelRequest
from haltpoint.models.provider import ProviderModel
from support.asking_providers import ANTHROPIC, CHAT, GEMINI, ONE_OF_EACH_PROTOCOL, QUESTION, RESPONSES, ask, failure
from support.provider_server import Answer, Call, Cut, ProviderServer, Raw, Status

VARIABLES = {
    "anthropic": "ANTHROPIC_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openai-responses": "OPENAI_API_KEY",
    "gemini": "GEMINI_API_KEY",
}


@pytest.mark.parametrize("model", ONE_OF_EACH_PROTOCOL)
@pytest.mark.parametrize(
    ("code", "retryable"),
    [
        (400, False),
        (401, False),
        (403, False),
        (404, False),
        (422, False),
        (408, True),
        (409, True),
        (429, True),
        (500, True),
        (503, True),
        (529, True),
    ],
)
def test_the_status_says_whether_to_ask_again(
    provider_server: ProviderServer, model: str, code: int, retryable: bool
) -> None:
    provider_server.script(Status(code, "no such luck"))
    error = failure(model)
    assert (error.status_code, error.retryable, error.retry_after) == (code, retryable, None)
    assert error.provider == model.split("/", maxsplit=1)[0]
    assert str(error) == f"{error.provider} answered {code}: no such luck"
    assert len(provider_server.requests) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "Retry-After": "1"}, 0.25),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "inf"}, None),
    ],
)
def test_the_wait_that_a_provider_asks_for_is_passed_on(
    provider_server: ProviderServer, headers: dict[str, str], seconds: float | None
) -> None:
    provider_server.script(Status(429, "slow down", headers))
    assert failure(ANTHROPIC).retry_after == seconds


def test_a_wait_until_a_date_is_counted_from_now(provider_server: ProviderServer) -> None:
    until = datetime.now(timezone.utc) + timedelta(seconds=90)
    provider_server.script(Status(503, "later", {"Retry-After": format_datetime(until, usegmt=True)}))
    wait = failure(CHAT).retry_after
    assert wait is not None
    assert 80 < wait <= 90


def test_a_provider_may_say_itself_not_to_ask_again(provider_server: ProviderServer) -> None:
    provider_server.script(Status(429, "your quota is used up", {"x-should-retry": "false"}))
    assert not failure(CHAT).retryable


@pytest.mark.parametrize("model", ONE_OF_EACH_PROTOCOL)
@pytest.mark.parametrize(
    "item",
    [
        Cut(),
        Raw('{"half":'),
        Raw("<html>Bad gateway</html>", "text/html"),
        Raw("[]"),
        Raw("{}"),
        Raw('{"content": 1, "choices": [{}], "output": 2}'),
    ],
    ids=["cut connection", "half a body", "a page", "a list", "nothing in it", "wrong types"],
)
def test_a_broken_answer_may_be_asked_for_again(provider_server: ProviderServer, model: str, item: Any) -> None:
    provider_server.script(item, "Hello.")
    error = failure(model)
    assert error.retryable
    assert error.status_code is None
    assert ask(model).text == "Hello."


def test_an_error_in_a_successful_answer_is_one(provider_server: ProviderServer) -> None:
    provider_server.script(Raw(json.dumps({"error": {"code": 429, "message": "the upstream is busy"}})))
    error = failure(CHAT)
    assert (error.status_code, error.retryable) == (429, True)
    assert "the upstream is busy" in str(error)


def test_an_unreachable_provider_may_be_tried_again(
    monkeypatch: pytest.MonkeyPatch, provider_server: ProviderServer
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://user:hidden@127.0.0.1:1/v1")
    error = failure(CHAT)
    assert (error.status_code, error.retryable) == (None, True)
    assert "hidden" not in str(error)


@pytest.mark.parametrize("model", ONE_OF_EACH_PROTOCOL)
def test_a_missing_key_is_named_and_nothing_is_sent(
    provider_server: ProviderServer, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    variable = VARIABLES[model.split("/", maxsplit=1)[0]]
    for value in (None, "", " "):
        monkeypatch.delenv(variable) if value is None else monkeypatch.setenv(variable, value)
        error = failure(model)
        assert variable in str(error)
        assert (error.status_code, error.retryable) == (None, False)
    assert provider_server.requests == []


@pytest.mark.parametrize("model", ONE_OF_EACH_PROTOCOL)
def test_a_key_never_shows(provider_server: ProviderServer, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    secret = "sk-very-secret-0987654321"
    monkeypatch.setenv(VARIABLES[model.split("/", maxsplit=1)[0]], secret)
    error = failure(model)
    assert (error.status_code, error.retryable) == (401, False)
    assert "Incorrect API key provided: ***" in str(error)
    assert secret not in repr(error)
    assert secret not in repr(ProviderModel(model))


def test_no_half_of_a_key_is_left_where_a_message_is_cut(provider_server: ProviderServer) -> None:
    for length in range(440, 500, 4):
        provider_server.script(Status(400, "x" * length + provider_server.key))
        assert provider_server.key[:5] not in str(failure(CHAT))


def test_a_key_is_read_when_the_request_is_made(
    provider_server: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    model = ProviderModel("openai/gpt-4o-mini")
    monkeypatch.setenv("OPENAI_API_KEY", provider_server.key)
    provider_server.script("Hello.")
    assert asyncio.run(model.request(ModelRequest([QUESTION]))).text == "Hello."


def test_a_long_message_of_a_provider_is_shortened(provider_server: ProviderServer) -> None:
    provider_server.script(Status(400, "long " * 1000))
    assert len(str(failure(CHAT))) <= 500


@pytest.mark.parametrize(
    ("model", "stop"),
    [(ANTHROPIC, "max_tokens"), (CHAT, "length"), (RESPONSES, "max_output_tokens"), (GEMINI, "MAX_TOKENS")],
)
def test_an_answer_cut_at_the_token_limit_is_kept_only_as_text(
    provider_server: ProviderServer, model: str, stop: str
) -> None:
    provider_server.script(
        Answer("Half a sen", stop=stop), Answer(None, [Call("clock")], stop=stop), Answer(None, stop=stop)
    )
    assert ask(model).text == "Half a sen"
    for _ in range(2):
        error = failure(model)
        assert "raise `max_tokens`" in str(error)
        assert not error.retryable


@pytest.mark.parametrize(
    ("model", "stop"),
    [(ANTHROPIC, "refusal"), (CHAT, "content_filter"), (RESPONSES, "content_filter"), (GEMINI, "SAFETY")],
)
def test_a_filtered_answer_is_an_error(provider_server: ProviderServer, model: str, stop: str) -> None:
    provider_server.script(Answer(None, stop=stop))
    error = failure(model)
    assert "held the answer back" in str(error)
    assert not error.retryable


def test_a_refusal_in_words_is_an_answer(provider_server: ProviderServer) -> None:
    message = {"role": "assistant", "content": None, "refusal": "I would rather not."}
    provider_server.script(Raw(json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]})))
    assert ask(CHAT).text == "I would rather not."


@pytest.mark.parametrize("model", ONE_OF_EACH_PROTOCOL)
def test_an_answer_may_be_empty(provider_server: ProviderServer, model: str) -> None:
    provider_server.script(Answer(None))
    reply = ask(model)
    assert (reply.text, reply.tool_calls) == (None, ())
