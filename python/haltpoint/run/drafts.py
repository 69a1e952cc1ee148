"""The requirement objects of this process that may hold a draft.

People decide on whatever object they have at hand, of an output or of a list, and continue the run by its id. What they
said must count, also where nothing else in the program holds the object any more.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Generator

    from haltpoint.run.requirements import RunRequirement

__all__ = [
    "Hearing",
    "drop_kept",
    "forget_requirement",
    "is_handed_out",
    "keep_draft",
    "live_requirements",
    "note_requirement",
]

# A bound against programs that draft and never continue. A draft beyond it counts while its object is held elsewhere.
_MOST_KEPT = 1 << 16

_log = logging.getLogger("haltpoint.runs")


class Hearing:
    """The time that a handler is asked. What it drafts, on whichever objects, counts only if it is heard to its end.

    Attributes:
        is_void: whether nothing counts that is drafted in it: the handler raised, or its call has ended before it.
    """

    def __init__(self) -> None:
        self.is_void = False

    @contextmanager
    def open(self) -> Generator[None]:
        """Let what is drafted in the block, and in threads that begin in it, belong to this hearing."""
        token = _hearing.set(self)
        try:
            yield
        finally:
            _hearing.reset(token)


_hearing: ContextVar[Hearing | None] = ContextVar("haltpoint_hearing", default=None)

_lock = threading.Lock()
# By identity: objects of one requirement are equal, and each may hold another draft.
_live: WeakValueDictionary[int, RunRequirement] = WeakValueDictionary()
_kept: OrderedDict[int, RunRequirement] = OrderedDict()


def _start_afresh() -> None:
    # A fork may have caught the lock in the hands of another thread.
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_start_afresh)


def note_requirement(requirement: RunRequirement) -> None:
    """Remember an object that belongs to a run, for as long as it lives."""
    with _lock:
        _live[id(requirement)] = requirement


def is_handed_out(requirement: RunRequirement) -> bool:
    """Whether an object is one that this process was handed, not one read from data, and is not forgotten."""
    with _lock:
        return _live.get(id(requirement)) is requirement


def forget_requirement(requirement: RunRequirement) -> None:
    """Let what is drafted on an object count by `commit()` alone, from now on."""
    with _lock:
        _live.pop(id(requirement), None)
        _kept.pop(id(requirement), None)


def keep_draft(requirement: RunRequirement) -> None:
    """Hold an object on which somebody has decided, until the decision is committed or dropped."""
    with _lock:
        if id(requirement) not in _live:
            # Read from data, or forgotten: it counts where it is handed over.
            return
        requirement.hearing = _hearing.get()
        _kept[id(requirement)] = requirement
        dropped = _kept.popitem(last=False)[1] if len(_kept) > _MOST_KEPT else None
    if dropped is not None:
        _log.warning("%r was decided on and never committed; that is not held any longer", dropped)


def drop_kept(requirement: RunRequirement) -> None:
    """Hold an object no longer."""
    with _lock:
        _kept.pop(id(requirement), None)


def live_requirements(run_id: str) -> list[RunRequirement]:
    """Return the objects of a run's requirements that are alive and not forgotten."""
    with _lock:
        objects = list(_live.values())
    return [
        item for item in objects if item.run_id == run_id and not (item.hearing is not None and item.hearing.is_void)
    ]
