"""Parts of arguments that people are not shown: secrets, and objects that only their type stands for.

Where a person changes what stands around such a part, the part stays what the model said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from .plain_form import HIDDEN

__all__ = [
    "MISSING",
    "HiddenPartError",
    "holds_stand_in",
    "is_hidden_in",
    "is_stand_in",
    "shown_by_type",
    "stand_ins_in",
    "type_names_in",
    "with_hidden_parts",
]

_TYPE_NAME = re.compile(r"<[^\W\d][\w.<>]*>")


class _Missing:
    """Stands for a value that the model did not give."""


MISSING = _Missing()
"""What the model said of an argument that it left out."""


class HiddenPartError(ValueError):
    """A text stands for a hidden value, and it can't be told for which. The message says where.

    Attributes:
        path: where.
    """

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.path = path


def holds_stand_in(value: Any) -> bool:
    """Whether a shown value holds a text that may stand for a part that is not shown."""
    return any(stand_ins_in(value))


def stand_ins_in(value: Any) -> Iterator[str]:
    """Yield the texts in a shown value that may stand for parts that are not shown."""
    return filter(is_stand_in, _texts(value))


def is_hidden_in(shown: Any, said: Any) -> bool:
    """Whether a value is not shown in full.

    Args:
        shown: the value as people are shown it.
        said: the value as the model said it, or `MISSING`.
    """
    return bool(_hidden_texts(shown, said))


def type_names_in(shown: Any, said: Any) -> frozenset[str]:
    """Return the texts in a shown value that stand for objects by the names of their types.

    What it takes is as in `is_hidden_in`.
    """
    return _hidden_texts(shown, said) - {HIDDEN}


def shown_by_type(shown: Any, said: Any, path: str = "") -> list[tuple[str, Any]]:
    """Return what is shown by the names of types alone: where it stands, and what was given for it.

    Args:
        shown: the value as people are shown it.
        said: the value as it was given, or `MISSING`.
        path: where it stands.
    """
    if isinstance(shown, str):
        return [(path, said)] if is_stand_in(shown) and shown not in (said, HIDDEN) else []
    members, items = _object(shown), _list(shown)
    others = _list(said)
    inner = {name: (item, _given_for(name, item, said)) for name, item in members.items()} or {
        str(place): (item, others[place] if place < len(others) else MISSING) for place, item in enumerate(items)
    }
    return [
        found
        for name, (item, given) in inner.items()
        for found in shown_by_type(item, given, f"{path}.{name}" if path else name)
    ]


def _given_for(name: str, shown: Any, said: Any) -> Any:
    """What was given for a member; of a part that an object holds beside its fields, all that the object was given."""
    return said if isinstance(shown, str) and shown.endswith(f".{name}>") else _object(said).get(name, MISSING)


def with_hidden_parts(name: str, wanted: Any, shown: Any, said: Any) -> Any:
    """Return the value that a person wants, with what the model said where a hidden part stands as it was shown.

    Args:
        name: the argument.
        wanted: the value that the person wants.
        shown: the value that the person was shown.
        said: the value as the model said it, or `MISSING`.

    Raises:
        HiddenPartError: it can't be told which hidden value is meant.
    """
    texts = _hidden_texts(shown, said)
    return _Restoring(texts).value(wanted, shown, said, name) if texts else wanted


class _Restoring:
    """Puts the hidden parts of one argument back in their places."""

    def __init__(self, texts: frozenset[str]) -> None:
        self._texts = texts

    def value(self, wanted: Any, shown: Any, said: Any, path: str) -> Any:
        if isinstance(wanted, str):
            return self._text(wanted, shown, said, path)
        if isinstance(wanted, dict):
            return self._object(_object(wanted), _object(shown), said, path)
        if isinstance(wanted, list):
            return self._list(_list(wanted), _list(shown), _list(said), path)
        return wanted

    def _text(self, wanted: str, shown: Any, said: Any, path: str) -> Any:
        if wanted not in self._texts or wanted == said:
            return wanted
        if wanted != shown or said is MISSING:
            raise _untold(path, wanted)
        return said

    def _object(self, wanted: dict[str, Any], shown: dict[str, Any], said: Any, path: str) -> dict[str, Any]:
        members = _object(said)
        made: dict[str, Any] = {}
        for name, item in wanted.items():
            here = f"{path}.{name}"
            if name in self._texts and name not in members:
                raise _untold(path, name)
            is_default = item == shown.get(name) and isinstance(item, str) and item in self._texts
            if is_default and name not in members and isinstance(said, dict) and members.keys() <= shown.keys():
                # The type's own default, which is made where the call runs.
                continue
            made[name] = self.value(item, shown.get(name, MISSING), members.get(name, MISSING), here)
        return made

    def _list(self, wanted: list[Any], shown: list[Any], said: list[Any], path: str) -> list[Any]:
        made: list[Any] = []
        for place, item in enumerate(wanted):
            if _is_at_its_place(wanted, shown, said, place):
                made.append(self.value(item, shown[place], said[place], f"{path}.{place}"))
            else:
                made.append(self.value(item, MISSING, MISSING, f"{path}.{place}"))
        return made


def _is_at_its_place(wanted: Sequence[Any], shown: Sequence[Any], said: Sequence[Any], place: int) -> bool:
    """Whether an item of a list is the one that was shown at the same place, changed or not."""
    if place >= len(shown) or len(shown) != len(said) or not _stands_for(shown[place], said[place]):
        return False
    item, own = _json(wanted[place]), _json(shown[place])
    same = [index for index, other in enumerate(shown) if _json(other) == item]
    if len(wanted) < len(shown):
        return same == [place]
    return item == own or not same


def _stands_for(shown: Any, said: Any) -> bool:
    """Whether a shown value can come of what the model said: sets, for one, are shown in an order of their own."""
    if is_stand_in(shown):
        return True
    if isinstance(shown, dict) and isinstance(said, dict):
        members = cast("dict[str, Any]", shown)
        return all(_stands_for(members[name], item) for name, item in _object(said).items() if name in members)
    if isinstance(shown, list) and isinstance(said, list):
        items, others = _list(shown), _list(said)
        return len(items) == len(others) and all(map(_stands_for, items, others))
    if isinstance(shown, dict | list):
        return True
    # Numbers and times may be written in other ways, and are still in the same place.
    return type(shown) is not type(said) or _json(shown) == _json(said)


def _hidden_texts(shown: Any, said: Any) -> frozenset[str]:
    """The texts that stand for hidden parts: those that the model did not say at the same place."""
    return frozenset(_hidden(shown, said))


def _hidden(shown: Any, said: Any) -> Iterator[str]:
    if isinstance(shown, str):
        if is_stand_in(shown) and shown != said:
            yield shown
    elif isinstance(shown, dict):
        members = _object(said)
        for name, item in _object(shown).items():
            if is_stand_in(name) and name not in members:
                yield name
            yield from _hidden(item, members.get(name, MISSING))
    elif isinstance(shown, list):
        items, others = _list(shown), _list(said)
        for place, item in enumerate(items):
            yield from _hidden(item, others[place] if len(others) == len(items) else MISSING)


def is_stand_in(value: object) -> bool:
    """Whether a shown value is a text that may stand for something that is not shown."""
    return isinstance(value, str) and (value == HIDDEN or _TYPE_NAME.fullmatch(value) is not None)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in _object(value).items():
            yield name
            yield from _texts(item)
    elif isinstance(value, list):
        for item in _list(value):
            yield from _texts(item)


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _untold(path: str, text: str) -> HiddenPartError:
    return HiddenPartError(
        f"{path}: {text} stands for a value that is not shown, and it can't be told which; give that value anew", path
    )
