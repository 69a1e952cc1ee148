"""Answers that never end, or that are too large: a request stops reading at its limit."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from haltpoint.models import ModelReply
from haltpoint.models.provider import validate_settings
from support.asking_providers import BEDROCK, CHAT, ONE_OF_EACH_PROTOCOL, ask, failure
from support.provider_server import Answer, Endless, ProviderServer, Raw

MEBIBYTE = 1024 * 1024
ASKING = """
import asyncio, re
from pathlib import Path
from haltpoint.exceptions import ModelError
from haltpoint.models import Message, ModelRequest
from haltpoint.models.provider import ProviderModel

async def ask():
    try:
        await ProviderModel("openai/gpt-4o-mini").request(ModelRequest([Message("user", "Hello?")]))
    except ModelError as error:
        return str(error)

def most_memory():
    return int(re.search("VmHWM:\\s*([0-9]+) kB", Path("/proc/self/status").read_text())[1])

before = most_memory()
print(asyncio.run(ask()))
print(most_memory() - before)
"""


def _chat_body(text: str, **fields: Any) -> bytes:
    choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return json.dumps({"choices": [choice], **fields}).encode()


def _ask_elsewhere(server: ProviderServer) -> tuple[str, int]:
    """The error of a request that a process of its own makes, and the mebibytes that it takes at most.

    The process starts anew: what it inherits of its parent does not count there.
    """
    variables = {**os.environ, **server.environment(), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", ASKING], env=variables, capture_output=True, text=True, timeout=60, check=True
    )
    message, kibibytes = done.stdout.splitlines()
    return message, int(kibibytes) // 1024


@pytest.mark.parametrize("model", [*ONE_OF_EACH_PROTOCOL, BEDROCK])
def test_an_endless_answer_ends_at_the_limit(provider_server: ProviderServer, model: str) -> None:
    provider_server.script(Endless())
    error = failure(model, settings={"max_response_bytes": 3 * MEBIBYTE})
    assert f"more than the {3 * MEBIBYTE} bytes that `max_response_bytes` allows" in str(error)
    assert (error.status_code, error.retryable) == (None, False)
    assert provider_server.client_gone.wait(5)


def test_without_a_setting_the_limit_is_64_mebibytes_and_memory_stays_near_it(provider_server: ProviderServer) -> None:
    provider_server.script(Endless())
    message, mebibytes = _ask_elsewhere(provider_server)
    assert f"more than the {64 * MEBIBYTE} bytes that `max_response_bytes` allows" in message
    assert 32 < mebibytes < 200


def test_a_compressed_answer_is_not_unfolded(provider_server: ProviderServer) -> None:
    bomb = gzip.compress(_chat_body("x" * (256 * MEBIBYTE)))
    provider_server.script(Raw(bomb, headers={"Content-Encoding": "gzip"}))
    message, mebibytes = _ask_elsewhere(provider_server)
    assert "compressed" in message
    assert "gzip" in message
    assert mebibytes < 64
    assert "accept-encoding" not in provider_server.requests[0].headers


def test_an_answer_of_very_many_small_values_is_not_read(provider_server: ProviderServer) -> None:
    provider_server.script(Raw(b'{"choices": [' + b"0," * (30 * MEBIBYTE) + b"0]}"))
    message, mebibytes = _ask_elsewhere(provider_server)
    assert "values" in message
    assert mebibytes < 200


@pytest.mark.parametrize("length", ["said", "unsaid"])
def test_the_limit_is_the_last_size_that_is_read(provider_server: ProviderServer, length: str) -> None:
    body = _chat_body("Hello.")
    headers = {} if length == "said" else {"Transfer-Encoding": "chunked"}
    sent = body if length == "said" else b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    provider_server.script(Raw(sent, headers=headers), Raw(sent, headers=headers))
    assert _ask_with_limit(len(body)).text == "Hello."
    error = failure(CHAT, settings={"max_response_bytes": len(body) - 1})
    assert f"more than the {len(body) - 1} bytes" in str(error)


def _ask_with_limit(limit: int) -> ModelReply:
    return ask(CHAT, settings={"max_response_bytes": limit})


def test_commas_and_brackets_within_texts_are_no_values(provider_server: ProviderServer) -> None:
    text = '[{,"\\' * MEBIBYTE
    provider_server.script(Answer(text))
    assert ask(CHAT).text == text


@pytest.mark.parametrize("code", [400, 429, 503])
def test_an_endless_error_keeps_its_status(provider_server: ProviderServer, code: int) -> None:
    provider_server.script(Endless(code))
    error = failure(CHAT)
    assert (error.status_code, error.retryable) == (code, code != 400)
    assert provider_server.client_gone.wait(5)


@pytest.mark.parametrize("wrong", [0, -1, 2**27 + 1, True, 1.5, "1"])
def test_a_limit_is_a_number_of_bytes(wrong: object) -> None:
    with pytest.raises((TypeError, ValueError), match="max_response_bytes"):
        validate_settings({"max_response_bytes": wrong})
