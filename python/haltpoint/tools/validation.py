"""Checking one value against one parameter, and saying what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeGuard

from haltpoint._concurrency.exception_kinds import interrupt_in, is_kind
from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.exception_text import beginning, exception_text

from .failing_validators import note_failure
from .json_form import dump_json, shown

if TYPE_CHECKING:
    from pydantic_core import ValidationError

    from haltpoint.sensitive import Masking

    from .plain_types import Adapter
    from .schema import ToolParameter

__all__ = [
    "CALL_AGAIN",
    "InvalidValueError",
    "is_validation_error",
    "refusal_of",
    "unwritten_words",
    "validated",
    "validated_parameter",
]

CALL_AGAIN = "the call was not run. Call the tool once more, so that the person is asked again"
"""How what is said ends of a value that a person gave and that the tool does not take."""

_PROBLEMS_SHOWN = 3


class InvalidValueError(ValueError):
    """A value does not fit. The message says what was expected and what was given."""


def validated(adapter: Adapter, value: object, *, strict: bool = False, is_secret: bool = False) -> Any:
    """Return the Python object that `value`, which must be JSON data, stands for.

    It is read as JSON and shares nothing with `value`, so that a tool can't change what was journaled.

    Args:
        adapter: validates it.
        value: the value.
        strict: take it as it stands.
        is_secret: whether an error must not show it.

    Raises:
        ValidationError: the value does not fit.
        InvalidValueError: a validator of the type failed in a way of its own.
    """
    try:
        return adapter.validate_json(dump_json(value), strict=strict or None)
    except BaseException as error:
        interrupt = interrupt_in(error)
        if interrupt is not None:
            raise interrupt from interrupt.__cause__
        raise refusal_of(error, value, is_secret=is_secret) from error


def refusal_of(error: BaseException, value: object, *, is_secret: bool = False) -> ValueError:
    """Return what says that `value` does not fit: the error itself if it is a ValidationError, else another."""
    if is_validation_error(error):
        return error
    # Types bring validators of their own, which may raise anything. Whatever it is, the value did not pass.
    words = unwritten_words(error)
    if words is None:
        note_failure(error, is_secret=is_secret)
        words = exception_text(error)
    return InvalidValueError(f"{_shown(value, is_secret=is_secret)} could not be checked ({words})")


def unwritten_words(error: BaseException) -> str | None:
    """Return what a validator said with a ValueError whose text pydantic could not write; None of any other error.

    Text with half of a surrogate pair is none that pydantic takes: it raises an error with the text instead.
    """
    # What a validator itself raises of this kind is a ValueError, and comes as pydantic's own error.
    return f"ValueError: {beginning(error.object)}" if type(error) is UnicodeEncodeError else None


def validated_parameter(parameter: ToolParameter, value: object, *, strict: bool = False) -> Any:
    """Return the Python object that a parameter takes for the JSON data `value`.

    Raises:
        InvalidValueError: the value does not fit, or a validator of the parameter's type failed.
    """
    try:
        return validated(parameter.adapter, value, strict=strict, is_secret=parameter.is_secret)
    except ValueError as error:
        hidden = parameter.hidden(value)
        reason = str(error) if hidden is None else hidden.text(str(error))
        problem = (
            "; ".join(_problems(parameter, value, error, hidden))
            if is_validation_error(error)
            else f"{parameter.name}: {reason}"
        )
        # A cause would show the value in a traceback.
        raise InvalidValueError(problem) from (error if hidden is None else None)


def is_validation_error(error: BaseException) -> TypeGuard[ValidationError]:
    """Return whether pydantic refused a value."""
    # Loaded by whatever raises it, and slow to load.
    with no_fork:
        from pydantic_core import ValidationError
    return is_kind(error, ValidationError)


def _problems(parameter: ToolParameter, value: object, error: ValidationError, hidden: Masking | None) -> Iterator[str]:
    details = error.errors(include_url=False, include_context=False)

    def said(words: str) -> str:
        return words if hidden is None else hidden.text(words)

    if not any(detail["loc"] for detail in details):
        reasons = ", ".join(said(detail["msg"]) for detail in details[:_PROBLEMS_SHOWN])
        given = _shown(value, is_secret=parameter.is_secret)
        yield f"{parameter.name}: expected {parameter.type_name}, got {given} ({reasons})"
        return
    for detail in details[:_PROBLEMS_SHOWN]:
        parts = detail["loc"] if hidden is None else hidden.path(detail["loc"])
        path = ".".join(map(str, (parameter.name, *parts)))
        given = _shown(detail["input"], is_secret=parameter.is_secret)
        given = "" if detail["type"] == "missing" else f", got {given}"
        yield f"{path}: {said(detail['msg'])}{given}"
    if len(details) > _PROBLEMS_SHOWN:
        yield f"and {len(details) - _PROBLEMS_SHOWN} more problems with {parameter.name}"


def _shown(value: object, *, is_secret: bool) -> str:
    return "a secret value" if is_secret else shown(value)
