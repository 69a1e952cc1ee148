"""The JSON API. What it takes and gives is described in `openapi.py`."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, cast

from starlette.responses import Response
from starlette.routing import Route

from haltpoint._concurrency.threads import in_thread
from haltpoint.db.inbox import each_requirement
from haltpoint.db.remembered_approvals import RememberedApproval
from haltpoint.exceptions import HaltpointError
from haltpoint.inbox.cancelling import cancel
from haltpoint.inbox.context import Site, site_of
from haltpoint.inbox.csrf import is_forged_call
from haltpoint.inbox.decisions import decide, find_requirement
from haltpoint.inbox.error_pages import RefusedError, refusal_of
from haltpoint.inbox.openapi import PARAMETERS, description
from haltpoint.inbox.request_body import read_json
from haltpoint.inbox.schemas import CANCEL, DECISIONS, ERASE, PRUNE, REVOKING, SIGNAL
from haltpoint.journal.timeline import told
from haltpoint.presentation.records import as_decided_on, requirements_of, run_record, run_row
from haltpoint.timestamps import format_time
from haltpoint.tools.schema_check import schema_problems

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from starlette.requests import Request

    from haltpoint.db.damage import OnDamaged
    from haltpoint.db.database import Database
    from haltpoint.db.inbox import RequirementSet
    from haltpoint.exceptions import StoreError
    from haltpoint.run.requirements import RunRequirement

__all__ = ["api_routes", "problem_response"]

_Item = TypeVar("_Item")

# What says which page of a list is meant and how it is shown, and not what is listed.
_OF_PAGE = ("limit", "before", "preview")

# So many characters of items are enough for a page, and for the memory that it takes.
_MOST_TEXT = 16 << 20

_BOOLEANS = {"true": True, "false": False}


def api_routes() -> list[Route]:
    """Return the routes of the API, to be mounted under `/api`."""
    return [
        Route("/openapi.json", _answering(_openapi)),
        Route("/requirements", _answering(_requirements)),
        Route("/requirements/{requirement_id}", _answering(_requirement)),
        Route("/requirements/{requirement_id}/decision", _answering(_decide), methods=["POST"]),
        Route("/requirements/{requirement_id}/revocation", _answering(_revoke), methods=["POST"]),
        Route("/remembered", _answering(_remembered)),
        Route("/runs", _answering(_runs)),
        Route("/runs/{run_id}", _answering(_run), name="run"),
        Route("/runs/{run_id}/audit", _answering(_audit)),
        Route("/runs/{run_id}/cancel", _answering(_cancel), methods=["POST"]),
        Route("/runs/{run_id}/erase", _answering(_erase), methods=["POST"]),
        Route("/signals", _answering(_signal), methods=["POST"]),
        Route("/prune", _answering(_prune), methods=["POST"]),
    ]


def problem_response(problem: RefusedError) -> Response:
    """Return the answer that tells a program of a problem."""
    told = {"error": problem.name, "message": problem.message, "field": problem.field_name}
    return _json(told, problem.status, problem.headers)


def _answering(answer: Callable[[Site, Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint of a function that returns JSON data."""

    async def endpoint(request: Request) -> Response:
        try:
            return _json(await answer(site_of(request), request))
        except RefusedError as problem:
            return problem_response(problem)
        except HaltpointError as error:
            return problem_response(refusal_of(error))

    return endpoint


