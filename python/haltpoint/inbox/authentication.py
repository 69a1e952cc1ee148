"""Lets in who may come in; all others see the page for signing in, or a program its refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from haltpoint.inbox.api import problem_response
from haltpoint.inbox.context import Site, site_of
from haltpoint.inbox.csrf import comes_from_elsewhere
from haltpoint.inbox.error_pages import RefusedError
from haltpoint.inbox.signing_in import give_session, sign_in_page

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Door"]

_TOKEN_PARAMETER = "token"  # noqa: S105 - the name of it
_OPEN = ("/static/", "/sign-in")


class Door:
    """Knows the visitor of each request, as `request.state.visitor`, or does not let it through."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        path = _path(scope) if scope["type"] == "http" else ""
        if scope["type"] != "http" or path.startswith(_OPEN):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        site = site_of(request)
        if site.access.signs_in and _TOKEN_PARAMETER in request.query_params and request.method == "GET":
            await _without_token(site, request)(scope, receive, send)
            return
        visitor = await site.access.visitor(request)
        if visitor is None:
            await _refusal(site, request, path)(scope, receive, send)
            return
        request.state.visitor = visitor
        if visitor.session is None and not visitor.has_bearer_token and not path.startswith("/api/"):
            # The user's own function let them in: what tells their forms from others' is given to them here.
            send = _giving_session(site, request, send)
        await self._app(scope, receive, send)


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _without_token(site: Site, request: Request) -> Response:
    """Take the token out of the address, where others could read it, and remember that it was right."""
    url = request.url.remove_query_params(_TOKEN_PARAMETER)
    target = f"{url.path}?{url.query}" if url.query else url.path
    # A browser takes two slashes for the beginning of another host's name.
    response = RedirectResponse(f"/{target.lstrip('/')}", status_code=303)
    if site.access.is_token(request.query_params[_TOKEN_PARAMETER]):
        give_session(site, request, response)
    return response


def _refusal(site: Site, request: Request, path: str) -> Response:
    if path.startswith("/api/") or path == "/events":
        message = "bring the token: Authorization: Bearer TOKEN" if site.access.signs_in else "you are not let in"
        return problem_response(RefusedError(401, "unauthorized", message, headers={"WWW-Authenticate": "Bearer"}))
    return sign_in_page(request, is_wrong=False)


def _giving_session(site: Site, request: Request, send: Send) -> Send:
    if comes_from_elsewhere(request):
        return send
    cookies = Response()
    request.state.new_session = give_session(site, request, cookies)

    async def send_with_session(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                *message["headers"],
                *(pair for pair in cookies.raw_headers if pair[0] == b"set-cookie"),
            ]
        await send(message)

    return send_with_session
