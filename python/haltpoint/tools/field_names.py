"""The names by which validation takes the fields of models and dataclasses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

__all__ = ["FieldPath", "init_only_fields", "json_names", "shown_path", "taken_paths"]

# The way through JSON data to the value of a field: mostly one name.
FieldPath: TypeAlias = "tuple[str | int, ...]"


def json_names(kind: Any) -> dict[str, str] | None:
    """Return the fields of a model or dataclass, each with the name that validation takes for it; None for others.

    A field that validation finds within a member of another name has its own name here; see `shown_path`.
    """
    paths = taken_paths(kind)
    if paths is None:
        return None
    return {name: next((str(path[0]) for path in ways if len(path) == 1), name) for name, ways in paths.items()}


def taken_paths(kind: Any) -> dict[str, list[FieldPath]] | None:
    """Return the fields of a model or dataclass, each with the ways to its value, the first one first; None for others.

    A field that no value can be given for has none.
    """
    fields: Mapping[str, Any] | None = getattr(kind, "__pydantic_fields__", None)
    own: Mapping[str, Any] = getattr(kind, "__dataclass_fields__", {}) if dataclasses.is_dataclass(kind) else {}
    if fields is None:
        if not dataclasses.is_dataclass(kind):
            return None
        return {item.name: [(item.name,)] if item.init else [] for item in dataclasses.fields(kind)}
    config: Mapping[str, Any] = getattr(kind, "model_config", None) or getattr(kind, "__pydantic_config__", None) or {}
    kept = {name: item for name, item in fields.items() if name not in init_only_fields(kind)}
    return {
        name: [] if name in own and not own[name].init else list(_ways(name, field, config))
        for name, field in kept.items()
    }


def init_only_fields(kind: Any) -> frozenset[str]:
    """Return the names that a dataclass takes for values that it does not keep."""
    if not dataclasses.is_dataclass(kind):
        return frozenset()
    own: Mapping[str, dataclasses.Field[Any]] = getattr(kind, "__dataclass_fields__", {})
    kept = {item.name for item in dataclasses.fields(kind)}
    # `ClassVar` is no field of an instance either, and none that can be given.
    return frozenset(name for name, item in own.items() if name not in kept and _is_init_only(item))


def _is_init_only(item: dataclasses.Field[Any]) -> bool:
    kind: Any = getattr(item, "_field_type", None)
    return getattr(kind, "name", None) == "_FIELD_INITVAR"


def shown_path(ways: list[FieldPath], name: str) -> tuple[str, ...]:
    """Return under which names a field is shown: those by which validation takes it, if there are such.

    Args:
        ways: as in `taken_paths`.
        name: the field.
    """
    names = (tuple(step for step in path if isinstance(step, str)) for path in ways if path and _has_names_only(path))
    # One name before several.
    return min(names, key=lambda path: len(path) > 1, default=(name,))


def _has_names_only(path: FieldPath) -> bool:
    return all(isinstance(step, str) for step in path)


def _ways(name: str, field: Any, config: Mapping[str, Any]) -> Iterator[FieldPath]:
    alias = field.validation_alias
    if alias is None or config.get("validate_by_alias") is False:
        yield (name,)
        return
    # One or several ways to find the value: `AliasPath` and `AliasChoices`.
    for choice in getattr(alias, "choices", (alias,)):
        yield (choice,) if isinstance(choice, str) else tuple(choice.path)
    if config.get("validate_by_name") or config.get("populate_by_name"):
        yield (name,)
