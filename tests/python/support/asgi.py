"""Asking an ASGI application within this process, without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

__all__ = ["Told", "asked"]


@dataclass(frozen=True)
class Told:
    """What the application answered."""

    status: int
    headers: list[tuple[str, str]]
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)

    def header(self, name: str) -> str | None:
        """The last header of this name."""
        return next((value for found, value in reversed(self.headers) if found == name), None)


def asked(
    app: Any,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    scheme: str = "http",
) -> Told:
    """Send one request and return the answer."""
    return asyncio.run(_asked(app, method, target, {"host": "localhost", **(headers or {})}, body, scheme))


async def _asked(app: Any, method: str, target: str, headers: Mapping[str, str], body: bytes, scheme: str) -> Told:
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    told = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
    return Told(sent[0]["status"], told, b"".join(part.get("body", b"") for part in sent[1:]).decode())
