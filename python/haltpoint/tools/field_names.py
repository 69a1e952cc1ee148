"""The names by which validation takes the fields of models and dataclasses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

__all__ = ["FieldPath", "init_only_fields", "json_names", "shown_paths", "taken_paths"]

# The way through JSON data to the value of a field: mostly one name.
FieldPath: TypeAlias = "tuple[str | int, ...]"


def json_names(kind: Any) -> dict[str, str] | None:
    """Return the fields of a model or dataclass, each with the name that validation takes for it; None for others.

    A field that validation finds within a member of another name has its own name here; see `shown_paths`.
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


def shown_paths(ways: Mapping[str, list[FieldPath]]) -> dict[str, FieldPath]:
    """Return under which names fields are shown: those by which validation takes them, where one object can have them.

    A field that is found only by its place in a list is shown at this place, where all places before it are fields,
    too: what stands there otherwise is not known. Else it is shown under its own name, by which it can't be given.

    Args:
        ways: as in `taken_paths`.
    """
    paths = {name: _shown_path(taken, name) for name, taken in ways.items()}
    while unknown := [name for name, path in paths.items() if not _is_filled_up(path, paths.values())]:
        paths.update({name: (name,) for name in unknown})
    return paths


def _shown_path(ways: list[FieldPath], name: str) -> FieldPath:
    # One name before several, and these before places in a list.
    return min((path for path in ways if path), key=_strangeness, default=(name,))


def _strangeness(path: FieldPath) -> int:
    if len(path) == 1:
        return 0
    return 1 if all(isinstance(step, str) for step in path) else 2


def _is_filled_up(path: FieldPath, others: Iterable[FieldPath]) -> bool:
    """Whether all items of the lists on a path are known from the first one to the last."""
    for index, step in enumerate(path):
        if isinstance(step, int):
            beside = {other[index] for other in others if other[:index] == path[:index] and len(other) > index}
            if beside != {-1} and beside != set(range(len(beside))):
                return False
    return True


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
