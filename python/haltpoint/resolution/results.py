"""Results of calls that are run elsewhere: checked where it is known what they must be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.exceptions import InvalidResolutionError
from haltpoint.run.open_questions import check_of_question

if TYPE_CHECKING:
    from haltpoint.run.requirement_state import RequirementState

__all__ = ["ASKING_MODULE", "check_by_asker", "check_result"]

ASKING_MODULE = "haltpoint.workflows.asking"
"""Where the functions stand by which workflows ask."""


def check_result(requirement: RequirementState, text: str) -> None:
    """Check the result of a call against the type that a workflow waits for.

    Where no code of this process asks for it, against the JSON schema that the call brings along.

    Raises:
        InvalidResolutionError: it does not fit.
    """
    if check_by_asker(requirement, text, "result"):
        return
    schema = _wanted(requirement)
    if schema is None:
        return
    with no_fork:
        from haltpoint.tools.given_types import UnfitValueError, check_by_schema
    try:
        check_by_schema(schema, text)
    except UnfitValueError as error:
        raise _refusal(requirement, error.problems, "result") from error


def check_by_asker(requirement: RequirementState, given: Any, what: str) -> bool:
    """Check what was given by the code that asks for it; return whether this process has that.

    Args:
        requirement: what is decided.
        given: the values of the form, or the text of the result.
        what: what it is, for the error.

    Raises:
        InvalidResolutionError: it does not fit.
    """
    check = check_of_question(requirement.run_id, requirement.tool_execution.tool_call_id)
    if check is None:
        return False
    with no_fork:
        from haltpoint.tools.given_types import UnfitValueError
    try:
        check(given)
    except UnfitValueError as error:
        raise _refusal(requirement, error.problems, what) from error
    return True


def _wanted(requirement: RequirementState) -> Mapping[str, Any] | None:
    if requirement.kind != "external_tool" or requirement.tool_module != ASKING_MODULE:
        return None
    schema: object = (requirement.tool_execution.tool_args or {}).get("returns")
    return cast("Mapping[str, Any]", schema) if isinstance(schema, Mapping) else None


def _refusal(
    requirement: RequirementState, problems: list[tuple[str | None, str]], what: str
) -> InvalidResolutionError:
    lines = "; ".join(text for _, text in problems)
    return InvalidResolutionError(
        f"{requirement.tool_execution.tool_name} can't take this {what}: {lines}. Correct it and give it again",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
        field_name=next((path for path, _ in problems if path is not None), None),
    )
