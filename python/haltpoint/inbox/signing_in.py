"""Signing in with the token, and out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, RedirectResponse, Response

from haltpoint.inbox.context import Site, site_of
from haltpoint.inbox.csrf import FORM_TOKEN_FIELD, comes_from_elsewhere, is_forged_form
from haltpoint.inbox.error_pages import RefusedError
from haltpoint.inbox.request_body import read_form

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["give_session", "sign_in", "sign_in_page", "sign_out"]


def give_session(site: Site, request: Request, response: Response) -> str:
    """Let the browser carry a new session along, which no script can read and no other site's page lets it send."""
    session = site.sessions.new()
    response.set_cookie(
        site.sessions.cookie_name,
        session,
        max_age=site.sessions.lasts,
        path=request.scope.get("root_path") or "/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return session


def sign_in_page(request: Request, *, is_wrong: bool) -> Response:
    """Return the page that asks for the token."""
    site = site_of(request)
    page = site.templates.get_template("sign_in.html").render(
        request=request,
        signs_in=site.access.signs_in,
        is_wrong=is_wrong,
        visitor=None,
        # Somebody sent a form from a page that was open since before their session ended.
        was_sending=request.method == "POST" and not is_wrong,
    )
    return HTMLResponse(page, 401)


async def sign_in(request: Request) -> Response:
    """Take the token from the form."""
    site = site_of(request)
    form = await read_form(request)
    if comes_from_elsewhere(request):
        raise RefusedError(403, "forbidden", "This form was sent by a page of another site.")
    if not site.access.is_token(form.get("token", "").strip()):
        return sign_in_page(request, is_wrong=True)
    response = RedirectResponse(request.url_for("inbox").path, status_code=303)
    give_session(site, request, response)
    return response


async def sign_out(request: Request) -> Response:
    """Let the browser forget its session."""
    site = site_of(request)
    form = await read_form(request)
    if is_forged_form(request, request.state.visitor, site.sessions, form.get(FORM_TOKEN_FIELD)):
        raise RefusedError(403, "forbidden", "This form was sent by a page of another site, or is too old.")
    response = RedirectResponse(request.url_for("inbox").path, status_code=303)
    response.delete_cookie(site.sessions.cookie_name, path=request.scope.get("root_path") or "/")
    return response
