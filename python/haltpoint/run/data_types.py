"""The types of what a requirement's data holds: data that went through other hands may hold anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from haltpoint.exceptions import InvalidResolutionError

if TYPE_CHECKING:
    from haltpoint.run.tools.tools import ToolExecution

__all__ = ["check_emptied", "check_types"]

# Whether a value is of the type, and the type in words.
_Type: TypeAlias = "tuple[Callable[[object], bool], str]"


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple))


def _is_list_of_names(value: object) -> bool:
    return _is_list(value) and all(isinstance(item, str) for item in cast("Iterable[object]", value))


def _is_list_of_objects(value: object) -> bool:
    return _is_list(value) and all(isinstance(item, Mapping) for item in cast("Iterable[object]", value))


def _is_form(value: object) -> bool:
    if not _is_list_of_objects(value):
        return False
    return all(isinstance(field.get("name"), str) for field in cast("Iterable[Mapping[str, Any]]", value))


_TEXT: Final[_Type] = (lambda value: isinstance(value, str), "text")
_NUMBER: Final[_Type] = (lambda value: type(value) is int, "a whole number")
_YES_OR_NO: Final[_Type] = (lambda value: isinstance(value, bool), "true or false")
_OBJECT: Final[_Type] = (lambda value: isinstance(value, Mapping), "an object")
_OBJECTS: Final[_Type] = (_is_list_of_objects, "a list of objects")
_NAMES: Final[_Type] = (_is_list_of_names, "a list of field names")
_FORM: Final[_Type] = (_is_form, "a list of fields, each an object with a name")

# Null is none of them, and allowed. What is left out is refused elsewhere, by what it means.
_OF_CALLS: Final[Mapping[str, _Type]] = {
    "tool_args": _OBJECT,
    "original_tool_args": _OBJECT,
    "defaulted": _NAMES,
    "sensitive": _NAMES,
    "user_input_schema": _FORM,
}
_OF_REQUIREMENTS: Final[Mapping[str, _Type]] = {
    "run_id": _TEXT,
    "kind": _TEXT,
    "created_at": _TEXT,
    "decided_by": _TEXT,
    "decided_at": _TEXT,
    "user_input_schema": _FORM,
    "tool_execution": _OBJECT,
    "decision": _OBJECT,
    "digest": _TEXT,
    "expires_at": _TEXT,
    "expired_at": _TEXT,
    "approvals_needed": _NUMBER,
    "approvals": _OBJECTS,
    "always_ask": _YES_OR_NO,
    "fixed_arguments": _YES_OR_NO,
    "remembered_from": _OBJECT,
    "revoked": _OBJECT,
    "event": _OBJECT,
    "tool_module": _TEXT,
    "open_fields": _NAMES,
    "emptied_fields": _NAMES,
}


def check_types(data: object) -> None:
    """Check that each member of a requirement's data, and of its call, is of its type, or null.

    Raises:
        InvalidResolutionError: one is not; `field_name` names it.
    """
    if not isinstance(data, Mapping):
        return
    said = cast("Mapping[str, Any]", data)
    _check(said, _OF_REQUIREMENTS)
    execution: object = said.get("tool_execution")
    if execution is None:
        raise InvalidResolutionError(
            "the requirement's data has no tool_execution, which says which call it is about",
            field_name="tool_execution",
        )
    _check(cast("Mapping[str, Any]", execution), _OF_CALLS)


def _check(said: Mapping[str, Any], types: Mapping[str, _Type]) -> None:
    for name, (fits, words) in types.items():
        value: object = said.get(name)
        if not isinstance(value, NoneType) and not fits(value):
            # Its type and not the value, which may be secret.
            raise InvalidResolutionError(
                f"the requirement's data can't be read: {name} must be {words}, got {_kind(value)}", field_name=name
            )


def _kind(value: object) -> str:
    name = type(value).__name__
    if not _is_list(value):
        return name
    kinds = dict.fromkeys(type(item).__name__ for item in cast("Iterable[object]", value))
    return f"a {name} of {', '.join(kinds) or 'nothing'}"


def check_emptied(execution: ToolExecution, open_fields: Iterable[str], emptied: Iterable[str]) -> None:
    """Check that the fields of a form that are said to be open, or to be answered with None, can be that.

    Raises:
        InvalidResolutionError: the form has no such field, or a field that was answered with None has a value.
    """
    form = execution.user_input_schema
    if not form:
        # What is said of a form that there is not is refused as a word of another kind.
        return
    values = {field["name"]: field.get("value") for field in form}
    for part, names in (("open_fields", open_fields), ("emptied_fields", emptied)):
        unknown = next((name for name in names if name not in values), None)
        if unknown is not None:
            raise InvalidResolutionError(
                f"the requirement's data names {unknown!r} in {part}, but its form has the fields: {', '.join(values)}",
                field_name=unknown,
            )
    filled = next((name for name in emptied if values[name] is not None), None)
    if filled is not None:
        raise InvalidResolutionError(
            f"the requirement's data names {filled!r} in emptied_fields, and gives it a value: say null there, or take "
            "the name out of emptied_fields",
            field_name=filled,
        )
