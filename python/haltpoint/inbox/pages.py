"""The pages: what waits, what was decided, the runs, and one run with the forms of what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from haltpoint.command_line.records import run_row
from haltpoint.driving.threads import in_thread
from haltpoint.exceptions import DamagedRunError, HaltpointError
from haltpoint.inbox.bodies import read_form
from haltpoint.inbox.decisions import decide, find_requirement
from haltpoint.inbox.forgery import FORM_TOKEN_FIELD, is_forged_form
from haltpoint.inbox.forms import decision_of
from haltpoint.inbox.refusals import RefusedError, refusal_of
from haltpoint.inbox.run_page import run_page_data
from haltpoint.inbox.site import Site, site_of
from haltpoint.run.base import RunStatus
from haltpoint.run.decisions import RequirementKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.requests import Request

    from haltpoint.db.damage import OnDamaged
    from haltpoint.db.database import Database
    from haltpoint.inbox.access import Visitor
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.run.requirements import RunRequirement

__all__ = ["page_routes", "problem_page"]

_PAGE = 50
_KINDS = get_args(RequirementKind)


def page_routes() -> list[Route]:
    """Return the routes of the pages."""
    return [
        Route("/", _page(_inbox), name="inbox"),
        Route("/history", _page(_history), name="history"),
        Route("/runs", _page(_runs), name="runs"),
        Route("/runs/{run_id}", _page(_run), name="run"),
        Route("/requirements/{requirement_id}/decision", _decide, methods=["POST"], name="decide"),
    ]


def problem_page(request: Request, problem: RefusedError) -> Response:
    """Return the page that tells a person of a problem."""
    return _rendered(request, "problem.html", {"problem": problem}, problem.status, problem.headers)


def _page(answer: Callable[[Site, Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        site = site_of(request)
        try:
            # Asked before the page reads: what is committed while it reads is news to it.
            request.state.version = await in_thread(site.database.data_version)
            return await answer(site, request)
        except HaltpointError as error:
            return problem_page(request, refusal_of(error))

    return endpoint


def _rendered(
    request: Request,
    template: str,
    values: Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    site = site_of(request)
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    session = getattr(request.state, "new_session", None) or (None if visitor is None else visitor.session)
    page = site.templates.get_template(template).render(
        request=request,
        visitor=visitor,
        version=getattr(request.state, "version", ""),
        signs_in=site.access.signs_in,
        form_token="" if session is None else site.sessions.form_token(session),
        **values,
    )
    return HTMLResponse(page, status, dict(headers or {}))


async def _inbox(site: Site, request: Request) -> Response:
    kind = _one_of(request, "kind", _KINDS)
    before = request.query_params.get("before")
    damaged: list[DamagedRunError] = []
    found = await site.database.requirements_async(kind=kind, limit=_PAGE + 1, before=before, on_damaged=damaged.append)
    runs = await in_thread(lambda: _runs_of(site.database, found))
    values = {"requirements": found[:_PAGE], "runs": runs, "kind": kind, "kinds": _KINDS, "older": _older(found)}
    return _rendered(request, "inbox.html", {**values, "damaged": damaged})


def _runs_of(database: Database, requirements: Sequence[RunRequirement]) -> dict[str | None, AgentRunOutput | None]:
    return {run_id: _readable_run(database, run_id) for run_id in {item.run_id for item in requirements}}


def _readable_run(database: Database, run_id: str | None) -> AgentRunOutput | None:
    """A run, or None where it was damaged just now: what else waits is shown all the same."""
    try:
        return database.run(run_id or "")
    except DamagedRunError:
        return None


async def _history(site: Site, request: Request) -> Response:
    before = request.query_params.get("before")
    damaged: list[DamagedRunError] = []
    found = await site.database.requirements_async(
        open_only=False, limit=_PAGE + 1, before=before, on_damaged=damaged.append
    )
    decided = [item for item in found[:_PAGE] if item.decision is not None]
    values = {"requirements": decided, "older": _older(found), "damaged": damaged}
    return _rendered(request, "history.html", values)


async def _runs(site: Site, request: Request) -> Response:
    status = _one_of(request, "status", [status.value for status in RunStatus])
    before = request.query_params.get("before")
    damaged: list[DamagedRunError] = []
    found = await in_thread(lambda: _run_rows(site.database, status, before, damaged.append))
    # One that can't be read takes its place on the page, too.
    older = found[:_PAGE][-1]["run_id"] if found and len(found) + len(damaged) > _PAGE else None
    values = {"runs": found[:_PAGE], "status": status, "statuses": [item.value for item in RunStatus], "older": older}
    return _rendered(request, "runs.html", {**values, "damaged": damaged})


def _run_rows(
    database: Database, status: str | None, before: str | None, on_damaged: OnDamaged
) -> list[dict[str, Any]]:
    runs = database.runs(status=status, limit=_PAGE + 1, before=before, on_damaged=on_damaged)
    return [run_row(run) for run in runs]


async def _run(site: Site, request: Request) -> Response:
    decided = request.query_params.get("decided")
    return _rendered(request, "run.html", await run_page_data(site.database, request.path_params["run_id"], decided))


async def _decide(request: Request) -> Response:
    site = site_of(request)
    form = await read_form(request)
    if is_forged_form(request, request.state.visitor, site.sessions, form.get(FORM_TOKEN_FIELD)):
        raise RefusedError(
            403, "forbidden", "This form is too old, or comes from a page of another site. Load it anew."
        )
    requirement = await _found(site, request)
    try:
        await decide(requirement, decision_of(requirement, form), request.state.visitor.name)
    except RefusedError as problem:
        return await _asked_again(site, request, requirement, problem, form)
    target = request.url_for("run", run_id=requirement.run_id or "").path
    return RedirectResponse(f"{target}?decided={requirement.id}", status_code=303)


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
    data = await run_page_data(site.database, requirement.run_id or "", None, requirement.id, form)
    refused = {"problem": problem, "refused": requirement.id}
    return _rendered(request, "run.html", {**data, **refused}, problem.status)


def _one_of(request: Request, name: str, known: Sequence[str]) -> Any:
    value = request.query_params.get(name)
    return value if value in known else None


def _older(found: Sequence[RunRequirement]) -> str | None:
    """The requirement after which the next page begins, where there is one."""
    return found[_PAGE - 1].id if len(found) > _PAGE else None
