"""Text of exceptions that other people's code raised, for models, journals and people.

Such an exception may be anything: its own text may fail, be of any length, or hold what no journal can keep, and it may
have any number of causes. What is here raises nothing, and reads no more of them than helps.
"""

from __future__ import annotations

import builtins
import textwrap
import traceback
import weakref
from typing import Any, Final, NamedTuple, TypeAlias, TypeGuard, cast

__all__ = [
    "LONGEST_TEXT",
    "ErrorTexts",
    "beginning",
    "calls_own_code",
    "exception_text",
    "message_of",
    "remembered_texts",
    "storable",
    "texts_at_once",
    "texts_of",
    "texts_without_words",
    "traceback_text",
]

LONGEST_TEXT = 65_536
"""How many characters are kept of a message or a note, and four times as many of all that is shown of an exception."""

_LONGEST = 4 * LONGEST_TEXT

# A group may hold thousands of exceptions: more of them than this help neither a model nor a person.
_MOST_LINES = 10

# How many exceptions are looked at for the innermost ones.
_MOST_READ = 10_000

# How many exceptions of a chain have their tracebacks shown.
_MOST_TRACEBACKS = 40

_SEPARATORS = {
    "__cause__": "\nThe above exception was the direct cause of the following exception:\n\n",
    "__context__": "\nDuring handling of the above exception, another exception occurred:\n\n",
}


class ErrorTexts(NamedTuple):
    """What is shown of an exception.

    Attributes:
        summary: what `exception_text` returns.
        traceback: what `traceback_text` returns.
        message: what `message_of` returns.
    """

    summary: str
    traceback: str
    message: str = ""


# By the ids of exceptions, so that the text of each is read once.
_Messages: TypeAlias = "dict[int, tuple[BaseException, str]]"

# Texts that took code of the exception's own, by its id.
_remembered: dict[int, tuple[weakref.ref[BaseException], ErrorTexts]] = {}


def texts_of(error: BaseException) -> ErrorTexts:
    """Return all that is shown of an exception. Call it where the code ran that raised it: its own text takes time."""
    known = _known_texts(error)
    if known is not None:
        return known
    messages: _Messages = {}
    return ErrorTexts(_summary(error, messages), _traceback_text(error, messages), _message(error, messages))


def remembered_texts(error: BaseException) -> ErrorTexts:
    """Do the same, and have it at hand for as long as the exception lives: reading it once more takes no time."""
    texts = texts_of(error)
    key = id(error)
    try:
        _remembered[key] = weakref.ref(error, lambda _: _remembered.pop(key, None)), texts
    except TypeError:
        # It has no room for a reference.
        return texts
    return texts


def _known_texts(error: BaseException) -> ErrorTexts | None:
    known = _remembered.get(id(error)) if _remembered else None
    return None if known is None or known[0]() is not error else known[1]


# What Python writes by itself, of parts that are plain.
_OWN_STR: Final = (
    BaseException.__str__,
    KeyError.__str__,
    OSError.__str__,
    ImportError.__str__,
    # Before Python 3.11 groups come from a library.
    getattr(builtins, "BaseExceptionGroup", BaseException).__str__,
)
_PLAIN: Final = frozenset({str, int, float, bool, bytes, type(None)})
# Python guesses what was meant instead of a name, and asks objects for what they have.
_GUESSED: Final = (AttributeError, NameError)
_PARTS: Final = ("args", "errno", "strerror", "filename", "filename2", "msg", "message")
_ASKED_FOR: Final = frozenset(
    {"__getattribute__", "__getattr__", "__notes__", "__cause__", "__context__", "__suppress_context__"}
    | {"__traceback__", "exceptions", *_PARTS}
)


def calls_own_code(error: BaseException) -> bool:
    """Whether the text of an exception, its notes or causes is made by code of other people's, which may take any time.

    Of what is raised mostly it is not: its class, and those of its causes, have Python's own text of plain values.
    """
    seen: dict[int, BaseException] = {}
    pending = [error]
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen[id(current)] = current
        if len(seen) > _MOST_TRACEBACKS or not _has_plain_text(current):
            return True
        pending.extend(_causes(current))
        context = current.__context__
        pending.extend([] if context is None else [context])
    return False


def _has_plain_text(error: BaseException) -> bool:
    kind = type(error)
    if type(kind) is not type or issubclass(kind, _GUESSED) or kind.__str__ not in _OWN_STR:
        return False
    for cls in type.mro(kind):
        if cls is BaseException or cls.__module__ == "builtins":
            break
        if not _ASKED_FOR.isdisjoint(vars(cls)):
            return False
    values = [*error.args, *(getattr(error, name, None) for name in (*_PARTS[1:], "exceptions"))]
    notes = getattr(error, "__notes__", None)
    is_listed = type(notes) is list and all(type(note) is str for note in cast("list[object]", notes))
    return (notes is None or is_listed) and all(type(value) in _PLAIN or _is_member(value) for value in values)


