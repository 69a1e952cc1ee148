"""Moving and copying runs from one database to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haltpoint import _engine
from haltpoint.exceptions import HaltpointError, RunMovedError
from haltpoint.given_text import findable_text
from haltpoint.run.attribution import checked_author
from haltpoint.run.base import RunStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from haltpoint.db.database import Database
    from haltpoint.exceptions import StoreError
    from haltpoint.run.base import RunStatusName

__all__ = ["MoveReport", "copy_runs", "move_runs"]


@dataclass(frozen=True)
class MoveReport:
    """What became of runs that were to be moved or copied. Each run is in one of the three.

    Attributes:
        done: the ids of the runs that this call moved or copied, or finished moving.
        before: the ids of the runs that were in the other database, whole, before.
        refused: why the others stay where they are: errors, each with its `run_id`.
    """

    done: tuple[str, ...]
    before: tuple[str, ...]
    refused: tuple[HaltpointError, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data: `done`, `before`, and `refused` as `run_id`, `error` and `message` of each."""
        refused = [
            {"run_id": error.run_id, "error": type(error).__name__, "message": str(error)} for error in self.refused
        ]
        return {"done": list(self.done), "before": list(self.before), "refused": refused}


def move_runs(
    source: Database,
    target: Database,
    status: RunStatus | RunStatusName | None,
    run_ids: str | Iterable[str] | None,
    by: str | None,
) -> MoveReport:
    """Do what `Database.move_to` says."""
    if target.in_memory:
        raise ValueError("runs can't be moved to a database in memory, where they would end with this process")
    route = _route(source, target, checked_author(by, "moving runs"))
    return _each(route.move_run, _chosen(source, status, run_ids, also=RunStatus.moved), is_named=run_ids is not None)


def copy_runs(
    source: Database, target: Database, status: RunStatus | RunStatusName | None, run_ids: str | Iterable[str] | None
) -> MoveReport:
    """Do what `Database.copy_to` says."""
    route = _route(source, target, None)
    return _each(route.copy_run, _chosen(source, status, run_ids), is_named=run_ids is not None)


def _route(source: Database, target: Database, by: str | None) -> _engine.Route:
    if source.label == target.label and not source.in_memory:
        raise ValueError(f"both databases are {source.label}")
    return _engine.Route(source.native, target.native, source.label, target.label, by)


class _Chosen:
    """Which runs are to go, oldest first, and what is wrong with those that can't be listed."""

    def __init__(self) -> None:
        self.run_ids: list[str] = []
        self.damaged: list[HaltpointError] = []

    def note_damage(self, error: StoreError) -> None:
        self.damaged.append(error)


def _chosen(
    source: Database,
    status: RunStatus | RunStatusName | None,
    run_ids: str | Iterable[str] | None,
    *,
    also: RunStatus | None = None,
) -> _Chosen:
    """Choose runs.

    Args:
        source: where they are.
        status: only runs of this status.
        run_ids: these runs.
        also: with `status`, runs of this status, too: moves of them may have been begun.
    """
    chosen = _Chosen()
    if run_ids is not None:
        if status is not None:
            raise ValueError("give one of status and run_ids")
        given = [run_ids] if isinstance(run_ids, str) else list(run_ids)
        chosen.run_ids = [findable_text("run_ids", one) for one in given]
        return chosen
    wanted: list[RunStatus | RunStatusName | None] = [status] if status is None or also is None else [status, also]
    runs = [run for one in wanted for run in source.runs(status=one, on_damaged=chosen.note_damage)]
    chosen.run_ids = [run.run_id for run in reversed(runs)]
    return chosen


def _each(relocate: Callable[[str], bool], chosen: _Chosen, *, is_named: bool) -> MoveReport:
    done: list[str] = []
    before: list[str] = []
    refused = list(chosen.damaged)
    for run_id in dict.fromkeys(chosen.run_ids):
        try:
            (done if relocate(run_id) else before).append(run_id)
        except RunMovedError as error:
            # Of what went elsewhere long ago only an entry is left, which nobody asked for who asks for all.
            if is_named:
                refused.append(error)
        except HaltpointError as error:
            # What is not about this run stands in the way of all others, too.
            if error.run_id is None:
                raise
            refused.append(error)
    return MoveReport(tuple(done), tuple(before), tuple(refused))
