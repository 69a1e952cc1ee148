"""Who is allowed in, and under which name."""

from __future__ import annotations

import hmac
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from haltpoint.run.names import plain_name

if TYPE_CHECKING:
    from haltpoint.inbox.sessions import Sessions

__all__ = ["Access", "Authenticate", "Visitor"]

Authenticate: TypeAlias = Callable[[Request], "str | Awaitable[str | None] | None"]


@dataclass(frozen=True)
class Visitor:
    """Somebody who is allowed in.

    Attributes:
        name: under which name they decide.
        session: what their browser carries along; None before it was given something.
        has_bearer_token: whether the request itself brought the token, which no browser does on its own.
    """

    name: str
    session: str | None
    has_bearer_token: bool = False


class Access:
    """Tells who sends a request: by the user's own function where there is one, else by the token.

    Args:
        authenticate: gets the request, returns a name, or None or a blank text to refuse; plain or async.
        token: what lets in whoever brings it, where there is no function.
        by: the name under which the bearer of the token decides.
        sessions: examines what browsers carry along.
    """

    def __init__(self, authenticate: Authenticate | None, token: str | None, by: str, sessions: Sessions) -> None:
        self.sessions = sessions
        self._authenticate = authenticate
        self._token = token
        self._by = by

    @property
    def signs_in(self) -> bool:
        """Whether people sign in here, with the token."""
        return self._token is not None

    async def visitor(self, request: Request) -> Visitor | None:
        """Return who sends the request, or None where they are not allowed in.

        Raises:
            TypeError: the user's function returned something else than a name or None.
            ValueError: it returned a text that can't be a name.
        """
        session = self._session(request)
        if self._authenticate is not None:
            name = await self._authenticated(self._authenticate, request)
            return None if name is None else Visitor(name, session)
        if self.is_token(_bearer_token(request)):
            return Visitor(self._by, session, has_bearer_token=True)
        return None if session is None else Visitor(self._by, session)

    def is_token(self, given: str | None) -> bool:
        """Whether this is the token. Takes as long whatever the answer is."""
        if self._token is None or given is None:
            return False
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode())

    def _session(self, request: Request) -> str | None:
        session = request.cookies.get(self.sessions.cookie_name)
        return session if session is not None and self.sessions.is_valid(session) else None

    async def _authenticated(self, authenticate: Authenticate, request: Request) -> str | None:
        # A plain function may ask a directory or a database: the event loop does not wait for it.
        is_async = inspect.iscoroutinefunction(authenticate)
        answer = authenticate(request) if is_async else await run_in_threadpool(authenticate, request)
        return _checked_name(await answer if inspect.isawaitable(answer) else answer)


def _checked_name(name: object) -> str | None:
    if name is None:
        return None
    if not isinstance(name, str):
        raise TypeError(f"authenticate must return a name or None, got {type(name).__name__}")
    try:
        # A proxy's header that is there and empty names nobody.
        return plain_name(name) or None
    except ValueError as error:
        raise ValueError(f"the name that authenticate returned {error}") from None


def _bearer_token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
