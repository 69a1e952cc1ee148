"""A model provider on the loopback interface that refuses what the real ones refuse.

It speaks Anthropic Messages, OpenAI Chat Completions, OpenAI Responses, Gemini generateContent and Bedrock Converse.
Each valid request is answered with the next item of the script; each invalid one with 400 and the reason, as by the
provider itself.
"""

from __future__ import annotations

import json
import queue
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typing_extensions import Self

from support.wire import Answer, Call, Cut, Endless, Raw, Refusal, Script, Stall, Status, WireProtocol, require
from support.wire_anthropic import AnthropicWire
from support.wire_bedrock import BedrockWire
from support.wire_chat import ChatWire
from support.wire_gemini import GeminiWire
from support.wire_responses import ResponsesWire

__all__ = [
    "Answer",
    "Call",
    "Cut",
    "Endless",
    "ProviderServer",
    "Raw",
    "Recorded",
    "Stall",
    "Status",
    "provider_server",
]

_MODEL_PATHS = {
    "gemini": re.compile(r"/v1beta/models/([^/:]+):generateContent"),
    "bedrock": re.compile(r"/model/([^/]+)/converse"),
}
_PATIENCE = 20.0
_CHUNK = b"100000\r\n" + b" " * 0x100000 + b"\r\n"


@dataclass
class Recorded:
    """A request as it came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class ProviderServer:
    """The provider, in a thread of its own. A context manager.

    Attributes:
        key: the API key that it accepts.
        requests: what it was sent, valid or not.
        client_gone: set once a client has gone away from a stalled or an endless answer.
    """

    key = "key-0123456789abcdef"

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.client_gone = threading.Event()
        self.stalled = threading.Event()
        self.protocols: dict[str, WireProtocol] = {
            "/v1/messages": AnthropicWire(),
            "/v1/chat/completions": ChatWire(),
            "/v1/responses": ResponsesWire(),
            "/mistral/v1/chat/completions": ChatWire(mistral=True),
            "/deepseek/v1/chat/completions": ChatWire(thinks_aloud=True),
            "gemini": GeminiWire(),
            "bedrock": BedrockWire(),
        }
        self._script: queue.SimpleQueue[Script] = queue.SimpleQueue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def script(self, *items: Script | str) -> None:
        """Add answers; a str is one of text."""
        for item in items:
            self._script.put(Answer(item) if isinstance(item, str) else item)

    def forget_script(self) -> None:
        """Forget the answers that nobody asked for."""
        while not self._script.empty():
            self._script.get()

    @property
    def last(self) -> dict[str, Any]:
        """The body of the latest request."""
        return self.requests[-1].body

    def environment(self) -> dict[str, str]:
        """Variables that lead a program here instead of to the providers."""
        addresses = {
            "OPENAI": f"{self.url}/v1",
            "ANTHROPIC": self.url,
            "GEMINI": self.url,
            "BEDROCK": self.url,
            "MISTRAL": f"{self.url}/mistral/v1",
            "DEEPSEEK": f"{self.url}/deepseek/v1",
        }
        keys = {f"{name}_API_KEY": self.key for name in addresses}
        return {**keys, **{f"{name}_BASE_URL": address for name, address in addresses.items()}}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next_item(self) -> Script:
        """The next item of the script."""
        try:
            return self._script.get_nowait()
        except queue.Empty:
            return Status(500, "the test's script is over")


@pytest.fixture
def provider_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProviderServer]:
    """A loopback provider that the environment points to for the length of a test."""
    with ProviderServer() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield server


class _Handler(BaseHTTPRequestHandler):
    provider: ProviderServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        recorded = Recorded(self.path, headers, json.loads(body))
        self.provider.requests.append(recorded)
        place, model = self._protocol_of(recorded)
        protocol = self.provider.protocols.get(place)
        if protocol is None:
            self._send_json(404, {"error": {"message": f"no such path: {self.path}"}})
            return
        try:
            self._check(protocol, recorded, model)
        except (Refusal, KeyError, TypeError, ValueError) as error:
            status = error.status if isinstance(error, Refusal) else 400
            self._send_json(status, protocol.error(status, f"{type(error).__name__}: {error}"))
            return
        self._perform(self.provider.next_item(), protocol, model)

    def _protocol_of(self, recorded: Recorded) -> tuple[str, str]:
        for name, pattern in _MODEL_PATHS.items():
            match = pattern.fullmatch(recorded.path)
            if match:
                return name, match[1]
        return recorded.path, str(recorded.body.get("model"))

    def _check(self, protocol: WireProtocol, recorded: Recorded, model: str) -> None:
        key = protocol.key_of(recorded.headers)
        if key != self.provider.key:
            raise Refusal(f"Incorrect API key provided: {key}", 401)
        require(recorded.headers.get("content-type") == "application/json", "content-type must be application/json")
        require(not recorded.body.get("stream"), "stream: not asked for here")
        protocol.check(recorded.body, model)

    def _perform(self, item: Script, protocol: WireProtocol, model: str) -> None:
        if isinstance(item, Answer):
            self._send_json(200, protocol.render(item, model))
        elif isinstance(item, Status):
            self._send_json(item.code, protocol.error(item.code, item.message), dict(item.headers))
        elif isinstance(item, Raw):
            body = item.body.encode() if isinstance(item.body, str) else item.body
            self._send(200, body, item.content_type, dict(item.headers))
        elif isinstance(item, Endless):
            self._send_for_ever(item.code)
        elif isinstance(item, Cut):
            self._begin()
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._begin()
            self.provider.stalled.set()
            self._wait_for_departure()

    def _begin(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b'{"half":')
        self.wfile.flush()
        self.close_connection = True

    def _send_for_ever(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        self.connection.settimeout(_PATIENCE)
        try:
            while True:
                self.wfile.write(_CHUNK)
        except ConnectionError:
            self.provider.client_gone.set()

    def _wait_for_departure(self) -> None:
        self.connection.settimeout(_PATIENCE)
        try:
            gone = self.connection.recv(1) == b""
        except ConnectionError:
            gone = True
        if gone:
            self.provider.client_gone.set()

    def _send_json(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(body).encode(), "application/json", headers or {})

    def _send(self, status: int, body: bytes, content_type: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if "Transfer-Encoding" not in headers:
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Write nothing: what a test prints is its own."""


def _handler_for(server: ProviderServer) -> type[_Handler]:
    return type("Handler", (_Handler,), {"provider": server})
