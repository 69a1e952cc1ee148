"""The application: all that belongs to one inbox, put together."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from haltpoint.db.database import checked_database, named_database
from haltpoint.inbox.access import Access, Authenticate
from haltpoint.inbox.api import api_routes, problem_response
from haltpoint.inbox.authentication import Door
from haltpoint.inbox.change_feed import News
from haltpoint.inbox.context import Site
from haltpoint.inbox.error_pages import RefusedError
from haltpoint.inbox.events import events
from haltpoint.inbox.host_check import HEADERS, LOOPBACK_NAMES, Guard, checked_host
from haltpoint.inbox.pages import page_routes
from haltpoint.inbox.rendering import problem_page
from haltpoint.inbox.sessions import Sessions
from haltpoint.inbox.signing_in import sign_in, sign_out
from haltpoint.inbox.templating import environment
from haltpoint.run.attribution import checked_author

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from haltpoint.db.database import Database

__all__ = ["InboxApp", "create_app"]

# What an application that mounts this one leaves about itself.
_OUTER = ("app", "router", "endpoint", "path_params", "app_root_path")
# In characters.
_SHORTEST = 16
_STATIC = Path(__file__).parent / "static"


class InboxApp:
    """The inbox as an ASGI application, to be served or mounted.

    Attributes:
        token: what lets people in, and programs as a bearer token; None where the user's own function says who is.
    """

    def __init__(self, site: Site, token: str | None, hosts: Collection[str], *, owns_database: bool = False) -> None:
        self.token = token
        self._site = site
        self._owns_database = owns_database
        self._app = Starlette(
            routes=_routes(),
            middleware=[Middleware(Guard, hosts=hosts), Middleware(Door)],
            exception_handlers={HTTPException: _http_error, RefusedError: _problem, Exception: _failure},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        # Within an application that this one is mounted in, links would else be looked for among its routes.
        ours = {name: value for name, value in scope.items() if name not in _OUTER}
        ours.update({"haltpoint.inbox": self._site, "app_root_path": scope.get("root_path", "")})
        await self._app(ours, receive, send)

    def end_streams(self) -> None:
        """Let the pages go that wait for news, so that the server can stop. May be called from a signal handler."""
        self._site.news.end()

    def close(self) -> None:
        """Let the pages go that wait for news, and close the database, if it was given by its name."""
        self.end_streams()
        if self._owns_database:
            self._site.database.close()


def create_app(
    db: Database | str | os.PathLike[str] | None = None,
    *,
    authenticate: Authenticate | None = None,
    token: str | None = None,
    by: str | None = None,
    hosts: Collection[str] = (),
    secret: str | None = None,
    allow_erase: bool = False,
) -> InboxApp:
    """Return the inbox of a database as an ASGI application.

    Args:
        db: the database, which stays open as long as the application is served; or the path of its file, or its
            server's address, as for `--db`: it is opened until the application's `close`. By default the value of
            HALTPOINT_DB; without that, haltpoint.db in the current directory.
        authenticate: says who sends a request: gets the `starlette.requests.Request`, returns a name, which is kept
            with what that person decides, or None or a blank text to refuse. Plain or async. Without it, the token lets
            in.
        token: what lets in whoever brings it; made up where neither is given, see the application's `token`.
        by: the name under which the bearer of the token decides; by default the login name of this process.
        hosts: names besides those of the loopback addresses under which the application may be asked for, such as
            "inbox.example.com".
        secret: what sessions and their forms are signed with. Processes that serve the same inbox side by side, and a
            process that is to know the pages that were open before it started, need the same one. By default it is
            made of the token, or made up anew where there is none.
        allow_erase: whether the JSON API may erase and prune runs. Everybody who is let in can do it then.

    Raises:
        TypeError: `db` is something else.
        StoreError: the database can't be opened.
        ValueError: both `authenticate` and `token` or `by` are given, the token or the secret is shorter than 16
            characters, one of the hosts is no name, or `by` can't be the name of somebody.
    """
    if authenticate is not None and (token is not None or by is not None):
        raise ValueError("authenticate= says who decides: token= and by= are for an inbox without it")
    for name, given in (("token", token), ("secret", secret)):
        if given is not None and len(given) < _SHORTEST:
            raise ValueError(f"the {name} must have at least {_SHORTEST} characters: secrets.token_urlsafe() makes one")
    if authenticate is None:
        token = token or secrets.token_urlsafe(32)
        by = checked_author(by or _login_name(), "the inbox")
    access = Access(authenticate, token, by or "", Sessions(secret or token or secrets.token_urlsafe(32)))
    names = [checked_host(host) for host in hosts]
    is_named = db is None or isinstance(db, (str, os.PathLike))
    database = named_database(cast("str | os.PathLike[str] | None", db)) if is_named else checked_database(db)
    site = Site(database, access, News(database), environment(), allow_erase)
    return InboxApp(site, token, (*LOOPBACK_NAMES, *names), owns_database=is_named)


def _login_name() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError) as error:
        raise ValueError("this system does not tell your login name: say who decides, with by=") from error


def _routes() -> list[Route | Mount]:
    return [
        *page_routes(),
        Route("/sign-in", sign_in, methods=["POST"], name="sign_in"),
        Route("/sign-out", sign_out, methods=["POST"], name="sign_out"),
        Route("/events", events, name="events"),
        Mount("/api", routes=api_routes(), name="api"),
        Mount("/static", StaticFiles(directory=_STATIC), name="static"),
    ]


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette calls this for no others
    messages = {404: "There is no such page.", 405: "This can't be done here."}
    name = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    message = messages.get(error.status_code, error.detail)
    return await _problem(request, RefusedError(error.status_code, name, message, headers=error.headers))


async def _failure(request: Request, error: Exception) -> Response:
    """The answer where something unforeseen failed, such as the user's own function; the server's log has the error."""
    message = "Something failed in this server. Its log tells what."
    # No middleware sees this answer.
    headers = {**HEADERS, "Cache-Control": "no-store"}
    return await _problem(request, RefusedError(500, "internal_error", message, headers=headers))


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)  # noqa: S101 - Starlette calls this for no others
    if "/api/" in request.url.path:
        return problem_response(error)
    return await problem_page(request, error)
