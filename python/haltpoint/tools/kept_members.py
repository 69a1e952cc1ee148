"""Members of a nested argument that a person left as they were shown, beside those that they changed.

What is shown is what validation made of the model's value, and validation may make yet another value of that. So a
member that was left as it was shown is made of what the model said for it, and must come out as it was shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from .hidden_parts import MISSING, holds_stand_in, is_hidden_in
from .json_form import dump_json, holds_written_floats, with_whole_numbers
from .json_form import shown as short
from .plain_form import BASE64
from .same_values import is_same_json

if TYPE_CHECKING:
    from haltpoint.sensitive import Masking

    from .value_problems import Path

__all__ = ["KeptMembers", "is_left_as_shown"]


def is_left_as_shown(wanted: Any, shown: Any) -> bool:
    """Whether a value is the one that was shown: as JSON, in which 1 and 1.0 are alike and True and 1 are not."""
    return _text(wanted) == _text(shown)


class KeptMembers(NamedTuple):
    """What a person wants in the place of a value that they were shown.

    Attributes:
        wanted: the value that the person wants.
        shown: the value that the person was shown, or `MISSING`.
        said: the value as the model said it, or `MISSING`.
    """

    wanted: Any
    shown: Any
    said: Any

    @property
    def is_unchanged(self) -> bool:
        """Whether the value is the one that was shown."""
        return self.shown is not MISSING and is_left_as_shown(self.wanted, self.shown)

    def completed(self) -> Any:
        """Return the wanted value, with what it leaves out and the model had left out, too, as it was shown.

        That is what defaults made: they are made once. What the model said and the person takes out is not in it, and
        neither is a part that people are not shown.
        """
        return _completed(self.wanted, self.shown, {} if self.said is MISSING else self.said)

    def is_kept_at(self, path: Path) -> bool:
        """Whether what stands at a place was left as it was shown, or left out: not what a person wrote there."""
        wanted, shown, said = self
        for step in path:
            if shown is MISSING or said is MISSING:
                return False
            if is_left_as_shown(wanted, shown):
                return True
            if _is_of(dict, wanted, shown, said):
                if step not in wanted or step not in shown:
                    # What the tool drops of the model's words was never shown.
                    return True
                wanted, shown, said = (part.get(step, MISSING) for part in (wanted, shown, said))
            elif _is_of(list, wanted, shown, said) and len(shown) == len(said) and step in range(len(wanted)):
                place = _places(wanted, shown)[int(step)]
                if place is None:
                    return False
                wanted, shown, said = wanted[int(step)], shown[place], said[place]
            else:
                return False
        return shown is not MISSING and is_left_as_shown(wanted, shown)

    def as_made(self) -> Any:
        """Return the wanted value, with what was shown for the parts that are just what the model said."""
        return _as_made(self.wanted, self.shown, self.said)

    def values(self, given: Any) -> Iterator[Any]:
        """Yield what the tool may have to validate, the likeliest first.

        Args:
            given: the wanted value, with what is hidden in its place.
        """
        made = [
            _made(given, self.wanted, self.shown, self.said, pins=True),
            # A type's own default need not pass its validators.
            _made(given, self.wanted, self.shown, self.said, pins=False),
            _found_elsewhere(given, self.wanted, self.shown, self.said),
            given,
        ]
        yield from {dump_json(value): value for value in made}.values()

    def problem_with(self, form: Any, path: str, hidden: Masking | None = None) -> tuple[str, str] | None:
        """Say which member does not come out as it was shown or left out, if one does not: its path, and the problem.

        Args:
            form: what people are shown of the value that the tool would get.
            path: where the value stands.
            hidden: masks the values, where they must not be shown.
        """
        swapped = _swapped(self, form, path)
        if swapped is not None:
            return swapped, (
                f"{swapped}: it was left out, and a hidden default would take the place of the hidden value that was "
                "shown; leave it as it was shown, or give another value for it"
            )
        found = _stray(self.wanted, self.shown, form, path)
        if found is None:
            return None
        was, other = (short(found.shown), short(found.form)) if hidden is None else ("a secret value", "another one")
        would_be = "missing" if found.form is MISSING else other
        place = found.path if hidden is None else hidden.text(found.path)
        return place, (
            f"{place}: it was left as it was shown, {was}, and would be {would_be} beside what was "
            "changed; give another value for it, or leave it out"
        )


def _completed(wanted: Any, shown: Any, said: Any) -> Any:
    if _is_of(dict, wanted, shown, said) and {*wanted, *said} <= shown.keys():
        # Else it may be an object of another type than the one that was shown, or under other names.
        own = {name: _completed(item, shown[name], said.get(name, {})) for name, item in wanted.items()}
        left_out = shown.keys() - {*own, *said}
        return own | {name: item for name, item in shown.items() if name in left_out and not holds_stand_in(item)}
    if _is_of(list, wanted, shown, said) and len(shown) == len(said) and not _is_in_another_order(shown, said):
        return [
            item if place is None else _completed(item, shown[place], said[place])
            for item, place in zip(wanted, _places(wanted, shown), strict=True)
        ]
    return wanted


def _as_made(wanted: Any, shown: Any, said: Any) -> Any:
    if shown is MISSING or said is MISSING:
        return wanted
    if is_left_as_shown(wanted, said) and not _may_mean_another(wanted):
        return shown
    if _is_of(dict, wanted, shown, said):
        members: dict[str, Any] = wanted
        return {
            name: _as_made(item, shown.get(name, MISSING), said.get(name, MISSING)) for name, item in members.items()
        }
    is_list = _is_of(list, wanted, shown, said) and len(wanted) == len(shown) == len(said)
    if is_list and not _is_in_another_order(shown, said):
        return [_as_made(*parts) for parts in zip(wanted, shown, said, strict=True)]
    return wanted


def _may_mean_another(wanted: Any) -> bool:
    """Whether a person's value may not be the model's, although it is written alike.

    It may have digits that the model's has not, or hold bytes in the notation in which they are shown.
    """
    return holds_written_floats(wanted) or f'"{BASE64}' in _text(wanted)


# What the tool validates


def _made(given: Any, wanted: Any, shown: Any, said: Any, *, pins: bool) -> Any:
    if shown is MISSING or said is MISSING:
        return given
    if is_left_as_shown(wanted, shown):
        return said
    if _is_of(dict, given, wanted, shown, said):
        return _made_object(given, wanted, shown, said, pins=pins)
    if _is_of(list, given, wanted, shown, said) and len(shown) == len(said) and not _is_in_another_order(shown, said):
        places = _places(wanted, shown)
        return [
            item if place is None else _made(item, own, shown[place], said[place], pins=pins)
            for item, own, place in zip(given, wanted, places, strict=True)
        ]
    return given


def _made_object(
    given: dict[str, Any], wanted: dict[str, Any], shown: dict[str, Any], said: dict[str, Any], *, pins: bool
) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, item in given.items():
        is_default = name in shown and name not in said and is_left_as_shown(wanted[name], shown[name])
        if pins or not is_default:
            before, told = shown.get(name, MISSING), said.get(name, MISSING)
            made[name] = _made(item, wanted[name], before, told, pins=pins)
    return made


def _found_elsewhere(given: Any, wanted: Any, shown: Any, said: Any) -> Any:
    """The same with what is shown under another name than the model said it by, such as what has a place in a list."""
    if not _is_of(dict, given, wanted, shown, said) or is_left_as_shown(wanted, shown):
        return _made(given, wanted, shown, said, pins=False)
    made: dict[str, Any] = {
        name: _found_elsewhere(item, wanted[name], shown.get(name, MISSING), said.get(name, MISSING))
        for name, item in given.items()
        if name in said or not (name in shown and is_left_as_shown(wanted[name], shown[name]))
    }
    # Places are in lists, which may be within objects.
    unshown: dict[str, Any] = {
        name: item for name, item in said.items() if name not in shown and isinstance(item, (list, dict))
    }
    return {**unshown, **made}


def _is_of(kind: type, *values: Any) -> bool:
    return all(isinstance(value, kind) for value in values)


def _is_in_another_order(shown: list[Any], said: list[Any]) -> bool:
    """Whether a list is a set, which is shown in an order of its own, and whose items are what the model said."""
    return shown != said and sorted(map(_text, shown)) == sorted(map(_text, said))


def _places(wanted: list[Any], shown: list[Any]) -> list[int | None]:
    """For each wanted item, the place of the shown one that it is, changed or not."""
    texts, own = [_text(item) for item in shown], [_text(item) for item in wanted]
    first: dict[str, int] = {}
    for place, text in enumerate(texts):
        first.setdefault(text, place)
    kept = set(own)
    more = len(shown) - len(wanted)

    def place_of(index: int) -> int | None:
        if own[index] in first:
            return index if texts[index : index + 1] == [own[index]] else first[own[index]]
        # Changed: the one at the same place, counted from either end, unless that is still there.
        near = [place for place in (index, index + more) if 0 <= place < len(shown) and texts[place] not in kept]
        return max(near, key=lambda place: _likeness(wanted[index], shown[place]), default=None)

    return [place_of(index) for index in range(len(wanted))]


def _likeness(first: Any, second: Any) -> int:
    """How many members of two objects are the same."""
    if not _is_of(dict, first, second):
        return 0
    return sum(name in second and is_left_as_shown(item, second[name]) for name, item in first.items())


# What comes out of it


class _Stray(NamedTuple):
    path: str
    shown: Any
    form: Any


def _swapped(members: KeptMembers, form: Any, path: str) -> str | None:
    """Return the path of the first hidden member that was left out and in whose place stands another hidden one."""
    wanted, shown, said = members
    found: Iterator[str | None] = iter(())
    if _is_of(dict, wanted, shown, said, form):
        names = [name for name in said if name in shown and name in form]
        found = (
            _swapped(KeptMembers(wanted[name], shown[name], said[name]), form[name], f"{path}.{name}")
            if name in wanted
            else _swapped_out(shown[name], said[name], form[name], f"{path}.{name}")
            for name in names
        )
    elif _is_of(list, wanted, shown, said, form) and len(shown) == len(said) and len(wanted) == len(form):
        places = enumerate(_places(wanted, shown))
        found = (
            _swapped(KeptMembers(wanted[index], shown[place], said[place]), form[index], f"{path}.{index}")
            for index, place in places
            if place is not None
        )
    return next(filter(None, found), None)


def _swapped_out(shown: Any, said: Any, form: Any, path: str) -> str | None:
    return path if is_hidden_in(shown, said) and is_hidden_in(form, MISSING) else None


def _stray(wanted: Any, shown: Any, form: Any, path: str) -> _Stray | None:
    """Return the first member that was left as it was shown and does not come out so."""
    if shown is MISSING:
        return None
    if is_left_as_shown(wanted, shown):
        return None if form is not MISSING and is_same_json(form, shown) else _Stray(path, shown, form)
    if _is_of(dict, wanted, shown):
        members = cast("dict[str, Any]", form) if isinstance(form, dict) else {}
        found = (
            _stray(item, shown.get(name, MISSING), members.get(name, MISSING), f"{path}.{name}")
            for name, item in wanted.items()
        )
        return next(filter(None, found), None)
    if _is_of(list, wanted, shown):
        items: list[Any] = form if isinstance(form, list) else []  # pyright: ignore[reportUnknownVariableType]
        places = enumerate(_places(wanted, shown))
        found = (
            _stray_item(wanted[index], shown[place], items, index, path) for index, place in places if place is not None
        )
        return next(filter(None, found), None)
    return None


def _stray_item(wanted: Any, shown: Any, forms: list[Any], index: int, path: str) -> _Stray | None:
    here = f"{path}.{index}"
    found = _stray(wanted, shown, forms[index] if index < len(forms) else MISSING, here)
    # Sets are shown in an order of their own.
    is_elsewhere = found is not None and any(_stray(wanted, shown, form, here) is None for form in forms)
    return None if is_elsewhere else found


def _text(value: Any) -> str:
    return json.dumps(with_whole_numbers(value), sort_keys=True)
