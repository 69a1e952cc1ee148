"""Types whose schema and validation need no more of pydantic than its core.

Loading all of pydantic takes longer than everything else that a short run does, and most tools take only text, numbers
and lists of them. What stands here is what pydantic makes of these types, word for word; a test holds the two together.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Union, get_args, get_origin

from haltpoint._concurrency.fork_guard import no_fork

if TYPE_CHECKING:
    from pydantic_core.core_schema import CoreSchema

__all__ = ["Adapter", "PlainAdapter", "PlainType", "plain_type"]


class Adapter(Protocol):
    """What validates the values of a parameter: a `pydantic.TypeAdapter`, or a `PlainAdapter`."""

    def validate_json(self, data: str, /, *, strict: bool | None = None) -> Any:
        """Return the Python object that a JSON text stands for."""

    def dump_python(self, instance: Any, /, *, mode: Any = "python") -> Any:
        """Return the data that a Python object is written as."""


class PlainType(NamedTuple):
    """A type as pydantic's core and as JSON Schema describe it."""

    core: Any
    json: dict[str, Any]


_SCALARS: dict[Any, PlainType] = {
    str: PlainType({"type": "str"}, {"type": "string"}),
    int: PlainType({"type": "int"}, {"type": "integer"}),
    float: PlainType({"type": "float"}, {"type": "number"}),
    bool: PlainType({"type": "bool"}, {"type": "boolean"}),
}

_UNIONS = (Union, types.UnionType)


def plain_type(hint: Any) -> PlainType | None:
    """Return the description of a plain type; None for one that only pydantic knows.

    Plain are `str`, `int`, `float` and `bool`, lists of plain types, and each of them or None.
    """
    for scalar, plain in _SCALARS.items():
        if hint is scalar:
            return plain
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is list:
        return _list_of(plain_type(arguments[0]))
    if origin in _UNIONS and len(arguments) == 2 and arguments[1] is types.NoneType:
        return _or_none(plain_type(arguments[0]))
    return None


def _list_of(item: PlainType | None) -> PlainType | None:
    if item is None:
        return None
    return PlainType({"type": "list", "items_schema": item.core}, {"type": "array", "items": item.json})


def _or_none(plain: PlainType | None) -> PlainType | None:
    if plain is None:
        return None
    return PlainType({"type": "nullable", "schema": plain.core}, {"anyOf": [plain.json, {"type": "null"}]})


class PlainAdapter:
    """Does for a plain type what a `pydantic.TypeAdapter` does."""

    __slots__ = ("_core", "validate_json")

    validate_json: Callable[..., Any]

    def __init__(self, core: CoreSchema) -> None:
        with no_fork:
            from pydantic_core import SchemaValidator
        self._core = core
        self.validate_json = SchemaValidator(core).validate_json

    def dump_python(self, instance: Any, /, *, mode: Any = "python") -> Any:
        """Return the data that a Python object is written as."""
        with no_fork:
            from pydantic_core import SchemaSerializer
        return SchemaSerializer(self._core).to_python(instance, mode=mode)
