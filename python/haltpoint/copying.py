"""What copying and pickling leave of the objects that belong to a run: data that stands for itself."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, TypeVar

__all__ = ["deep_twin", "is_named"]

_Original = TypeVar("_Original")


def is_named(thing: object) -> bool:
    """Whether pickle finds a function or a class by its name, so that another process can have it, too."""
    found: object = sys.modules.get(getattr(thing, "__module__", None) or "")
    for name in getattr(thing, "__qualname__", "").split("."):
        found = getattr(found, name, None)
    return found is thing


def deep_twin(
    original: _Original, memo: dict[int, Any], state: Mapping[str, Any], shared: Mapping[str, Any]
) -> _Original:
    """Return an object of the same class, for `__deepcopy__`.

    Args:
        original: the object that is copied.
        memo: what `__deepcopy__` is given.
        state: the attributes whose values are copied.
        shared: the attributes whose values the two have in common.
    """
    twin = object.__new__(type(original))
    memo[id(original)] = twin
    vars(twin).update({name: deepcopy(value, memo) for name, value in state.items()})
    vars(twin).update(shared)
    return twin
