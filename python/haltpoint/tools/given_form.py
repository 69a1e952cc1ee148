"""The JSON form of what validation made of a value, with what the object takes or holds beside its fields.

A dataclass takes the values of its `InitVar`s and keeps no field of them: they are shown as they were given. Other
parts beside the fields, such as the private attributes of a model, are not read: it is shown that they are there. They
are left out where all that was given is shown, since they come of that alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from .checked_items import CheckedItems
from .field_names import init_only_fields, json_names, taken_paths
from .field_schema import is_secret, schema_at
from .hidden_parts import MISSING
from .json_form import dump_json
from .json_parts import as_list, as_object, value_at
from .plain_form import HIDDEN, PlainForm, plain_form
from .same_objects import is_cached, is_same_object
from .same_values import is_same_json

__all__ = ["completed", "given_form"]

_QUALNAME: Any = type.__dict__["__qualname__"]
_PLAIN = (str, int, float, bool, type(None))


def given_form(value: object, given: Any, schema: Callable[[], Mapping[str, Any]]) -> PlainForm:
    """Return the JSON form of an object, with what it takes or holds beside its fields.

    Args:
        value: what validation made.
        given: the JSON data that it was made of, or `MISSING`.
        schema: returns the JSON schema of the type, which says what is secret.
    """
    form = plain_form(value, is_exact=True)
    walk = _Walk(schema)
    data = walk.form(form.data, given, value, ())
    return PlainForm(data, form.is_whole and walk.is_whole)


def completed(value: Any, form: Any, holds_stand_in: Callable[[Any], bool]) -> Any:
    """Return the value with the members that only its form has.

    Args:
        value: JSON data that was given.
        form: the form of what was made of it.
        holds_stand_in: whether a part of the form stands for what is not shown. That stays the type's own default.
    """
    members, formed = as_object(value), as_object(form)
    if members is not None and formed is not None:
        own = {
            name: completed(item, formed[name], holds_stand_in) if name in formed else item
            for name, item in members.items()
        }
        added = {name: item for name, item in formed.items() if name not in own and not holds_stand_in(item)}
        return {**own, **added}
    items, forms = as_list(value), as_list(form)
    if items is not None and forms is not None and len(items) == len(forms):
        return [completed(item, made, holds_stand_in) for item, made in zip(items, forms, strict=True)]
    return value


class _Walk:
    """One walk through a form, what it was made of, and the object between them."""

    def __init__(self, schema: Callable[[], Mapping[str, Any]]) -> None:
        self._schema = schema
        self.is_whole = True

    def form(self, form: Any, given: Any, made: Any, path: tuple[str | int, ...]) -> Any:
        kind = cast("Any", type(made))
        if kind in _PLAIN or isinstance(form, str):
            return form
        if getattr(kind, "__pydantic_root_model__", False):
            return self.form(form, given, made.root, path)
        members, items = as_object(form), as_list(form)
        if members is not None and taken_paths(kind) is not None:
            return self._record(members, given, made, path)
        if members is not None and issubclass(kind, Mapping) and len(members) == len(made):
            return self._mapping(members, given, made, path)
        if items is not None:
            return self._list(items, given, made, path)
        return form

    def _mapping(self, form: dict[str, Any], given: Any, made: Any, path: tuple[str | int, ...]) -> dict[str, Any]:
        # A key may be written in another way than the one that is read; the order is the same.
        said = as_object(given) or {}
        parts = list(said.values()) if len(said) == len(form) else [MISSING] * len(form)
        members = zip(form.items(), parts, made.values(), strict=True)
        return {
            name: self.form(item, said.get(name, part), member, (*path, name)) for (name, item), part, member in members
        }

    def _list(self, form: list[Any], given: Any, made: Any, path: tuple[str | int, ...]) -> list[Any]:
        kind = cast("Any", type(made))
        if issubclass(kind, (set, frozenset)):
            # In no order: it is not known which was made of what.
            forms = [self.form(plain_form(member, is_exact=True).data, MISSING, member, path) for member in made]
            return sorted(forms, key=dump_json)
        if kind is not CheckedItems and not issubclass(kind, (list, tuple, deque)):
            return form
        items: list[Any] = list(made.remaining if kind is CheckedItems else made)
        if len(items) != len(form):
            return form
        said = as_list(given) or []
        parts = said if len(said) == len(form) else [MISSING] * len(form)
        return [
            self.form(item, part, member, (*path, index))
            for index, (item, part, member) in enumerate(zip(form, parts, items, strict=True))
        ]

    def _record(self, form: dict[str, Any], given: Any, made: Any, path: tuple[str | int, ...]) -> dict[str, Any]:
        kind = cast("Any", type(made))
        names = json_names(kind) or {}
        whole = dict(form)
        for name, ways in (taken_paths(kind) or {}).items():
            shown = names[name]
            if shown in whole:
                way = next((way for way in ways if value_at(given, way) is not MISSING), (shown,))
                whole[shown] = self.form(whole[shown], value_at(given, way), getattr(made, name, None), (*path, *way))
        extra: Mapping[str, Any] = getattr(made, "__pydantic_extra__", None) or {}
        for name, item in extra.items():
            if name in whole:
                whole[name] = self.form(whole[name], value_at(given, (name,)), item, (*path, name))
        for name in init_only_fields(kind):
            whole.setdefault(name, self._taken(kind, name, given, (*path, name)))
        self._note_beside(whole, given, made)
        return whole

    def _taken(self, kind: Any, name: str, given: Any, path: tuple[str | int, ...]) -> Any:
        """What a dataclass took for an `InitVar`."""
        value = value_at(given, (name,))
        if value is MISSING:
            default = kind.__dataclass_fields__[name].default
            if given is MISSING or type(default) not in _PLAIN:
                self.is_whole = False
                return _beside(kind, name)
            return default
        if is_secret(schema_at(self._schema(), path)):
            self.is_whole = False
            return HIDDEN
        return value

    def _note_beside(self, form: dict[str, Any], given: Any, made: Any) -> None:
        """Show that an object holds more than its form, unless all that it can come of is shown."""
        beside = [name for name in parts_beside(made) if name not in form]
        if beside and not is_same_json(completed(given, form, _is_nothing), form):
            self.is_whole = False
            form.update({name: _beside(cast("Any", type(made)), name) for name in beside})


def _is_nothing(_: Any) -> bool:
    return False


def _beside(kind: type[Any], name: str) -> str:
    """What stands for a part that an object has beside its fields."""
    return f"<{_QUALNAME.__get__(kind).rpartition('.')[2]}.{name}>"


def parts_beside(made: Any) -> Iterator[str]:
    """Yield the names of what an object holds beside its fields, other than the defaults of its type."""
    kind = cast("Any", type(made))
    fields = taken_paths(kind) or {}
    own: Mapping[str, Any] = getattr(made, "__dict__", {})
    for name in own:
        if name not in fields and not name.startswith("__") and not is_cached(kind, name):
            yield name
    private: Mapping[str, Any] = getattr(made, "__pydantic_private__", None) or {}
    for name, value in private.items():
        if not _is_private_default(kind.__private_attributes__.get(name), value):
            yield name


def _is_private_default(described: Any, value: object) -> bool:
    factory: Any = getattr(described, "default_factory", None)
    if factory is not None:
        return factory in (dict, list, set) and type(value) is factory and not value
    default: object = getattr(described, "default", MISSING)
    return value is default or is_same_object(value, default)
