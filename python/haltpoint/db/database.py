"""Databases: a SQLite file that any process can continue from, or memory that lives with this one."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any, Literal

from haltpoint import _engine
from haltpoint.db.file_guard import guard_file
from haltpoint.db.inbox import journal_of, load_run, open_requirements, select_runs
from haltpoint.driving.threads import in_thread
from haltpoint.forking import no_fork

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.run.base import RunStatus
    from haltpoint.run.decisions import RequirementKind
    from haltpoint.run.requirements import RunRequirement

__all__ = ["Database", "InMemoryDatabase", "SqliteDatabase", "open_databases"]

# Names a place at which the process dies, for tests: see docs/fault-points.md.
_FAULT_VARIABLE = "HALTPOINT_FAULT"

_opened: weakref.WeakSet[Database] = weakref.WeakSet()

no_fork.hold(_engine)


class Database:
    """What the databases have in common. Use `SqliteDatabase` or `InMemoryDatabase`.

    Attributes:
        session_id: the session of runs whose agent names none.
        user_id: the user of runs whose agent names none.
        full_session_memory: whether a run's model sees the session's earlier completed runs.
    """

    def __init__(
        self, session_id: str | None = None, user_id: str | None = None, *, full_session_memory: bool = False
    ) -> None:
        self.session_id = session_id
        self.user_id = user_id
        self.full_session_memory = full_session_memory
        self._closed = False
        self._engine = self._open()
        _opened.add(self)

    @property
    def native(self) -> _engine.Database:
        """The engine's handle. It belongs to the process that opened it: in a forked child each call fails."""
        return self._engine

    def cancel(self, run_id: str, *, interrupt: bool = False) -> bool:
        """Stop a run of this database, whichever process drives it. See `haltpoint.cancel_run`."""
        return not self._closed and self.native.cancel(run_id, interrupt, "cancel_run")

    def run(self, run_id: str) -> AgentRunOutput:
        """Return a run as it stands on disk; no agent's code is needed for it.

        Raises:
            RunNotFoundError: there is no such run.
            StoreError: the database can't be read.
        """
        return load_run(self, run_id)

    def runs(
        self,
        *,
        status: RunStatus | str | None = None,
        agent_name: str | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        limit: int = 100,
        before: str | None = None,
    ) -> list[AgentRunOutput]:
        """Return runs, newest first.

        Args:
            status: only runs of this status.
            agent_name: only runs of agents of this name.
            session_id: only runs of this session.
            user_id: only runs for this user.
            limit: how many at most.
            before: only runs older than the one of this id: the last one of the page before.

        Raises:
            ValueError: there is no such status, or `limit` is below 1.
            StoreError: the database can't be read.
        """
        return select_runs(
            self,
            status=status,
            agent_name=agent_name,
            session_id=session_id,
            user_id=user_id,
            limit=limit,
            before=before,
        )

    def requirements(
        self,
        *,
        run_id: str | None = None,
        kind: RequirementKind | None = None,
        open_only: bool = True,
        limit: int = 100,
        before: str | None = None,
    ) -> list[RunRequirement]:
        """Return what runs wait for, newest first. Each can be decided: resolve it, then await it, or call `commit`.

        Args:
            run_id: only requirements of this run.
            kind: only requirements of this kind.
            open_only: leave out what is decided, and what belongs to runs that are stopped.
            limit: how many at most.
            before: only requirements older than the one of this id: the last one of the page before.

        Raises:
            ValueError: there is no such kind, or `limit` is below 1.
            StoreError: the database can't be read.
        """
        return open_requirements(self, run_id=run_id, kind=kind, open_only=open_only, limit=limit, before=before)

    def journal(self, run_id: str) -> list[dict[str, Any]]:
        """Return a run's journal, oldest entry first.

        Each entry has `seq`, `at` (microseconds since the epoch), `kind`, `entry` and `hash`.

        Raises:
            RunNotFoundError: there is no such run.
            StoreError: the journal can't be read.
        """
        return journal_of(self, run_id)

    async def run_async(self, run_id: str) -> AgentRunOutput:
        """Do what `run` does without holding up the event loop."""
        return await in_thread(lambda: self.run(run_id))

    async def runs_async(self, **conditions: Any) -> list[AgentRunOutput]:
        """Do what `runs` does, with the same arguments, without holding up the event loop."""
        return await in_thread(lambda: self.runs(**conditions))

    async def requirements_async(self, **conditions: Any) -> list[RunRequirement]:
        """Do what `requirements` does, with the same arguments, without holding up the event loop."""
        return await in_thread(lambda: self.requirements(**conditions))

    async def journal_async(self, run_id: str) -> list[dict[str, Any]]:
        """Do what `journal` does without holding up the event loop."""
        return await in_thread(lambda: self.journal(run_id))

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Copy the database, as it stands in this moment, to a new file, and wait for the disk. Runs go on meanwhile.

        Copying the file with other means while it is in use can damage it.

        Raises:
            StoreError: the file exists or can't be written, or the database is one in memory.
        """
        self.native.backup(os.fspath(path))

    def export(self, run_id: str) -> str:
        """Return a run's journal as JSON lines: one about the whole, with the last hash, then one for each entry.

        Raises:
            RunNotFoundError: there is no such run.
            StoreError: the journal can't be read.
        """
        return self.native.export(run_id)

    def check(self) -> list[str]:
        """Return what is wrong with the file and with each run's journal, a line each; nothing when all is well.

        Raises:
            StoreError: the file can't be read at all.
        """
        return self.native.check()

    def close(self) -> None:
        """Write what waits to be written, then close. Runs under way fail; closing twice is no error."""
        self._closed = True
        self.native.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> _engine.Database:
        raise NotImplementedError


class SqliteDatabase(Database):
    """Runs in a SQLite file: each step is on disk before the next one begins, and any process can continue.

    Only haltpoint may open the file in a process that uses it: a second SQLite library in the same process, or copying
    the file with ordinary file functions, takes SQLite's locks away. Python's own `sqlite3` and `open` give an
    UnsafeDatabaseAccessWarning for it. Other processes may open the file with whatever they like.

    Args:
        db_file: path of the file; it is created, readable by its owner only. The directory must exist.
        session_id: the session of runs whose agent names none.
        user_id: the user of runs whose agent names none.
        full_session_memory: whether a run's model sees the messages of the session's earlier completed runs.
        durability: "full" waits for the disk at each step and survives power loss. "normal" survives the death of
            processes; the last steps before a power loss may be lost, so that a tool call among them may run again.
        lease_seconds: for how long a process that shows no sign of life keeps its runs, where it can't be seen that it
            is dead: it is stopped, or on another machine. Others may take them over then. Above 0.

    Raises:
        StoreError: the file can't be opened, is no database of haltpoint, or was written by a newer one.
        ValueError: `durability` is something else, or `lease_seconds` is not above 0.
    """

    def __init__(
        self,
        db_file: str | os.PathLike[str] = "haltpoint.db",
        session_id: str | None = None,
        user_id: str | None = None,
        *,
        full_session_memory: bool = False,
        durability: Literal["full", "normal"] = "full",
        lease_seconds: float = 30.0,
    ) -> None:
        if not lease_seconds > 0:
            raise ValueError(f"lease_seconds must be above 0, got {lease_seconds!r}")
        self.db_file = os.fspath(db_file)
        self.durability = durability
        self.lease_seconds = lease_seconds
        super().__init__(session_id, user_id, full_session_memory=full_session_memory)
        self._end_guard = guard_file(self.db_file, self)

    def close(self) -> None:
        """Write what waits to be written, then close the file. Runs under way fail; closing twice is no error."""
        super().close()
        self._end_guard()

    def __repr__(self) -> str:
        return f"SqliteDatabase({self.db_file!r})"

    def _open(self) -> _engine.Database:
        fault = os.environ.get(_FAULT_VARIABLE)
        return _engine.Database.open_sqlite(self.db_file, self.durability, self.lease_seconds, fault)


class InMemoryDatabase(Database):
    """Runs in this process's memory: they can be continued as long as it lives.

    Args:
        session_id: the session of runs whose agent names none.
        user_id: the user of runs whose agent names none.
        full_session_memory: whether a run's model sees the messages of the session's earlier completed runs.
    """

    def __repr__(self) -> str:
        return "InMemoryDatabase()"

    def _open(self) -> _engine.Database:
        return _engine.Database.in_memory()


def open_databases() -> Iterator[Database]:
    """Return the databases that this process has made and still holds."""
    return iter(list(_opened))
