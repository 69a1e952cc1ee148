"""Telling what a visitor sends on purpose from what another site lets their browser send."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.requests import Request

    from haltpoint.inbox.access import Visitor
    from haltpoint.inbox.sessions import Sessions

__all__ = [
    "FORM_TOKEN_FIELD",
    "FORM_TOKEN_HEADER",
    "comes_from_elsewhere",
    "is_forged_call",
    "is_forged_form",
    "says_same_origin",
]

FORM_TOKEN_FIELD = "form_token"  # noqa: S105 - its name
FORM_TOKEN_HEADER = "X-Form-Token"  # noqa: S105 - its name


def comes_from_elsewhere(request: Request) -> bool:
    """Whether the browser says that a page of another site sent this. Programs that are no browsers say nothing."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != request.headers["host"].lower()


def says_same_origin(request: Request) -> bool:
    """Whether the browser says that one of our own pages sent this, which no other site's page can make it say."""
    origin = request.headers.get("origin")
    is_said = origin is not None or request.headers.get("sec-fetch-site") == "same-origin"
    return is_said and not comes_from_elsewhere(request)


def is_forged_form(request: Request, visitor: Visitor, sessions: Sessions, form_token: str | None) -> bool:
    """Whether a form may have been sent by a page of another site.

    Args:
        request: the request that brings the form.
        visitor: who it claims to come from.
        sessions: examines the token.
        form_token: the token in the form.
    """
    if comes_from_elsewhere(request) or visitor.session is None:
        return True
    return form_token is None or not sessions.is_form_token(visitor.session, form_token)


def is_forged_call(request: Request, visitor: Visitor, sessions: Sessions) -> bool:
    """Whether a call of the JSON API may have been sent by a page of another site.

    Such a page can't say that it sends JSON without a permission that is never given; what comes here did say so.
    """
    if visitor.has_bearer_token:
        return False
    if comes_from_elsewhere(request):
        return True
    if visitor.session is None:
        return False
    return not sessions.is_form_token(visitor.session, request.headers.get(FORM_TOKEN_HEADER, ""))
