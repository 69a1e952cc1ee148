"""Finding a requirement and putting a decision on disk, for the pages and for the JSON API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from haltpoint.exceptions import HaltpointError, RequirementNotFoundError
from haltpoint.inbox.error_pages import RefusedError, refusal_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from haltpoint.db.database import Database
    from haltpoint.resolution.parse import RequirementKind
    from haltpoint.run.requirements import RunRequirement

__all__ = ["decide", "find_requirement"]


async def find_requirement(database: Database, requirement_id: str) -> RunRequirement:
    """Return the requirement of this id, decided or not.

    Raises:
        RefusedError: there is none.
        DamagedRunError: its run can't be read.
    """
    try:
        return await database.requirement_async(requirement_id)
    except RequirementNotFoundError as error:
        raise RefusedError(404, "not_found", f"there is no requirement {requirement_id}") from error


async def decide(database: Database, requirement: RunRequirement, asked: Mapping[str, Any], by: str) -> RunRequirement:
    """Put a decision on disk, and return the requirement as it stands there then, with what will run.

    Args:
        database: where the requirement is.
        requirement: what is decided.
        asked: the decision, which fits its schema.
        by: who decides.

    Raises:
        RefusedError: it does not fit the requirement, somebody decided otherwise before, or what would run is not what
            was shown.
    """
    kind, draft = _DRAFTS[asked["type"]]
    is_woken = requirement.kind == "wait" and asked["type"] == "confirm"
    if requirement.kind != kind and not is_woken:
        raise RefusedError(
            409,
            "wrong_kind",
            f"requirement {requirement.id} is of kind {requirement.kind}, and {asked['type']} is for {kind}",
        )
    try:
        draft(requirement, asked, {"by": by, "expected_digest": asked.get("expected_digest")})
        await requirement
        return await database.requirement_async(requirement.id)
    except HaltpointError as error:
        raise refusal_of(error) from error


# Who decides, and what they were shown.
_Said = Mapping[str, "str | None"]


def _confirm(requirement: RunRequirement, asked: Mapping[str, Any], said: _Said) -> None:
    requirement.confirm(
        tool_args=asked.get("tool_args"),
        remember=asked.get("remember"),
        remember_args=bool(asked.get("remember_args")),
        **said,
    )


def _reject(requirement: RunRequirement, asked: Mapping[str, Any], said: _Said) -> None:
    requirement.reject(asked.get("note"), **said)


def _answer(requirement: RunRequirement, asked: Mapping[str, Any], said: _Said) -> None:
    requirement.answer(asked["values"], **said)


def _result(requirement: RunRequirement, asked: Mapping[str, Any], said: _Said) -> None:
    requirement.set_external_execution_result(asked["result"], **said)


def _retry(requirement: RunRequirement, asked: Mapping[str, Any], said: _Said) -> None:
    requirement.retry(**said)


def _supply(requirement: RunRequirement, asked: Mapping[str, Any], said: _Said) -> None:
    requirement.supply(asked["result"], **said)


def _skip(requirement: RunRequirement, asked: Mapping[str, Any], said: _Said) -> None:
    requirement.skip(asked.get("note"), **said)


_DRAFTS: dict[str, tuple[RequirementKind, Callable[[RunRequirement, Mapping[str, Any], _Said], None]]] = {
    "confirm": ("confirmation", _confirm),
    "reject": ("confirmation", _reject),
    "answer": ("user_input", _answer),
    "result": ("external_tool", _result),
    "retry": ("recovery", _retry),
    "supply": ("recovery", _supply),
    "skip": ("recovery", _skip),
}
