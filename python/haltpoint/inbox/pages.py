"""The pages: what waits, what was decided, the runs, and one run with the forms of what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, get_args

from starlette.routing import Route

from haltpoint._concurrency.threads import in_thread
from haltpoint.db.damage import UNREADABLE
from haltpoint.db.inbox import count_requirements, each_requirement, run_summary
from haltpoint.exceptions import HaltpointError, StoreError
from haltpoint.inbox.context import Site, site_of
from haltpoint.inbox.error_pages import refusal_of
from haltpoint.inbox.posted_decisions import form_routes
from haltpoint.inbox.rendering import problem_page, rendered
from haltpoint.inbox.run_page import run_page_data
from haltpoint.presentation.records import run_row
from haltpoint.resolution.parse import RequirementKind
from haltpoint.run.base import RunStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from haltpoint.db.damage import OnDamaged
    from haltpoint.db.database import Database
    from haltpoint.db.inbox import RequirementSet
    from haltpoint.run.base import RunStatusName
    from haltpoint.run.requirements import RunRequirement

__all__ = ["page_routes"]

_PAGE = 50
_HISTORY_PAGE = 200
_KINDS = get_args(RequirementKind)


def page_routes() -> list[Route]:
    """Return the routes of the pages."""
    return [
        Route("/", _page(_inbox), name="inbox"),
        Route("/history", _page(_history), name="history"),
        Route("/runs", _page(_runs), name="runs"),
        Route("/runs/{run_id}", _page(_run), name="run"),
        *form_routes(),
    ]


def _page(answer: Callable[[Site, Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        site = site_of(request)
        try:
            # Asked before the page reads: what is committed while it reads is news to it.
            request.state.version = await in_thread(site.database.data_version)
            return await answer(site, request)
        except HaltpointError as error:
            return await problem_page(request, refusal_of(error))

    return endpoint


async def _inbox(site: Site, request: Request) -> Response:
    kind = _one_of(request, "kind", _KINDS)
    before = request.query_params.get("before")
    damaged: list[StoreError] = []
    found = await in_thread(lambda: _previews(site.database, kind, "open", _PAGE + 1, before, damaged.append))
    total = await site.database.count_requirements_async(kind=kind)
    runs = await in_thread(lambda: _runs_of(site.database, found[:_PAGE]))
    values = {"requirements": found[:_PAGE], "runs": runs, "kind": kind, "kinds": _KINDS, "damaged": damaged}
    values |= {"total": total, "older": _older(found, _PAGE), "before": before}
    return await rendered(request, "inbox.html", values)


def _previews(
    database: Database,
    kind: str | None,
    which: RequirementSet,
    limit: int,
    before: str | None,
    on_damaged: OnDamaged,
) -> list[RunRequirement]:
    found = each_requirement(database, None, kind, which, None, limit, before, on_damaged, as_previews=True)
    return [item.masked() for item in found]


def _runs_of(database: Database, requirements: Sequence[RunRequirement]) -> dict[str | None, dict[str, Any] | None]:
    return {run_id: _readable_run(database, run_id) for run_id in {item.run_id for item in requirements}}


def _readable_run(database: Database, run_id: str | None) -> dict[str, Any] | None:
    """A run's summary, or None where it was damaged just now: what else waits is shown all the same."""
    try:
        return run_summary(database, run_id or "")
    except UNREADABLE:
        return None


async def _history(site: Site, request: Request) -> Response:
    before = request.query_params.get("before")
    damaged: list[StoreError] = []
    found, total = await in_thread(lambda: _decided(site.database, before, damaged.append))
    values = {"requirements": found[:_HISTORY_PAGE], "total": total, "damaged": damaged}
    return await rendered(request, "history.html", {**values, "older": _older(found, _HISTORY_PAGE), "before": before})


def _decided(database: Database, before: str | None, on_damaged: OnDamaged) -> tuple[list[RunRequirement], int]:
    """What was decided last, and how much was decided in all."""
    found = _previews(database, None, "decided", _HISTORY_PAGE + 1, before, on_damaged)
    return found, count_requirements(database, None, None, "decided", None, None)


async def _runs(site: Site, request: Request) -> Response:
    status = cast("RunStatusName | None", _one_of(request, "status", [status.value for status in RunStatus]))
    before = request.query_params.get("before")
    damaged: list[StoreError] = []
    found = await in_thread(lambda: _run_rows(site.database, status, before, damaged.append))
    total = await site.database.count_runs_async(status=status)
    older = found[_PAGE - 1]["run_id"] if len(found) > _PAGE else None
    values = {"runs": found[:_PAGE], "status": status, "statuses": [item.value for item in RunStatus]}
    return await rendered(
        request, "runs.html", {**values, "total": total, "older": older, "before": before, "damaged": damaged}
    )


def _run_rows(
    database: Database, status: RunStatusName | None, before: str | None, on_damaged: OnDamaged
) -> list[dict[str, Any]]:
    runs = database.runs(status=status, limit=_PAGE + 1, before=before, on_damaged=on_damaged)
    return [run_row(database, run) for run in runs]


async def _run(site: Site, request: Request) -> Response:
    decided = request.query_params.get("decided")
    edited = request.query_params.get("edit")
    data = await run_page_data(site.database, request.path_params["run_id"], decided, edited=edited)
    return await rendered(request, "run.html", {**data, "was_cancelled": "cancelled" in request.query_params})


def _one_of(request: Request, name: str, known: Sequence[str]) -> Any:
    value = request.query_params.get(name)
    return value if value in known else None


def _older(found: Sequence[RunRequirement], most: int) -> str | None:
    """The requirement after which the next page of so many begins, where there is one."""
    return found[most - 1].id if len(found) > most else None
