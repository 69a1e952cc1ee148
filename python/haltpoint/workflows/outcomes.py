"""What became of a step, and what its caller gets for it: its value, or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from haltpoint.exceptions import StepError, StepExpiredError, StepRejectedError, StepSkippedError
from haltpoint.tools.validation import CALL_AGAIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from haltpoint.workflows.values import ValueType

__all__ = ["Outcome", "content_of", "is_to_be_asked_again", "value_of"]

_ERRORS: dict[str, Callable[..., StepError]] = {
    "rejected": StepRejectedError,
    "expired": StepExpiredError,
    "skipped": StepSkippedError,
}

# What another program or a person wrote, in place of the step's own function.
_WRITTEN_ELSEWHERE = ("external", "supplied", "reconciled")


class Outcome(NamedTuple):
    """What the journal keeps of a step that is finished.

    Attributes:
        step_id: the step's id, which is the call's.
        name: the step's name.
        content: the result as text, or why there is none.
        is_error: whether it failed.
        source: where the outcome comes from, as the journal names it.
        signal_id: the signal of the event that the step waited for.
    """

    step_id: str
    name: str
    content: str
    is_error: bool
    source: str
    signal_id: str | None = None


def is_to_be_asked_again(outcome: Outcome) -> bool:
    """Whether a step was not run because it refused what a person had given without the code at hand."""
    is_refusal = outcome.content.startswith(f"The arguments of {outcome.name} are not valid:")
    return outcome.is_error and outcome.source == "tool" and is_refusal and CALL_AGAIN in outcome.content


def content_of(outcome: Outcome) -> str:
    """Return the text that a step came to.

    Raises:
        StepError: it has none: it failed, or was not run.
    """
    refusal = _ERRORS.get(outcome.source)
    if refusal is not None or outcome.is_error:
        raise (refusal or StepError)(outcome.content, name=outcome.name)
    return outcome.content


def value_of(outcome: Outcome, returns: ValueType) -> Any:
    """Return the value that a step came to.

    Raises:
        StepError: it has none: it failed, or was not run.
    """
    content = content_of(outcome)
    try:
        return returns.read(content, is_written_elsewhere=outcome.source in _WRITTEN_ELSEWHERE)
    except ValueError as error:
        message = f"the result of the step {outcome.name!r} does not fit what it returns: {error}"
        raise StepError(message, name=outcome.name) from error
