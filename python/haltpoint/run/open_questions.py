"""Questions that code of this process asks, and what it knows of their answers.

The body of a workflow knows the type of what it asks for. While it waits, and after its run has paused, an answer that
is given in this process is held against that type.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeAlias

__all__ = ["AnswerCheck", "check_of_question", "drop_question", "keep_question"]

# Takes the values of a form, or the text of a result; raises UnfitValueError where they do not fit.
AnswerCheck: TypeAlias = Callable[[Any], object]

# A bound against programs that ask and never come back. What is asked beyond it is checked when it is answered.
_MOST_KEPT = 1 << 14

_lock = threading.Lock()
_kept: OrderedDict[tuple[str, str], AnswerCheck] = OrderedDict()


def _start_afresh() -> None:
    # A fork may have caught the lock in the hands of another thread.
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_start_afresh)


def keep_question(run_id: str, call_id: str, check: AnswerCheck) -> None:
    """Keep what checks the answer to a call of a run."""
    with _lock:
        _kept.pop((run_id, call_id), None)
        _kept[run_id, call_id] = check
        if len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)


def drop_question(run_id: str, call_id: str) -> None:
    """Forget a question that has its answer."""
    with _lock:
        _kept.pop((run_id, call_id), None)


def check_of_question(run_id: str | None, call_id: str) -> AnswerCheck | None:
    """Return what checks the answer to a call; None where no code of this process asks for it."""
    if run_id is None:
        return None
    with _lock:
        return _kept.get((run_id, call_id))
