"""What people say beside a decision: who they are, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haltpoint.exceptions import InvalidResolutionError

if TYPE_CHECKING:
    from haltpoint.run.requirement_state import RequirementState

__all__ = ["checked_name", "checked_note"]


def checked_name(requirement: RequirementState, by: object) -> str | None:
    """Return who decides, without blanks around the name; None where nobody is named.

    Raises:
        InvalidResolutionError: it is no text, a blank one, or one that can't be stored.
    """
    if by is None:
        return None
    name = _text(requirement, "by", by).strip()
    if not name:
        raise _unusable(requirement, "by", "must say who decides, and is blank")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        problem = f"can't be stored: it holds a lone surrogate at {error.start}"
        raise _unusable(requirement, "by", problem) from error
    return name


def checked_note(requirement: RequirementState, note: object) -> str | None:
    """Return the reason that goes with a decision, just as it was given.

    Raises:
        InvalidResolutionError: it is no text.
    """
    return None if note is None else _text(requirement, "note", note)


def _text(requirement: RequirementState, field_name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    raise _unusable(requirement, field_name, f"must be a str or None, not {type(value).__name__}")


def _unusable(requirement: RequirementState, field_name: str, problem: str) -> InvalidResolutionError:
    return InvalidResolutionError(
        f"{field_name} of the decision on {requirement.tool_execution.tool_name!r} {problem}",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
        field_name=field_name,
    )
