"""Telling apart what other people's code raised, by the types alone: the attributes of such exceptions may be anything.

`isinstance` also asks an object for its `__class__`, which may raise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeGuard, TypeVar

__all__ = ["interrupt_in", "is_kind"]

_Kind = TypeVar("_Kind", bound=BaseException)

# A group may hold any number of groups.
_MOST_MEMBERS = 1000


def is_kind(error: object, kind: type[_Kind] | tuple[type[_Kind], ...]) -> TypeGuard[_Kind]:
    """Return whether an exception is of a kind; False for None."""
    return issubclass(type(error), kind)


def interrupt_in(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return the KeyboardInterrupt that an exception is, or a new one for a group of exceptions that holds one."""
    if is_kind(error, KeyboardInterrupt):
        return error
    # An Exception holds none: Python's own groups see to it.
    if error is None or is_kind(error, Exception) or not any(is_kind(item, KeyboardInterrupt) for item in _held(error)):
        return None
    interrupt = KeyboardInterrupt()
    interrupt.__cause__ = error
    return interrupt


def _held(error: BaseException) -> Iterator[object]:
    pending: list[object] = [error]
    for _ in range(_MOST_MEMBERS):
        if not pending:
            return
        item = pending.pop()
        yield item
        pending.extend(reversed(_members(item)))


def _members(item: object) -> list[object]:
    try:
        members: Any = getattr(item, "exceptions", ())
        return list(members) if issubclass(type(members), (tuple, list)) else []
    except BaseException:  # noqa: BLE001 - attributes of users' exceptions may raise anything
        return []
