"""Runs that a worker keeps its hands off for a while."""

from __future__ import annotations

import time

__all__ = ["Deferred"]

_FIRST = 1.0
_LONGEST = 60.0


class Deferred:
    """Remembers which runs are not to be tried now; each failure in a row doubles the time."""

    def __init__(self) -> None:
        # Of each run: until when (monotonic), and for how long the next time, in seconds.
        self._until: dict[str, tuple[float, float]] = {}

    def put_off(self, run_id: str, seconds: float | None = None) -> None:
        """Leave a run alone: for so many seconds, or for longer and longer each time."""
        _, length = self._until.get(run_id, (0.0, _FIRST))
        wait = length if seconds is None else seconds
        self._until[run_id] = (time.monotonic() + wait, min(length * 2, _LONGEST))

    def forget(self, run_id: str) -> None:
        """Nothing is wrong with a run any more."""
        self._until.pop(run_id, None)

    def is_known(self, run_id: str) -> bool:
        """Whether the run was put off before and not forgotten."""
        return run_id in self._until

    def now(self) -> set[str]:
        """Return the runs that are to be left alone at this moment."""
        moment = time.monotonic()
        self._drop_old(moment)
        return {run_id for run_id, (until, _) in self._until.items() if until > moment}

    def _drop_old(self, moment: float) -> None:
        # Somebody else has finished what was due long ago and did not fail here again.
        old = [run_id for run_id, (until, _) in self._until.items() if until + 10 * _LONGEST < moment]
        for run_id in old:
            del self._until[run_id]
