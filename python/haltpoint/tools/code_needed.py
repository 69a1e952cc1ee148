"""What a person may change only where the tool's code is at hand: what its JSON schema can't tell the meaning of.

Such a value would be accepted, and the call would then not run, since the tool makes another value of it than was
shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.tools.field_words import expected_words

from .dropped_members import closed
from .hidden_parts import MISSING, holds_stand_in, type_names_in
from .json_parts import as_list, as_object
from .kept_members import is_left_as_shown
from .schema_marks import KEYS, NEEDS_CODE, UNKNOWN_DEFAULT

if TYPE_CHECKING:
    from .value_problems import Path

__all__ = ["code_needed", "unreadable_places"]

_ADVICE: Final = "decide where it is at hand, in the worker or in a program that imports the tool"

CODE_NEEDED: Final = f"the tool's code is needed to tell what this value means; {_ADVICE}"
"""What is said of a value that can't be checked without the code."""

_MISSING: Final = "missing, and the tool's code is needed to tell its default"

_TYPES: Mapping[object, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def code_needed(schema: Mapping[str, Any], value: Any, shown: Any, said: Any = MISSING) -> list[tuple[Path, str]]:
    """Return what in a value can't be decided without the tool's code: where it stands, and why.

    That is an object whose meaning the schema does not tell, and a member that was left out and whose default only the
    code knows: the tool would make a value that nobody saw.

    Args:
        schema: the JSON schema of the value, with the marks of `schema_marks`. It may be broken.
        value: JSON data.
        shown: the value as the person was shown it. `MISSING` where they were shown none, so that they give one as the
            schema describes it; then only what the schema does not describe needs the code. What was left as it was
            shown passes.
        said: the value as the model said it, or `MISSING`.
    """
    try:
        walk = _Walk(schema, is_edit=shown is not MISSING, type_names=type_names_in(shown, said))
        return list(walk.of(schema, value, shown, ()))
    except (AttributeError, KeyError, TypeError, RecursionError):
        # A schema out of a journal, which anybody may have changed. What else checks the value says so.
        return []


def unreadable_places(undecidable: Iterable[tuple[Path, str]]) -> list[Path]:
    """Return where the schema does not tell what a value means, of what `code_needed` found.

    What the schema finds wrong there says nothing; what it finds elsewhere holds whatever the code would say.
    """
    return [path for path, words in undecidable if words == CODE_NEEDED]


class _Walk:
    def __init__(self, schema: Mapping[str, Any], *, is_edit: bool, type_names: frozenset[str]) -> None:
        self._type_names = type_names
        self._is_edit = is_edit
        self._definitions: Mapping[str, Any] = schema.get("$defs", {})
        # The places and definitions that the walk is inside of.
        self._around: set[tuple[Path, str]] = set()

    def of(self, schema: Any, value: Any, shown: Any, path: Path) -> Iterator[tuple[Path, str]]:
        if shown is not MISSING and is_left_as_shown(value, shown):
            return
        if isinstance(shown, str) and shown in self._type_names:
            # The tool makes an object of it, which has no JSON form.
            yield path, CODE_NEEDED
            return
        if not isinstance(schema, Mapping):
            return
        here = cast("Mapping[str, Any]", schema)
        if (self._is_edit and NEEDS_CODE in here) or here.get(NEEDS_CODE) == "paths":
            yield path, CODE_NEEDED
            return
        for part in self._parts(here, path):
            yield from self.of(part, value, shown, path)
        for branches in (here.get("anyOf", ()), here.get("oneOf", ())):
            yield from self._of_one(branches, value, shown, path)
        members, items = as_object(value), as_list(value)
        if members is not None:
            yield from self._members(here, members, as_object(shown), path)
        elif items is not None:
            yield from self._items(here, items, as_list(shown) or [], path)

    def _of_one(self, branches: Iterable[Any], value: Any, shown: Any, path: Path) -> Iterator[tuple[Path, str]]:
        """What is found in a value that is of one of several types."""
        possible = [branch for branch in branches if self._may_be(branch, value)]
        found = [list(self.of(branch, value, shown, path)) for branch in possible]
        if not any(map(_lacks_default, found)):
            yield from (finding for findings in found for finding in findings)
            return
        fits = [self._fits(branch, value) for branch in possible]
        for findings, is_fit in zip(found, fits, strict=True):
            # A default is made by the type that the value is of.
            yield from (item for item in findings if is_fit or not any(fits) or not _lacks_default([item]))

    def _fits(self, branch: Any, value: Any) -> bool:
        # Loads jsonschema, which takes its time.
        with no_fork:
            from .schema_check import BrokenSchemaError, value_problems
        try:
            return not value_problems(closed({**branch, "$defs": self._definitions}), value)
        except BrokenSchemaError:
            return False

    def _parts(self, schema: Mapping[str, Any], path: Path) -> Iterator[Any]:
        target = schema.get("$ref")
        if isinstance(target, str) and (path, target) not in self._around:
            self._around.add((path, target))
            yield self._referred(target)
        yield from schema.get("allOf", ())

    def _referred(self, target: str) -> Any:
        return self._definitions.get(target.removeprefix("#/$defs/").replace("~1", "/").replace("~0", "~"))

    def _may_be(self, branch: Any, value: Any) -> bool:
        """Whether a value is of the type of a branch."""
        target = branch.get("$ref")
        found: Mapping[str, Any] = (self._referred(target) if isinstance(target, str) else branch) or {}
        kind: object = found.get("type")
        expected = _TYPES.get(kind) if isinstance(kind, str) else None
        if expected is None:
            return True
        return isinstance(value, expected) and (kind == "boolean" or not isinstance(value, bool))

    def _members(
        self, schema: Mapping[str, Any], members: dict[str, Any], shown: dict[str, Any] | None, path: Path
    ) -> Iterator[tuple[Path, str]]:
        known, others, keys = schema.get("properties", {}), schema.get("additionalProperties"), schema.get(KEYS)
        before = shown or {}
        for name, item in members.items():
            if name not in before and name not in known:
                yield from self.of(keys, name, MISSING, (*path, name))
            yield from self.of(known.get(name, others), item, before.get(name, MISSING), (*path, name))
        for name, described in known.items():
            if name in members:
                continue
            # Another secret would look like the one that was shown.
            is_hidden = described.get("default") is not None and name in before and holds_stand_in(before[name])
            if is_hidden or _is_unknown(described):
                yield (*path, name), self._missing_words(described)

    def _items(
        self, schema: Mapping[str, Any], items: list[Any], shown: list[Any], path: Path
    ) -> Iterator[tuple[Path, str]]:
        first = schema.get("prefixItems", ())
        for place in range(len(items), len(first)):
            if _is_unknown(first[place]):
                yield (*path, place), self._missing_words(first[place])
        for place, item in enumerate(items):
            if any(is_left_as_shown(item, other) for other in shown):
                continue
            described = first[place] if place < len(first) else schema.get("items")
            before = shown[place] if place < len(shown) else MISSING
            yield from self.of(described, item, before, (*path, place))

    def _missing_words(self, schema: Mapping[str, Any]) -> str:
        if schema.get(UNKNOWN_DEFAULT) == "set":
            return f"{_MISSING}; {_ADVICE}"
        return f"{_MISSING}; give a value ({expected_words({**schema, '$defs': self._definitions})}), or {_ADVICE}"


def _is_unknown(schema: Mapping[str, Any]) -> bool:
    # A default that somebody wrote into the schema is shown, and must come out.
    return UNKNOWN_DEFAULT in schema and "default" not in schema


def _lacks_default(findings: Iterable[tuple[Path, str]]) -> bool:
    return any(words.startswith(_MISSING) for _, words in findings)
