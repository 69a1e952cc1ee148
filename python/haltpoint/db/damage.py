"""Telling of runs that can't be read where others can."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import NoReturn, TypeAlias

from haltpoint.exceptions import (
    DamagedRunError,
    DamagedRunWarning,
    RunErasedError,
    StoreError,
    UnsupportedJournalError,
)

__all__ = ["UNREADABLE", "OnDamaged", "pass_over", "raise_damage", "tell_of"]

# What says that one run can't be read, and nothing of the others.
UNREADABLE = (DamagedRunError, UnsupportedJournalError, RunErasedError)

# What it is called with: DamagedRunError or UnsupportedJournalError.
OnDamaged: TypeAlias = Callable[[StoreError], object]

# To whoever called the method of the database that called the function that calls `tell_of`.
_CALLER = 4


def pass_over(error: StoreError) -> None:
    """Say nothing: the runs that can't be read are told of elsewhere, or do not matter."""


def raise_damage(error: StoreError) -> NoReturn:
    """Raise the error: what was asked for is that run."""
    raise error


def tell_of(damaged: Iterable[StoreError], on_damaged: OnDamaged | None, caller: int = _CALLER) -> None:
    """Hand each error over, or give a warning for it where there is nobody to hand it to.

    Args:
        damaged: the errors.
        on_damaged: whom they are handed to.
        caller: how far up the stack the warning's reader looks.
    """
    for error in damaged:
        if on_damaged is None:
            warnings.warn(DamagedRunWarning(str(error), run_id=error.run_id), stacklevel=caller)
        else:
            on_damaged(error)
