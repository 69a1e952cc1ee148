"""Properties that are made when they are first asked for, and stay the same from then on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["cached_property"]

_Value = TypeVar("_Value")


class cached_property(Generic[_Value]):  # noqa: N801 - named as the one that it stands in for
    """`functools.cached_property` as it is from Python 3.12 on: without a lock.

    Before, making one value holds a lock of all objects of the class, which a fork in that moment leaves locked in the
    child.
    """

    def __init__(self, make: Callable[[Any], _Value]) -> None:
        self._make = make
        self._name = ""
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> _Value: ...

    def __get__(self, instance: object | None, owner: type) -> Self | _Value:
        if instance is None:
            return self
        made = self._make(instance)
        # Threads that made one at the same time get the same.
        kept: _Value = vars(instance).setdefault(self._name, made)
        return kept
