"""The defaults of an object's members as people are shown them, where these are the same in every process.

Validators of users' types are not called for it: a call is made of what was given, and has the default itself.

This module loads pydantic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from pydantic_core import SchemaValidator

from .defaults import NO_DEFAULT
from .hidden_parts import holds_stand_in
from .json_form import dump_json
from .plain_form import BASE64, plain_form
from .same_objects import is_same_object

__all__ = ["readable_default"]

# What else is in a core schema than schemas.
_DATA = frozenset({"default", "default_factory", "metadata", "serialization", "cls", "config", "expected", "members"})
_ANYTHING: Mapping[str, Any] = {"type": "any"}


def readable_default(schema: Any, config: Mapping[str, Any], definitions: Iterable[Any]) -> Any:
    """Return the JSON form of a member's default if the member's type reads the same default back, else NO_DEFAULT.

    Args:
        schema: pydantic's core schema of the member, of type "default".
        config: that of the object.
        definitions: the core schemas that the schema may refer to.
    """
    if "default" not in schema:
        # Made anew each time.
        return NO_DEFAULT
    form = plain_form(schema["default"], is_exact=True)
    if not form.is_whole or holds_stand_in(form.data) or f'"{BASE64}' in dump_json(form.data):
        return NO_DEFAULT
    try:
        known = [_without_code(item) for item in definitions]
        whole: Any = {"type": "definitions", "schema": _without_code(schema["schema"]), "definitions": known}
        read = SchemaValidator(whole, cast("Any", config)).validate_json(dump_json(form.data))
    except Exception:  # noqa: BLE001 - the schema of a user's type may be any, and what refuses the form reads nothing back
        return NO_DEFAULT
    return form.data if is_same_object(read, schema["default"]) else NO_DEFAULT


def _without_code(schema: Any) -> Any:
    """A core schema that calls nothing of users' types."""
    if isinstance(schema, (list, tuple)):
        return [_without_code(item) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    here = cast("dict[str, Any]", schema)
    kind = here.get("type")
    if isinstance(kind, str) and kind.startswith("function-"):
        return _without_code(here["schema"]) if "schema" in here else _ANYTHING
    if here.get("custom_init") or here.get("post_init"):
        return _ANYTHING
    return {key: value if key in _DATA else _without_code(value) for key, value in here.items()}
