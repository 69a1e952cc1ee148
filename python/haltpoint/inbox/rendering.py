"""Pages as answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, Response

from haltpoint._concurrency.threads import in_thread
from haltpoint.inbox.context import site_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from haltpoint.inbox.access import Visitor
    from haltpoint.inbox.error_pages import RefusedError

__all__ = ["problem_page", "rendered"]


async def rendered(
    request: Request,
    template: str,
    values: Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a page. It is written in a thread: a long one keeps no other visitor waiting.

    Args:
        request: what it answers.
        template: the name of its template.
        values: what stands in it, besides what all pages have in common.
        status: the HTTP status.
        headers: further headers of the answer.
    """
    site = site_of(request)
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    session = getattr(request.state, "new_session", None) or (None if visitor is None else visitor.session)
    common = {
        "request": request,
        "visitor": visitor,
        "version": getattr(request.state, "version", ""),
        "now": int(time.time() * 1000),
        "signs_in": site.access.signs_in,
        "form_token": "" if session is None else site.sessions.form_token(session),
    }
    page = site.templates.get_template(template)
    return await in_thread(lambda: HTMLResponse(page.render(common, **values), status, dict(headers or {})))


async def problem_page(request: Request, problem: RefusedError) -> Response:
    """Return the page that tells a person of a problem."""
    return await rendered(request, "problem.html", {"problem": problem}, problem.status, problem.headers)
