"""Values on their way into the journal and back: JSON, validated by the annotation that they have."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cached_property
from typing import Any, get_type_hints

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.exceptions import ToolResultError
from haltpoint.tools.json_form import json_text, parse_json
from haltpoint.tools.results import json_data
from haltpoint.tools.validation import unwritten_words

__all__ = ["ValueType", "returned_by"]

_UNKNOWN = (Any, object, inspect.Parameter.empty)


class ValueType:
    """The type of a value, as an annotation names it. Text stands for itself, all else is written as JSON.

    Args:
        annotation: returns the annotation; called when a value is first read or written.
    """

    def __init__(self, annotation: Callable[[], Any]) -> None:
        self._named = annotation

    @cached_property
    def annotation(self) -> Any:
        """The annotation itself."""
        return self._named()

    @property
    def is_text(self) -> bool:
        """Whether the value is text that stands for itself."""
        return self.annotation is str

    def write(self, value: Any) -> str:
        """Return the text of a value that fits.

        Raises:
            ToolResultError: it has no JSON form, or what its form is read as does not fit the annotation.
        """
        data = json_data(value)
        text = data if self.is_text and isinstance(data, str) else json_text(data)
        try:
            self.read(text)
        except ValueError as error:
            raise ToolResultError(f"The result does not fit {_name(self.annotation)}: {error}") from error
        return text

    def read(self, text: str, *, is_written_elsewhere: bool = False) -> Any:
        """Return the value that a text stands for.

        Args:
            text: what `write` returned.
            is_written_elsewhere: it comes from a person or another program, which may have written text as it is.

        Raises:
            ValueError: it does not fit.
        """
        if self.is_text:
            return text
        try:
            return self.read_json(text)
        except ValueError:
            if not is_written_elsewhere:
                raise
        return self.read_json(json_text(text))

    def read_json(self, text: str) -> Any:
        """Return the value that a JSON text stands for.

        Raises:
            ValueError: it does not fit.
        """
        if self._adapter is None:
            return parse_json(text)
        try:
            return self._adapter.validate_json(text)
        except UnicodeEncodeError as error:
            raise ValueError(unwritten_words(error)) from error

    @cached_property
    def _adapter(self) -> Any:
        if self.annotation in _UNKNOWN:
            return None
        # Slow to load, and it imports parts of itself as the types need them.
        with no_fork:
            from pydantic import PydanticSchemaGenerationError, TypeAdapter

            try:
                return TypeAdapter(self.annotation)
            except PydanticSchemaGenerationError as error:
                name = _name(self.annotation)
                raise TypeError(f"{name} has no JSON form: use JSON types, dataclasses or pydantic models") from error


def returned_by(function: Callable[..., Any]) -> ValueType:
    """Return the type of what a function returns, as it is annotated; anything where it is not."""

    def annotation() -> Any:
        hint = get_type_hints(function, include_extras=True).get("return", Any)
        return None if hint is type(None) else hint

    return ValueType(annotation)


def _name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