def _json(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    # ASCII, so that no text of a model is anything but text to whoever prints it.
    text = data if isinstance(data, _JsonText) else json.dumps(data)
    return Response(text, status, headers, "application/json")


class _JsonText(str):
    """JSON data that is written out already."""


async def _openapi(site: Site, request: Request) -> dict[str, Any]:
    return description(request.scope.get("root_path", "").removesuffix("/api"))


async def _requirements(site: Site, request: Request) -> _JsonText:
    conditions, database = _conditions(request, "requirements"), site.database
    page = _Page(partial(_selected, database), database.count_requirements, _listed, "id")
    return await in_thread(lambda: page.read(conditions))


def _listed(requirement: RunRequirement) -> dict[str, Any]:
    return requirement.masked().to_dict()


def _selected(
    database: Database,
    *,
    open_only: bool,
    preview: bool,
    limit: int,
    on_damaged: OnDamaged,
    run_id: str | None = None,
    kind: str | None = None,
    before: str | None = None,
) -> Iterable[RunRequirement]:
    which: RequirementSet = "open" if open_only else "all"
    return each_requirement(database, run_id, kind, which, None, limit, before, on_damaged, as_previews=preview)


async def _requirement(site: Site, request: Request) -> dict[str, Any]:
    requirement = await find_requirement(site.database, request.path_params["requirement_id"])
    return as_decided_on(requirement).to_dict()


async def _decide(site: Site, request: Request) -> dict[str, Any]:
    asked = await _order(site, request)
    _check_decision(asked)
    requirement = await find_requirement(site.database, request.path_params["requirement_id"])
    decided = await decide(site.database, requirement, asked, request.state.visitor.name)
    return decided.masked().to_dict()


async def _order(site: Site, request: Request) -> Any:
    """What is asked for, by somebody who means it."""
    asked = await read_json(request)
    if is_forged_call(request, request.state.visitor, site.sessions):
        raise RefusedError(403, "forbidden", "this may come from a page of another site: bring the session's token")
    return asked


def _object(asked: Any, problem: str, schema: Mapping[str, Any], wanted: str) -> dict[str, Any]:
    """Return a body that fits its schema; one that does not is refused as that problem."""
    if not isinstance(asked, dict):
        raise RefusedError(422, problem, f"the body must be {wanted}")
    given = cast("dict[str, Any]", asked)
    _check(problem, schema, given)
    return given


async def _revoke(site: Site, request: Request) -> dict[str, Any]:
    _object(await _order(site, request), "invalid_body", REVOKING, "an empty object")
    requirement = await find_requirement(site.database, request.path_params["requirement_id"])
    was_standing = await site.database.revoke_async(requirement.id, by=request.state.visitor.name)
    return {"requirement_id": requirement.id, "was_standing": was_standing}


async def _remembered(site: Site, request: Request) -> _JsonText:
    conditions, database = _conditions(request, "remembered"), site.database
    page = _Page(database.remembered, database.count_remembered, RememberedApproval.to_dict, "requirement_id")
    return await in_thread(lambda: page.read(conditions))


async def _runs(site: Site, request: Request) -> _JsonText:
    conditions, database = _conditions(request, "runs"), site.database
    page = _Page(database.runs, database.count_runs, partial(run_row, database), "run_id")
    return await in_thread(lambda: page.read(conditions))


class _Page(NamedTuple, Generic[_Item]):
    """A page of a list.

    Attributes:
        select: returns what fits conditions.
        count: returns how much fits conditions.
        record: returns an item as JSON data.
        id_name: where its id is in that.
    """

    select: Callable[..., Iterable[_Item]]
    count: Callable[..., int]
    record: Callable[[_Item], dict[str, Any]]
    id_name: str

    def read(self, conditions: Mapping[str, Any]) -> _JsonText:
        """Return the page with what lies before and behind it: `total`, and in `next` where the next one begins.

        It ends behind the item with which it has more than `_MOST_TEXT` characters.
        """
        damaged: list[StoreError] = []
        items: list[str] = []
        limit, size, is_last = conditions["limit"], 0, True
        last_id: str | None = None
        for item in self.select(**{**conditions, "limit": limit + 1}, on_damaged=damaged.append):
            if len(items) == limit or size > _MOST_TEXT:
                is_last = False
                break
            record = self.record(item)
            last_id = record[self.id_name]
            items.append(json.dumps(record))
            size += len(items[-1])
        rest = {
            "damaged": [{"run_id": error.run_id, "problem": str(error)} for error in damaged],
            "total": self.count(**{name: value for name, value in conditions.items() if name not in _OF_PAGE}),
            "next": None if is_last else last_id,
        }
        return _JsonText(f'{{"items": [{", ".join(items)}], {json.dumps(rest)[1:]}')


async def _run(site: Site, request: Request) -> dict[str, Any]:
    run_id: str = request.path_params["run_id"]
    return await in_thread(lambda: _whole_run(site.database, run_id))


async def _audit(site: Site, request: Request) -> dict[str, Any]:
    return {"items": [record.to_dict() for record in await site.database.audit_async(request.path_params["run_id"])]}


async def _cancel(site: Site, request: Request) -> dict[str, Any]:
    given = _object(await _order(site, request), "invalid_cancel", CANCEL, "an object, such as {}")
    interrupt: bool = given.get("interrupt", False)
    run_id: str = request.path_params["run_id"]
    run = await cancel(site.database, run_id, interrupt=interrupt, by=request.state.visitor.name)
    return await in_thread(lambda: run_row(site.database, run))


async def _signal(site: Site, request: Request) -> dict[str, Any]:
    example = 'an object, such as {"name": "payment.settled"}'
    given = _object(await _order(site, request), "invalid_signal", SIGNAL, example)
    try:
        delivery = await site.database.signal_async(
            given["name"],
            given.get("payload"),
            key=given.get("key"),
            id=given.get("id"),
            by=request.state.visitor.name,
        )
    except HaltpointError:
        raise
    except ValueError as error:
        raise RefusedError(422, "invalid_signal", str(error)) from error
    return {
        "id": delivery.id,
        "delivered": delivery.delivered,
        "run_id": delivery.run_id,
        "repeated": delivery.repeated,
    }


async def _erase(site: Site, request: Request) -> dict[str, Any]:
    asked = await _removal(site, request, "invalid_erase", ERASE)
    by, run_id = request.state.visitor.name, request.path_params["run_id"]
    reason, force = asked.get("reason"), asked.get("force", False)
    return {"erased": await site.database.erase_async(run_id=run_id, by=by, reason=reason, force=force)}


async def _prune(site: Site, request: Request) -> dict[str, Any]:
    asked = await _removal(site, request, "invalid_prune", PRUNE)
    dry_run: bool = asked.get("dry_run", False)
    pruned = await site.database.prune_async(
        older_than=asked["older_than"], status=asked.get("statuses"), dry_run=dry_run
    )
    return {"pruned": pruned, "dry_run": dry_run}


async def _removal(site: Site, request: Request, name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked for of somebody who may take data away."""
    asked = await _order(site, request)
    if not site.allows_erasing:
        raise RefusedError(
            403,
            "erasing_not_allowed",
            "this server neither erases nor prunes runs: start it with create_app(..., allow_erase=True) or with "
            "haltpoint serve --allow-erase",
        )
    return _object(asked, name, schema, "an object")


def _whole_run(database: Database, run_id: str) -> dict[str, Any]:
    run = database.run(run_id)
    return {
        "run": {
            **run_record(run),
            "model_name": run.model_name,
            "output": run.output,
            "error_details": run.error_details,
            "usage": run.usage.to_dict(),
        },
        "requirements": [item.to_dict() for item in requirements_of(run)],
        "timeline": [
            {
                "seq": event.seq,
                "at": format_time(event.at),
                "kind": event.kind,
                "title": event.title,
                "detail": event.detail,
                "entry": event.entry,
            }
            for event in told(database.journal(run_id))
        ],
    }


def _conditions(request: Request, what: str) -> dict[str, Any]:
    """The parameters of a list; what the description does not know is refused, since it would not do what it says."""
    known = PARAMETERS[what]
    given = {name: _typed(text, known.get(name, {})) for name, text in request.query_params.multi_items()}
    _check("invalid_parameter", {"properties": known, "additionalProperties": False}, given)
    return {**{name: schema["default"] for name, schema in known.items() if "default" in schema}, **given}


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    wanted = schema.get("type")
    if wanted == "integer" and text.isascii() and text.isdecimal():
        # No number that is longer is within bounds.
        return int(text[:20])
    if wanted == "boolean":
        return _BOOLEANS.get(text, text)
    return text


def _check_decision(asked: Any) -> None:
    decision = cast("dict[str, Any]", asked) if isinstance(asked, dict) else {}
    type_: Any = decision.get("type")
    if not isinstance(type_, str) or type_ not in DECISIONS:
        types = ", ".join(DECISIONS)
        raise RefusedError(422, "invalid_decision", f"a decision is an object whose type is one of {types}")
    _check("invalid_decision", DECISIONS[type_], decision)


def _check(name: str, schema: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    problems = schema_problems(schema, given)
    if problems:
        # Several keywords of a schema may say the same.
        lines = dict.fromkeys(text for _, text in problems)
        raise RefusedError(422, name, "; ".join(lines), field_name=problems[0][0])
