"""What providers do instead of answering, and what becomes of it."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import time
import weakref
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest

from haltpoint.bridge import LoopBridge
from haltpoint.exceptions import ModelError
from haltpoint.models import Message, ModelReply, ModelRequest, ToolCall
from haltpoint.models.provider import ProviderModel, validate_settings
from support.provider_server import Answer, Call, Cut, ProviderServer, Raw, Stall, Status, provider_server

__all__ = ["provider_server"]

MODELS = ["anthropic/claude-sonnet-4-6", "openai/gpt-4o-mini", "openai-responses/gpt-5-mini", "gemini/gemini-3-flash"]
QUESTION = ModelRequest([Message("user", "Hello?")])
VARIABLES = {
    "anthropic": "ANTHROPIC_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openai-responses": "OPENAI_API_KEY",
    "gemini": "GEMINI_API_KEY",
}


def ask(model: str, request: ModelRequest = QUESTION) -> ModelReply:
    return asyncio.run(ProviderModel(model).request(request))


def failure(model: str, request: ModelRequest = QUESTION) -> ModelError:
    with pytest.raises(ModelError) as caught:
        ask(model, request)
    return caught.value


@pytest.mark.parametrize("model", MODELS)
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
    assert failure(MODELS[0]).retry_after == seconds


def test_a_wait_until_a_date_is_counted_from_now(provider_server: ProviderServer) -> None:
    until = datetime.now(timezone.utc) + timedelta(seconds=90)
    provider_server.script(Status(503, "later", {"Retry-After": format_datetime(until, usegmt=True)}))
    wait = failure(MODELS[1]).retry_after
    assert wait is not None
    assert 80 < wait <= 90


def test_a_provider_may_say_itself_not_to_ask_again(provider_server: ProviderServer) -> None:
    provider_server.script(Status(429, "your quota is used up", {"x-should-retry": "false"}))
    assert not failure(MODELS[1]).retryable


@pytest.mark.parametrize("model", MODELS)
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
    error = failure(MODELS[1])
    assert (error.status_code, error.retryable) == (429, True)
    assert "the upstream is busy" in str(error)


def test_an_unreachable_provider_may_be_tried_again(
    monkeypatch: pytest.MonkeyPatch, provider_server: ProviderServer
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://user:hidden@127.0.0.1:1/v1")
    error = failure(MODELS[1])
    assert (error.status_code, error.retryable) == (None, True)
    assert "hidden" not in str(error)


@pytest.mark.parametrize("model", MODELS)
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


@pytest.mark.parametrize("model", MODELS)
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
        assert provider_server.key[:5] not in str(failure(MODELS[1]))


def test_a_key_is_read_when_the_request_is_made(
    provider_server: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    model = ProviderModel("openai/gpt-4o-mini")
    monkeypatch.setenv("OPENAI_API_KEY", provider_server.key)
    provider_server.script("Hello.")
    assert asyncio.run(model.request(QUESTION)).text == "Hello."


def test_a_long_message_of_a_provider_is_shortened(provider_server: ProviderServer) -> None:
    provider_server.script(Status(400, "long " * 1000))
    assert len(str(failure(MODELS[1]))) <= 500


@pytest.mark.parametrize(
    ("model", "stop"),
    [(MODELS[0], "max_tokens"), (MODELS[1], "length"), (MODELS[2], "max_output_tokens"), (MODELS[3], "MAX_TOKENS")],
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
    [(MODELS[0], "refusal"), (MODELS[1], "content_filter"), (MODELS[2], "content_filter"), (MODELS[3], "SAFETY")],
)
def test_a_filtered_answer_is_an_error(provider_server: ProviderServer, model: str, stop: str) -> None:
    provider_server.script(Answer(None, stop=stop))
    error = failure(model)
    assert "held the answer back" in str(error)
    assert not error.retryable


def test_a_refusal_in_words_is_an_answer(provider_server: ProviderServer) -> None:
    message = {"role": "assistant", "content": None, "refusal": "I would rather not."}
    provider_server.script(Raw(json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]})))
    assert ask(MODELS[1]).text == "I would rather not."


@pytest.mark.parametrize("model", MODELS)
def test_an_answer_may_be_empty(provider_server: ProviderServer, model: str) -> None:
    provider_server.script(Answer(None))
    reply = ask(model)
    assert (reply.text, reply.tool_calls) == (None, ())


def test_a_slow_answer_ends_at_the_timeout(provider_server: ProviderServer) -> None:
    provider_server.script(Stall())
    error = failure(MODELS[0], ModelRequest(QUESTION.messages, settings={"timeout": 0.3}))
    assert error.retryable
    assert "did not answer within 0.3 s" in str(error)
    assert provider_server.client_gone.wait(5)


def test_cancelling_closes_the_connection_at_once(provider_server: ProviderServer) -> None:
    async def main() -> None:
        task = asyncio.create_task(ProviderModel(MODELS[0]).request(QUESTION))
        await asyncio.to_thread(provider_server.stalled.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(provider_server.client_gone.wait, 5)

    provider_server.script(Stall())
    asyncio.run(main())


def test_a_loop_may_end_with_requests_under_way(
    provider_server: ProviderServer, capfd: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        tasks.append(asyncio.create_task(ProviderModel(MODELS[1]).request(QUESTION)))
        await asyncio.to_thread(provider_server.stalled.wait, 5)

    tasks: list[asyncio.Task[ModelReply]] = []
    provider_server.script(Stall())
    asyncio.run(main())
    assert tasks[0].cancelled()
    assert provider_server.client_gone.wait(5)
    assert capfd.readouterr() == ("", "")


def test_many_requests_share_a_loop_and_many_threads_have_their_own(provider_server: ProviderServer) -> None:
    async def several() -> list[ModelReply]:
        model = ProviderModel(MODELS[1])
        return await asyncio.gather(*(model.request(QUESTION) for _ in range(20)))

    def in_a_thread() -> None:
        replies.extend(asyncio.run(several()))

    replies: list[ModelReply] = []
    provider_server.script(*["Hello."] * 80)
    threads = [threading.Thread(target=in_a_thread) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [reply.text for reply in replies] == ["Hello."] * 80


def test_a_bridge_keeps_no_loop_alive() -> None:
    async def main() -> weakref.ref[asyncio.AbstractEventLoop]:
        assert LoopBridge.current() is LoopBridge.current()
        LoopBridge.current().wait(1)
        return weakref.ref(asyncio.get_running_loop())

    first = asyncio.run(main())
    second = asyncio.run(main())
    gc.collect()
    assert first() is None
    assert second is not None


def test_text_that_is_no_unicode_is_refused_before_it_is_sent(provider_server: ProviderServer) -> None:
    error = failure(MODELS[0], ModelRequest([Message("user", "\ud800")]))
    assert "can't be written" in str(error)
    assert not error.retryable
    assert provider_server.requests == []


def test_a_request_without_json_form_says_so(provider_server: ProviderServer) -> None:
    call = ToolCall("clock", {"at": float("nan")}, "c1")
    error = failure(MODELS[0], ModelRequest([Message("user", "?"), Message("assistant", None, (call,))]))
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
    assert ask(MODELS[0], ModelRequest(QUESTION.messages, settings={"temperature": None})).text == "Hello."
    assert "temperature" not in provider_server.last


def run_program(source: str, server: ProviderServer, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program of its own, with the loopback provider in its environment.

    Newer Pythons warn of every fork of a process with threads; whether one works is for the test to find out.
    """
    variables = {**os.environ, **server.environment(), **environment, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", source],
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


PRELUDE = """
import asyncio, os, sys, threading
from haltpoint.exceptions import ForkedProcessError, ModelError
from haltpoint.models import Message, ModelRequest
from haltpoint.models.provider import ProviderModel
model = ProviderModel("openai/gpt-4o-mini")
request = ModelRequest([Message("user", "Hello?")])
"""


def test_proxies_of_the_environment_are_not_used_for_this_machine(provider_server: ProviderServer) -> None:
    provider_server.script("Hello.")
    nowhere = dict.fromkeys(("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"), "http://127.0.0.1:1")
    done = run_program(PRELUDE + "print(asyncio.run(model.request(request)).text)", provider_server, **nowhere)
    assert (done.stdout, done.stderr) == ("Hello.\n", "")


def test_an_interpreter_may_exit_with_requests_under_way(provider_server: ProviderServer) -> None:
    provider_server.script(Stall())
    source = (
        PRELUDE
        + """
def work():
    asyncio.run(model.request(request))
threading.Thread(target=work, daemon=True).start()
sys.stdin.readline()
"""
    )
    variables = {**os.environ, **provider_server.environment(), "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", source],
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        assert provider_server.stalled.wait(20)
        started = time.monotonic()
        assert program.communicate(b"\n", timeout=20) == (b"", b"")
        assert time.monotonic() - started < 10
        assert program.returncode == 0


def test_a_forked_child_is_told_so(provider_server: ProviderServer) -> None:
    provider_server.script("Hello.")
    source = (
        PRELUDE
        + """
asyncio.run(model.request(request))
if os.fork() == 0:
    try:
        asyncio.run(model.request(request))
    except ForkedProcessError as error:
        print("forked" if "spawn" in str(error) else error, flush=True)
    os._exit(0)
os.wait()
"""
    )
    done = run_program(source, provider_server)
    assert (done.stdout, done.stderr) == ("forked\n", "")


def test_a_fork_before_the_first_request_does_no_harm(provider_server: ProviderServer) -> None:
    provider_server.script("Hello.")
    source = (
        PRELUDE
        + """
if os.fork() == 0:
    print(asyncio.run(model.request(request)).text, flush=True)
    os._exit(0)
os.wait()
"""
    )
    done = run_program(source, provider_server)
    assert (done.stdout, done.stderr) == ("Hello.\n", "")
