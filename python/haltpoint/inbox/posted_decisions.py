"""What people send with the forms of a run's page: decisions, and that the run is to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from haltpoint.exceptions import HaltpointError
from haltpoint.inbox.cancelling import cancel
from haltpoint.inbox.context import Site, site_of
from haltpoint.inbox.csrf import FORM_TOKEN_FIELD, is_forged_form, says_same_origin
from haltpoint.inbox.decisions import decide, find_requirement
from haltpoint.inbox.error_pages import RefusedError, refusal_of
from haltpoint.inbox.forms import CHANGING, decision_of
from haltpoint.inbox.rendering import rendered
from haltpoint.inbox.request_body import read_form
from haltpoint.inbox.run_page import run_page_data
from haltpoint.resolution.changed_arguments import offered_tool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from haltpoint.run.requirements import RunRequirement

__all__ = ["form_routes"]

_TOO_OLD = (
    "Nothing was done yet. This page was older than your session here: the server was started anew, or you signed in "
    "again. What you typed is still there: look it over and send it once more."
)
_FORGED = (
    "Nothing was done: this form is too old, or comes from a page of another site. Open the page anew and try again."
)


def form_routes() -> list[Route]:
    """Return the routes that forms are sent to."""
    return [
        Route("/requirements/{requirement_id}/decision", _decide, methods=["POST"], name="decide"),
        Route("/runs/{run_id}/cancel", _cancel, methods=["POST"], name="cancel"),
    ]


async def _decide(request: Request) -> Response:
    site = site_of(request)
    form = await read_form(request)
    is_forged = _is_forged(site, request, form)
    if is_forged and not says_same_origin(request):
        raise RefusedError(403, "forbidden", _FORGED)
    requirement = await _found(site, request)
    try:
        if is_forged:
            raise RefusedError(403, "forbidden", _TOO_OLD)
        decision = decision_of(requirement, form, await _parameters(site, requirement, form))
        await decide(site.database, requirement, decision, request.state.visitor.name)
    except RefusedError as problem:
        return await _asked_again(site, request, requirement, problem, form)
    return _to_run(request, requirement.run_id or "", f"decided={requirement.id}")


async def _parameters(site: Site, requirement: RunRequirement, form: Mapping[str, str]) -> dict[str, Any]:
    """The JSON schema of the tool's arguments, where these are changed, as far as the run's journal has it."""
    if form.get("action") != CHANGING or requirement.run_id is None:
        return {}
    try:
        offered = await offered_tool(site.database, requirement.run_id, requirement.tool_execution.tool_name)
    except HaltpointError as error:
        raise refusal_of(error) from error
    parameters: dict[str, Any] = offered.get("parameters", {})
    return parameters


async def _cancel(request: Request) -> Response:
    site = site_of(request)
    form = await read_form(request)
    run_id: str = request.path_params["run_id"]
    if _is_forged(site, request, form):
        raise RefusedError(403, "forbidden", _FORGED)
    try:
        await cancel(site.database, run_id, interrupt="interrupt" in form, by=request.state.visitor.name)
    except HaltpointError as error:
        raise refusal_of(error) from error
    return _to_run(request, run_id, "cancelled=yes")


def _is_forged(site: Site, request: Request, form: Mapping[str, str]) -> bool:
    return is_forged_form(request, request.state.visitor, site.sessions, form.get(FORM_TOKEN_FIELD))


def _to_run(request: Request, run_id: str, news: str) -> Response:
    return RedirectResponse(f"{request.url_for('run', run_id=run_id).path}?{news}", status_code=303)


async def _found(site: Site, request: Request) -> RunRequirement:
    try:
        return await find_requirement(site.database, request.path_params["requirement_id"])
    except HaltpointError as error:
        raise refusal_of(error) from error


async def _asked_again(
    site: Site, request: Request, requirement: RunRequirement, problem: RefusedError, form: Mapping[str, str]
) -> Response:
    """The run's page once more, with what is wrong and all that was typed."""
    if problem.status == 503:
        raise problem
    data = await run_page_data(site.database, requirement.run_id or "", refused=requirement.id, form=form)
    # Where the page stands to which the form belongs: this one can't be read anew.
    page = request.url_for("run", run_id=requirement.run_id or "").path
    if form.get("action") == CHANGING:
        page = f"{page}?edit={requirement.id}"
    refused = {"problem": problem, "refused": requirement.id, "page": page}
    return await rendered(request, "run.html", {**data, **refused}, problem.status)