def _is_member(value: object) -> bool:
    """Whether a value is what a group holds, which is looked at by itself."""
    return type(value) in (list, tuple) and all(map(_is_exception, cast("list[object]", value)))


def texts_without_words(error: BaseException) -> ErrorTexts:
    """Return what is shown of an exception whose own words may hold a secret: its type, and where it was raised."""
    return ErrorTexts(_name(error), f"{_frames(error)}{_name(error)}", _name(error))


def texts_at_once(error: BaseException) -> ErrorTexts:
    """Return what is shown of an exception, without a call of its own code: that may take any time."""
    return texts_without_words(error) if calls_own_code(error) else texts_of(error)


def exception_text(error: BaseException) -> str:
    """Return the exception's type and message, its notes, and the innermost causes of it: no paths, no traceback.

    Of more causes than help, it says how many were left out; of longer texts than `LONGEST_TEXT`, how many characters.
    """
    known = _known_texts(error)
    return _summary(error, {}) if known is None else known.summary


def _summary(error: BaseException, messages: _Messages) -> str:
    lines = [_headline(error, messages), *_notes(error)]
    innermost, is_whole = _innermost_causes(error)
    causes = [cause for cause in innermost if cause is not error]
    for cause in causes[:_MOST_LINES]:
        lines.extend([f"Caused by {_headline(cause, messages)}", *_notes(cause)])
    if not is_whole:
        lines.append(f"and by more: only {_MOST_READ} exceptions of its causes were read")
    elif len(causes) > _MOST_LINES:
        lines.append(f"and by {len(causes) - _MOST_LINES} more")
    return beginning("\n".join(lines), _LONGEST)


def message_of(error: BaseException) -> str:
    """Return the exception's message alone, or its beginning."""
    known = _known_texts(error)
    return _message(error, {}) if known is None else known.message


def _message(error: BaseException, messages: _Messages) -> str:
    known = messages.get(id(error))
    if known is None:
        known = messages[id(error)] = error, _read_message(error)
    return known[1]


def _read_message(error: BaseException) -> str:
    try:
        return beginning(str(error))
    except BaseException as failure:  # noqa: BLE001 - the text of somebody's exception may fail with anything
        return f"its message can't be read, since __str__ raised {_name(failure)}"


def traceback_text(error: BaseException) -> str:
    """Return the traceback, with the causes, for people who debug; of a long chain, those at both ends."""
    known = _known_texts(error)
    return _traceback_text(error, {}) if known is None else known.traceback


def _traceback_text(error: BaseException, messages: _Messages) -> str:
    try:
        return beginning(_whole_traceback(error, messages), _LONGEST).rstrip()
    except BaseException:  # noqa: BLE001 - see above: then without the texts
        return storable(f"{_frames(error)}{_headline(error, messages)}")


def _frames(error: BaseException) -> str:
    try:
        frames = "".join(traceback.format_tb(_attribute(error, "__traceback__")))
    except BaseException:  # noqa: BLE001 - the attribute may be anything, too
        frames = ""
    return storable(f"Traceback (most recent call last):\n{frames}")


def beginning(text: str, most: int = LONGEST_TEXT) -> str:
    """Return a text as a journal can keep it, or as much of its beginning and how many characters follow."""
    # Not by methods of a class that somebody derived from str.
    length = str.__len__(text)
    kept = storable(str.__getitem__(text, slice(most)))
    return kept if length <= most else f"{kept}… ({length - most:,} more characters)"


def storable(text: str) -> str:
    """Return the text with a question mark for each half of a surrogate pair, which no journal can keep."""
    return str.encode(text, "utf-8", "replace").decode()


def _headline(error: BaseException, messages: _Messages) -> str:
    message = _message(error, messages)
    name = _name(error)
    return f"{name}: {message}" if message else name


def _name(error: BaseException) -> str:
    # Not as an attribute of the class, whose own class may have another idea of it.
    return storable(type.__dict__["__name__"].__get__(type(error)))


def _notes(error: BaseException) -> list[str]:
    notes = _attribute(error, "__notes__")
    if not issubclass(type(notes), (list, tuple)):
        return []
    try:
        return [beginning(note) for note in cast("list[object]", notes)[:_MOST_LINES] if isinstance(note, str)]
    except BaseException:  # noqa: BLE001 - see above: it may be a list of somebody's own
        return []


def _innermost_causes(error: BaseException) -> tuple[list[BaseException], bool]:
    """The exceptions at the ends of the chains, and whether all were read: itself where nothing caused it."""
    found: list[BaseException] = []
    # Kept, so that no other one gets the id of one that was read.
    seen: dict[int, BaseException] = {}
    pending = [error]
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        if len(seen) == _MOST_READ:
            return found, False
        seen[id(current)] = current
        causes = [cause for cause in _causes(current) if id(cause) not in seen]
        if not causes:
            found.append(current)
        pending.extend(reversed(causes))
    return found, True


