"""Values that pydantic checks only when somebody iterates over them: `Iterable[int]`, `Generator[int, None, None]`.

Here they are checked together with everything else, so that a model hears of its mistake before a person is asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any, cast, get_args, get_origin

from pydantic_core import PydanticCustomError, ValidationError

from .checked_items import CheckedItems
from .field_names import json_names

if TYPE_CHECKING:
    from .plain_types import Adapter

__all__ = ["EagerAdapter", "checked_throughout"]


# Typed as anything: what is in them has no type here.
_CHANGEABLE: Any = (list, deque, dict)
_UNORDERED: Any = (set, frozenset)
_UNCHANGEABLE: Any = (tuple, *_UNORDERED)


class EagerAdapter:
    """Does what a `pydantic.TypeAdapter` does, and leaves nothing to be checked later.

    Args:
        adapter: the adapter of the type.
        hint: the type.
    """

    def __init__(self, adapter: Adapter, hint: Any) -> None:
        self._adapter = adapter
        self._hint = hint

    def validate_json(self, data: str, /, *, strict: bool | None = None) -> Any:
        """Return the Python object that a JSON text stands for."""
        return checked_throughout(self._adapter.validate_json(data, strict=strict), self._hint)

    def dump_python(self, instance: Any, /, *, mode: Any = "python") -> Any:
        """Return the data that a Python object is written as."""
        return self._adapter.dump_python(instance, mode=mode)


def checked_throughout(value: Any, hint: Any) -> Any:
    """Return what pydantic made of JSON data, with everything in it checked that it left for later.

    A list stands for an iterable, and an iterator for a generator. Models and containers are changed in place.

    Args:
        value: the value. Nothing may have iterated over what is in it.
        hint: its type.

    Raises:
        ValidationError: an item does not fit.
    """
    return _Walk().checked(value, hint, ())


class _Walk:
    def __init__(self) -> None:
        self._seen: set[int] = set()

    def checked(self, value: Any, hint: Any, path: tuple[int | str, ...]) -> Any:
        kind = cast("Any", type(value))
        if kind.__name__ == "ValidatorIterator" and kind.__module__.startswith("pydantic_core"):
            return self._checked_items(value, hint, path)
        if id(value) in self._seen:
            return value
        if issubclass(kind, _CHANGEABLE):
            self._seen.add(id(value))
            self._check_container(value, hint, path)
        elif issubclass(kind, _UNCHANGEABLE):
            return self._rebuilt(value, hint, path)
        elif (names := json_names(kind)) is not None:
            self._seen.add(id(value))
            self._check_fields(value, names, path)
        return value

    def _checked_items(self, lazy: Iterable[Any], hint: Any, path: tuple[int | str, ...]) -> Any:
        try:
            items = list(lazy)
        except ValidationError as error:
            raise _located(error, path) from error
        origin, item_hint = _lazy_type(hint)
        checked = [self.checked(item, item_hint, (*path, index)) for index, item in enumerate(items)]
        return CheckedItems(checked) if origin is Generator else checked

    def _check_container(self, value: Any, hint: Any, path: tuple[int | str, ...]) -> None:
        keys: Iterable[Any] = value if hasattr(value, "keys") else range(len(value))
        for key in list(keys):
            item = value[key]
            checked = self.checked(item, hint, (*path, key))
            if checked is not item:
                value[key] = checked

    def _rebuilt(self, value: Any, hint: Any, path: tuple[int | str, ...]) -> Any:
        items = [*value]
        checked = [self.checked(item, hint, (*path, index)) for index, item in enumerate(items)]
        if all(new is old for new, old in zip(checked, items, strict=True)):
            return value
        kind = cast("Any", type(value))
        if not issubclass(kind, _UNORDERED):
            return getattr(kind, "_make", kind)(checked)
        # What stands in a set has to have a hash.
        return kind(CheckedItems(item) if isinstance(item, _CHANGEABLE) else item for item in checked)

    def _check_fields(self, value: Any, names: dict[str, str], path: tuple[int | str, ...]) -> None:
        is_root = getattr(value, "__pydantic_root_model__", False)
        for name, json_name in names.items():
            try:
                item = object.__getattribute__(value, name)
            except AttributeError:  # it was left without a value
                continue
            checked = self.checked(item, _field_type(type(value), name), path if is_root else (*path, json_name))
            if checked is not item:
                object.__setattr__(value, name, checked)
        extra = getattr(value, "__pydantic_extra__", None)
        if extra:
            self._check_container(extra, None, path)


def _field_type(kind: Any, name: str) -> Any:
    fields = getattr(kind, "__pydantic_fields__", None)
    return kind.__dataclass_fields__[name].type if fields is None else fields[name].annotation


def _lazy_type(hint: Any) -> tuple[Any, Any]:
    """Return the outermost lazy type that a type mentions, and the type of its items."""
    if isinstance(hint, str):
        # Of a dataclass whose module evaluates no annotations.
        return (Generator if "Generator" in hint and "Iterable" not in hint else Iterable), None
    origin, arguments = get_origin(hint) or hint, get_args(hint)
    if origin is Iterable or origin is Generator:
        return origin, arguments[0] if arguments else None
    found = (_lazy_type(part) for part in [*arguments, getattr(hint, "__value__", None)] if part is not None)
    return next((lazy for lazy in found if lazy[0] is not None), (None, None))


def _located(error: ValidationError, path: tuple[int | str, ...]) -> ValidationError:
    """Return the error with the place of the items in front of the place of each fault."""
    if not path:
        return error
    lines: Any = [
        {
            "type": PydanticCustomError(cast("Any", detail["type"]), cast("Any", detail["msg"])),
            "loc": (*path, *detail["loc"]),
            "input": detail["input"],
        }
        for detail in error.errors(include_url=False, include_context=False)
    ]
    return ValidationError.from_exception_data(error.title, lines)
