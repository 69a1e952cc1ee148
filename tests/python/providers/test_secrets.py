"""Keys and the addresses of gateways stay out of errors, answers and the database, however they come back."""

from __future__ import annotations

import base64
import json
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest

from haltpoint import Agent, ModelError, SqliteDatabase
from support.asking_providers import CHAT, ask, failure
from support.provider_server import Answer, Call, ProviderServer, Raw, Status

KEY = 'sk-S3cr3t/Part+Key="q\\x-0123456789abcdef'
PASSWORD = "hunter2pw"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch, provider_server: ProviderServer) -> str:
    """A key with all that encodings change, which the provider accepts."""
    monkeypatch.setattr(provider_server, "key", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return KEY


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{PASSWORD}@[bad/v1",
        f"http://user:{PASSWORD}@127.0.0.1:99999/v1",
        f"user:{PASSWORD}@127.0.0.1/v1",
        f"http://user:{PASSWORD}@ho st/v1",
        f"://{PASSWORD}",
        PASSWORD,
        f"ftp://user:{PASSWORD}@127.0.0.1/v1",
        f"http://127.0.0.1:1/v1?key={PASSWORD}",
        f"http://127.0.0.1:1/v1#{PASSWORD}",
    ],
)
@pytest.mark.parametrize(
    "provider", ["openai", "anthropic", "gemini", "bedrock", "ollama", "ollama-cloud", "zai", "github"]
)
def test_an_unfit_address_is_named_by_its_variable_alone(
    monkeypatch: pytest.MonkeyPatch, provider: str, url: str
) -> None:
    variable = f"{provider.upper().replace('-', '_')}_BASE_URL"
    monkeypatch.setenv(variable, url)
    monkeypatch.setenv(_key_variable(provider), "key-0123456789abcdef")
    error = failure(f"{provider}/some-model")
    assert str(error).startswith(f"{variable} is not a URL that requests can be sent to")
    assert not error.retryable
    assert PASSWORD not in "".join(traceback.format_exception(error)) + repr(vars(error))


def _key_variable(provider: str) -> str:
    """The variable that a provider's key is taken from."""
    known = {"openai-responses": "OPENAI", "gemini": "GEMINI", "github": "GITHUB_TOKEN", "ollama-cloud": "OLLAMA"}
    stem = known.get(provider, provider.upper().replace("-", "_"))
    return stem if stem.endswith("_TOKEN") else f"{stem}_API_KEY"


@pytest.mark.parametrize(
    "place",
    [f"user:{PASSWORD}@{{}}/v1", f"{PASSWORD}@{{}}/v1", f"{{}}/proxy/{PASSWORD}/v1", "user:hunter%32pw@{}/v1"],
)
def test_what_a_server_repeats_of_its_address_is_masked(
    monkeypatch: pytest.MonkeyPatch, provider_server: ProviderServer, tmp_path: Path, place: str
) -> None:
    host = provider_server.url.removeprefix("http://")
    url = f"http://{place.format(host)}"
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    provider_server.script(Status(404, f"nothing under {url}, {PASSWORD}"))
    with SqliteDatabase(tmp_path / "runs.db") as database, pytest.raises(ModelError) as caught:
        Agent(CHAT, db=database).do("Hello.")
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (PASSWORD, "hunter%32pw"):
        assert secret not in "".join(traceback.format_exception(caught.value))
        assert secret.encode() not in content


@pytest.mark.parametrize(
    "echo",
    [
        KEY,
        KEY.upper(),
        f"Bearer {KEY}",
        " ".join(KEY),
        f"{KEY[:20]}\n{KEY[20:]}",
        KEY[:-4] + "...",
        quote(KEY, safe=""),
        json.dumps(KEY),
        KEY.replace('"', "&quot;"),
        "".join(f"\\u{ord(character):04x}" for character in KEY),
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(f"user:{KEY}".encode()).decode(),
        KEY.encode().hex(),
    ],
)
def test_a_key_is_recognised_however_a_message_writes_it(provider_server: ProviderServer, key: str, echo: str) -> None:
    provider_server.script(Status(400, f"wrong key: {echo}"))
    message = str(failure(CHAT))
    assert message.startswith("openai answered 400: wrong key: ")
    assert "***" in message
    # What stays is no more than the ends of an encoding.
    assert len(message.removeprefix("openai answered 400: wrong key: ").replace("***", "")) <= 14


def test_a_key_in_an_answer_is_masked(provider_server: ProviderServer, key: str) -> None:
    provider_server.script(Answer(f"Your key is {key}.", [Call(f"tool_{key}", {"deep": [key]})]))
    reply = ask(CHAT)
    assert reply.text == "Your key is ***."
    assert reply.tool_calls[0].name == "tool_***"
    assert key not in repr(reply)
    assert json.dumps(key)[1:-1] not in repr(reply)


@pytest.mark.parametrize(
    ("name", "value"), [("X-Gateway-Token", "gw-7Hd"), ("X-Team", f"gw-{KEY}"), ("Cookie", "sid=Zm9vOmJhcg")]
)
def test_a_secret_in_a_header_of_the_users_own_is_masked(
    provider_server: ProviderServer, name: str, value: str
) -> None:
    provider_server.script(Status(400, f"{name} is wrong: {value}"))
    message = str(failure(CHAT, settings={"extra_headers": {name: value}}))
    assert value not in message
    assert "***" in message


def test_a_plain_header_leaves_text_alone(provider_server: ProviderServer) -> None:
    provider_server.script(Status(400, "team blue is not known"))
    assert "team blue is not known" in str(failure(CHAT, settings={"extra_headers": {"X-Team": "blue"}}))


def test_a_placeholder_for_a_key_leaves_text_alone(
    monkeypatch: pytest.MonkeyPatch, provider_server: ProviderServer
) -> None:
    monkeypatch.setattr(provider_server, "key", "EMPTY")
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    provider_server.script("The list is EMPTY.", Status(400, "the model is unknown"), Raw('{"error": "not loaded"}'))
    assert ask(CHAT).text == "The list is EMPTY."
    assert str(failure(CHAT)) == "openai answered 400: the model is unknown"