def _causes(error: BaseException) -> list[BaseException]:
    # Groups are known by what they hold: before Python 3.11 they come from a library.
    members = _attribute(error, "exceptions")
    found: list[object] = []
    if issubclass(type(members), (tuple, list)):
        try:
            found.extend(members)
        except BaseException:  # noqa: BLE001 - see above
            found.clear()
    return [cause for cause in (*found, _attribute(error, "__cause__")) if _is_exception(cause)]


def _is_exception(found: object) -> TypeGuard[BaseException]:
    # Not by `isinstance`, which also asks the object for its class.
    return issubclass(type(found), BaseException)


def _whole_traceback(error: BaseException, messages: _Messages) -> str:
    # Python's own means read each text once more.
    if _is_small(error) and _has_short_texts(error):
        return "".join(traceback.format_exception(error))
    # Not by Python's own means, which look at all causes of each one, and at all members of groups.
    chain, half = _chain(error), _MOST_TRACEBACKS // 2
    if len(chain) <= _MOST_TRACEBACKS:
        return _tracebacks(chain, messages)
    left_out = f"... {len(chain) - 2 * half} exceptions that lead from one to the other are left out ...\n\n"
    return f"{_tracebacks(chain[-half:], messages)}\n{left_out}{_tracebacks(chain[:half], messages)}"


def _is_small(error: BaseException) -> bool:
    """Whether the exception has few causes and members of groups."""
    return len(_related(error)) <= _MOST_TRACEBACKS


def _has_short_texts(error: BaseException) -> bool:
    """Whether all that Python would write of the exception and its causes is short: it goes through it line by line.

    Of one whose text is made by code of its own, that is not known before it is made.
    """
    for each in _related(error):
        if type(each).__str__ not in _OWN_STR:
            return False
        notes = _attribute(each, "__notes__")
        texts = [str(each), *(cast("list[object]", notes) if issubclass(type(notes), (list, tuple)) else ())]
        if any(isinstance(text, str) and str.__len__(text) > LONGEST_TEXT for text in texts):
            return False
    return True


def _related(error: BaseException) -> list[BaseException]:
    """The exception, its causes and the members of groups; no more than tell that they are many."""
    seen: dict[int, BaseException] = {}
    pending = [error]
    while pending and len(seen) <= _MOST_TRACEBACKS:
        current = pending.pop()
        if id(current) not in seen:
            seen[id(current)] = current
            context = _attribute(current, "__context__")
            pending.extend(_causes(current))
            pending.extend([context] if _is_exception(context) else [])
    return list(seen.values())


def _tracebacks(chain: list[_Link], messages: _Messages) -> str:
    """The tracebacks of exceptions each of which led to the one before, much as Python prints them."""
    parts: list[str] = []
    for link in reversed(chain):
        trace = _attribute(link.error, "__traceback__")
        if trace is not None:
            parts.extend(["Traceback (most recent call last):\n", *traceback.format_tb(trace)])
        parts.extend(f"{line}\n" for line in (_headline(link.error, messages), *_notes(link.error)))
        parts.extend(_members_text(link.error, messages))
        if link is not chain[0]:
            parts.append(_SEPARATORS[link.led_by])
    return "".join(parts)


def _members_text(error: BaseException, messages: _Messages) -> list[str]:
    """What a group holds, as it is printed below the group; nothing where that is more than helps."""
    members = _attribute(error, "exceptions")
    if not issubclass(type(members), (tuple, list)) or not _is_small(error):
        return []
    found = [member for member in cast("list[object]", members)[:_MOST_LINES] if _is_exception(member)]
    texts = (_tracebacks(_chain(member), messages) for member in found)
    return [f"  +---- {number}\n{textwrap.indent(text, '  | ')}" for number, text in enumerate(texts, 1)]


class _Link(NamedTuple):
    error: BaseException
    # Which attribute of the one before it is; nothing for the first.
    led_by: str


def _chain(error: BaseException) -> list[_Link]:
    """What Python would print one after the other, from the exception itself to the first of all."""
    chain, seen = [_Link(error, "")], {id(error)}
    while len(chain) < _MOST_READ:
        found = _led_by(chain[-1].error)
        if found is None or id(found.error) in seen:
            break
        chain.append(found)
        seen.add(id(found.error))
    return chain


def _led_by(error: BaseException) -> _Link | None:
    cause = _attribute(error, "__cause__")
    if _is_exception(cause):
        return _Link(cause, "__cause__")
    context = None if _attribute(error, "__suppress_context__") else _attribute(error, "__context__")
    return _Link(context, "__context__") if _is_exception(context) else None


def _attribute(error: BaseException, name: str) -> Any:
    try:
        return getattr(error, name, None)
    except BaseException:  # noqa: BLE001 - see above
        return None
