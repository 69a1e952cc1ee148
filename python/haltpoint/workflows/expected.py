"""What a step waits for from people and other programs, and how what they give is read."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.tools.json_form import parse_exact
from haltpoint.workflows.values import ValueType

__all__ = ["Expected"]

# What any value fits.
_ALL = (Any, object)


class Expected:
    """The type of a value that somebody gives.

    Args:
        annotation: the type; of a form, a pydantic model.
        is_form: whether a person gives the fields of a form.
    """

    def __init__(self, annotation: Any, *, is_form: bool = False) -> None:
        self._annotation = annotation
        self._is_form = is_form
        self._plain = ValueType(lambda: annotation)

    @cached_property
    def _given(self) -> Any:
        """What holds values against the type; None where any value fits, or nothing is known of the type."""
        if self._annotation is str or self._annotation in _ALL:
            return None
        with no_fork:
            from haltpoint.tools.given_types import ANSWER, RESULT, GivenType
        given = GivenType(self._annotation, ANSWER if self._is_form else RESULT, has_fields=self._is_form)
        return given if given.is_known else None

    @property
    def json_schema(self) -> dict[str, Any] | None:
        """The JSON schema of the values; None where any value fits, or nothing is known of the type."""
        return None if self._given is None else self._given.json_schema

    def read(self, text: str) -> Any:
        """Return the value that a text of the journal stands for.

        Raises:
            UnfitValueError: it does not fit, or the type would make another value of it.
        """
        if self._given is not None:
            return self._given.made_of(parse_exact(text)) if self._is_form else self._given.made_of_text(text)
        with no_fork:
            from haltpoint.tools.given_types import UnfitValueError
        try:
            return self._plain.read(text, is_written_elsewhere=True)
        except ValueError as error:
            raise UnfitValueError([(None, str(error))]) from error

    def read_json(self, text: str) -> Any:
        """Return the value that the JSON text of a signal stands for.

        Raises:
            UnfitValueError: as `read` does.
        """
        if self._given is not None:
            return self._given.made_of(parse_exact(text))
        with no_fork:
            from haltpoint.tools.given_types import UnfitValueError
        try:
            return self._plain.read_json(text)
        except ValueError as error:
            raise UnfitValueError([(None, str(error))]) from error

    def check(self, given: Any) -> None:
        """Check the values of a form, or the text of a result.

        Raises:
            UnfitValueError: it does not fit, or the type would make another value of it.
        """
        if self._is_form and self._given is not None:
            self._given.made_of(given)
        elif not self._is_form:
            self.read(given)

    def shown(self, text: str) -> Any:
        """Return what was given as people may be shown it, who are asked again; None where it is secret."""
        given = parse_exact(text) if self._is_form else text
        return given if self._given is None else self._given.without_secrets(given)
