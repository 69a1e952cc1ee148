"""What holds for each request and each answer, before anything looks at who sent it."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response

from haltpoint.inbox.api import problem_response
from haltpoint.inbox.error_pages import RefusedError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HEADERS", "LOOPBACK_NAMES", "Guard", "checked_host"]

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")

_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_ORIGIN = re.compile(rf"null|[A-Za-z][A-Za-z0-9+.-]*://(?:{_HOST.pattern})(?::[0-9]{{1,5}})?")

_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types haltpoint",
    )
)

HEADERS = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # With no-referrer, browsers would send forms with an Origin of null.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """Refuses requests for names that are not ours, and has each answer say what a browser may do with it.

    A page of another site can let its own name stand for the loopback address (DNS rebinding), and then counts as the
    same origin: only the name in the request tells.

    Args:
        app: what is guarded.
        hosts: the names under which it may be asked for, without a port.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._answering(scope)(scope, receive, send_with_headers)

    def _answering(self, scope: Scope) -> ASGIApp:
        if not self._is_ours(scope):
            return _refusal(scope, "wrong_host", "This server is not known under the name that was asked for.")
        if not _has_fit_origin(scope):
            return _refusal(scope, "bad_request", "The Origin header is malformed.")
        return self._app

    def _is_ours(self, scope: Scope) -> bool:
        hosts = Headers(scope=scope).getlist("host")
        return len(hosts) == 1 and _without_port(hosts[0].lower()) in self._hosts


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def checked_host(host: str) -> str:
    """Return a name under which browsers may ask for the page.

    Raises:
        ValueError: it is none, such as an address with a scheme, a port or a path.
    """
    if _HOST.fullmatch(host) is None:
        raise ValueError(
            f"a host is a name such as inbox.example.com, without a scheme, a port or a path, not {host!r}"
        )
    return host


def _has_fit_origin(scope: Scope) -> bool:
    origins = Headers(scope=scope).getlist("origin")
    return not origins or (len(origins) == 1 and _ORIGIN.fullmatch(origins[0]) is not None)


def _refusal(scope: Scope, name: str, message: str) -> Response:
    path: str = scope["path"]
    if path.removeprefix(scope.get("root_path", "")).startswith("/api/"):
        return problem_response(RefusedError(400, name, message))
    return PlainTextResponse(f"{message}\n", status_code=400)
