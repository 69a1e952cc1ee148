"""What people say beside a decision: who they are, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from haltpoint.exceptions import InvalidResolutionError
from haltpoint.invisible import without_invisible
from haltpoint.run.names import plain_name

if TYPE_CHECKING:
    from haltpoint.run.requirement_state import RequirementState

__all__ = ["checked_author", "checked_name", "checked_note", "outline", "said_note"]

_OUTLINED = 200


def checked_name(requirement: RequirementState, by: object) -> str | None:
    """Return who decides on a requirement, as `plain_name` has it; None where nobody is named.

    Raises:
        InvalidResolutionError: it is not a str, or not a name.
    """
    try:
        return checked_author(by, f"the decision on {requirement.tool_execution.tool_name!r}")
    except InvalidResolutionError as error:
        error.run_id, error.requirement_id = requirement.run_id, requirement.id
        raise


def checked_author(by: object, what: str) -> str | None:
    """Return who does something, as `plain_name` has it; None where nobody is named.

    Args:
        by: the name.
        what: what they do, for the message.

    Raises:
        InvalidResolutionError: it is not a str, or not a name.
    """
    if by is None:
        return None
    if not isinstance(by, str):
        raise _not_a_name(what, f"must be a str or None, not {type(by).__name__}")
    try:
        name = plain_name(by)
    except ValueError as error:
        raise _not_a_name(what, str(error)) from None
    if not name:
        raise _not_a_name(what, "must say who decides, and is blank")
    return name


def _not_a_name(what: str, problem: str) -> InvalidResolutionError:
    return InvalidResolutionError(f"by of {what} {problem}", field_name="by")


def checked_note(requirement: RequirementState, note: object) -> str | None:
    """Return the reason that goes with a decision, just as it was given.

    Raises:
        InvalidResolutionError: it is no text.
    """
    if note is None or isinstance(note, str):
        return note
    raise InvalidResolutionError(
        f"note of the decision on {requirement.tool_execution.tool_name!r} must be a str or None, "
        f"not {type(note).__name__}",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
        field_name="note",
    )


def said_note(note: Any) -> Any:
    """Return the reason that goes with a decision, None where nothing is to be read in it."""
    return None if isinstance(note, str) and not without_invisible(note).strip() else note


def outline(data: object) -> str:
    """Return what data that can't be read is, for an error: the names in it, and no values, which may be secret."""
    if not isinstance(data, Mapping):
        return type(data).__name__
    kind, names = type(cast("object", data)).__name__, ", ".join(map(repr, cast("Mapping[object, object]", data)))
    return f"{kind} with {names or 'nothing in it'}"[:_OUTLINED]
