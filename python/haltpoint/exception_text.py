"""Text of exceptions that other people's code raised, for models, journals and people.

Such an exception may be anything: its own text may fail, or hold what no journal can keep. What is here raises nothing.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any, cast

__all__ = ["exception_text", "message_of", "storable", "traceback_text"]

# A group may hold thousands of exceptions: more of them than this help neither a model nor a person.
_MOST_LINES = 10


def exception_text(error: BaseException) -> str:
    """Return the exception's type and message, its notes, and the innermost causes of it: no paths, no traceback."""
    lines = [_headline(error), *_notes(error)]
    causes = [cause for cause in _innermost_causes(error, set()) if cause is not error]
    for cause in causes[:_MOST_LINES]:
        lines.extend([f"Caused by {_headline(cause)}", *_notes(cause)])
    if len(causes) > _MOST_LINES:
        lines.append(f"and by {len(causes) - _MOST_LINES} more")
    return "\n".join(lines)


def message_of(error: BaseException) -> str:
    """Return the exception's message alone."""
    try:
        return storable(str(error))
    except BaseException as failure:  # noqa: BLE001 - the text of somebody's exception may fail with anything
        return f"its message can't be read, since __str__ raised {type(failure).__name__}"


def traceback_text(error: BaseException) -> str:
    """Return the traceback, with all causes, for people who debug."""
    try:
        return storable("".join(traceback.format_exception(error))).rstrip()
    except BaseException:  # noqa: BLE001 - see above: then without the texts
        frames = "".join(traceback.format_tb(_attribute(error, "__traceback__")))
        return storable(f"Traceback (most recent call last):\n{frames}{_headline(error)}")


def storable(text: str) -> str:
    """Return the text with a question mark for each half of a surrogate pair, which no journal can keep."""
    return str.encode(text, "utf-8", "replace").decode()


def _headline(error: BaseException) -> str:
    message = message_of(error)
    name = storable(type(error).__name__)
    return f"{name}: {message}" if message else name


def _notes(error: BaseException) -> list[str]:
    notes = _attribute(error, "__notes__")
    if not isinstance(notes, (list, tuple)):
        return []
    return [storable(note) for note in cast("list[object]", notes)[:_MOST_LINES] if isinstance(note, str)]


def _innermost_causes(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    """The exceptions at the ends of the chains: the exception itself where nothing caused it."""
    if id(error) in seen:
        return
    seen.add(id(error))
    causes = [cause for cause in _causes(error) if id(cause) not in seen]
    if not causes or len(seen) > 100 * _MOST_LINES:
        yield error
    for cause in causes:
        yield from _innermost_causes(cause, seen)


def _causes(error: BaseException) -> list[BaseException]:
    # Groups are known by what they hold: before Python 3.11 they come from a library.
    members = _attribute(error, "exceptions")
    found = list(cast("tuple[object, ...]", members)) if isinstance(members, (tuple, list)) else []
    return [cause for cause in (*found, _attribute(error, "__cause__")) if isinstance(cause, BaseException)]


def _attribute(error: BaseException, name: str) -> Any:
    try:
        return getattr(error, name, None)
    except BaseException:  # noqa: BLE001 - see above
        return None
