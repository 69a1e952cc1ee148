"""Databases: a file or a server that any process can continue from, or memory that lives with this one."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any, Literal, cast

from haltpoint import _engine
from haltpoint._concurrency.fork_guard import no_fork
from haltpoint._concurrency.threads import in_thread
from haltpoint.db.audit_key import resolve_audit_key
from haltpoint.db.closing import Closing
from haltpoint.db.erasing import erase_runs
from haltpoint.db.exporting import export_run
from haltpoint.db.file_guard import guard_file
from haltpoint.db.inbox import (
    RequirementSet,
    count_requirements,
    count_runs,
    each_requirement,
    expire_overdue,
    find_requirement,
    journal_of,
    list_runs,
    load_run,
)
from haltpoint.db.moving import copy_runs, move_runs
from haltpoint.db.pruning import prune_runs
from haltpoint.db.remembered_approvals import ApprovalMemory
from haltpoint.db.server import ServerSettings, with_schema
from haltpoint.db.signals import kept_signals, send_signal
from haltpoint.db.verification import audit_records, verify_run
from haltpoint.given_text import checked_text, findable_text, storable_text
from haltpoint.run.attribution import checked_author

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import timedelta
    from types import TracebackType

    from typing_extensions import Self

    from haltpoint.db.damage import OnDamaged
    from haltpoint.db.moving import MoveReport
    from haltpoint.db.signals import KeptSignal, SignalDelivery
    from haltpoint.db.verification import AuditRecord, Verification
    from haltpoint.resolution.parse import RequirementKind
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.run.base import RunStatus, RunStatusName
    from haltpoint.run.requirements import RunRequirement

__all__ = ["Database", "InMemoryDatabase", "PostgresDatabase", "SqliteDatabase", "named_database", "open_databases"]

# Names a place at which the process dies, for tests: see docs/concepts/fault-points.md.
_FAULT_VARIABLE = "HALTPOINT_FAULT"

_FILE_VARIABLE = "HALTPOINT_DB"
_DEFAULT_FILE = "haltpoint.db"

_opened: weakref.WeakSet[Database] = weakref.WeakSet()

no_fork.hold(_engine)


class Database(ApprovalMemory):
    """What the databases have in common. Use `SqliteDatabase`, `PostgresDatabase` or `InMemoryDatabase`.

    Attributes:
        session_id: the session of runs whose agent names none.
        user_id: the user of runs whose agent names none.
        full_session_memory: whether a run's model sees the session's earlier completed runs.
        in_memory: whether its runs end with this process.
    """

    in_memory: bool = False

    def __init__(
        self,
        session_id: str | None = None,
        user_id: str | None = None,
        *,
        full_session_memory: bool = False,
        audit_key: bytes | str | None = None,
    ) -> None:
        self.session_id = checked_text("session_id", session_id)
        self.user_id = checked_text("user_id", user_id)
        self.full_session_memory = full_session_memory
        self._closed = False
        self._closing = Closing()
        self._engine = self._open(resolve_audit_key(audit_key))
        _opened.add(self)

    @property
    def native(self) -> _engine.Database:
        """The engine's handle. It belongs to the process that opened it: in a forked child each call fails."""
        return self._engine

    def cancel(self, run_id: str, *, interrupt: bool = False, by: str | None = None) -> bool:
        """Stop a run of this database, whichever process drives it. See `haltpoint.cancel_run`.

        Args:
            run_id: the run.
            interrupt: cancel running async tools for real.
            by: who cancels, which the journal keeps: a name as for decisions.

        Raises:
            InvalidResolutionError: `by` is not a name.
            RunMovedError: it was moved to another database.
        """
        findable_text("run_id", run_id)
        by = checked_author(by, f"cancelling run {run_id}") or "cancel_run"
        return not self._closed and self.native.cancel(run_id, interrupt, by)

    def requeue(self, run_id: str, *, by: str | None = None) -> bool:
        """Let workers go on with a run that failed, was cancelled or was set aside: its status is QUEUED from then on.

        Args:
            run_id: the run.
            by: who says so, which the journal keeps: a name as for decisions.

        Returns:
            Whether there is something to go on with: not in a completed run, nor in one that waits for people alone.

        Raises:
            RunNotFoundError: there is no such run.
            RunBusyError: somebody drives it.
            RunMovedError: it was moved to another database.
            InvalidResolutionError: `by` is not a name.
            StoreError: it can't be written.
        """
        findable_text("run_id", run_id)
        return _engine.WorkQueue(self.native).requeue(run_id, checked_author(by, f"continuing run {run_id}"))

    def run(self, run_id: str) -> AgentRunOutput[Any]:
        """Return a run as it stands on disk; no agent's code is needed for it.

        Raises:
            RunNotFoundError: there is no such run.
            DamagedRunError: what is stored of it can't be read.
            StoreError: the database can't be read.
        """
        return load_run(self, run_id)

    def runs(
        self,
        *,
        status: RunStatus | RunStatusName | None = None,
        agent_name: str | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        id_prefix: str | None = None,
        limit: int | None = None,
        before: str | None = None,
        on_damaged: OnDamaged | None = None,
    ) -> list[AgentRunOutput[Any]]:
        """Return runs, newest first.

        Args:
            status: only runs of this status.
            agent_name: only runs of agents of this name.
            session_id: only runs of this session.
            user_id: only runs for this user.
            id_prefix: only runs whose id begins so.
            limit: how many at most; None for all.
            before: only runs older than the one of this id: the last one of the page before.
            on_damaged: called for each run whose row can't be read, with a DamagedRunError; by default a
                DamagedRunWarning tells of it. A run whose journal can't be read is in the list, and raises a
                DamagedRunError or an UnsupportedJournalError once more is asked of it than the list knows: its ids,
                names, status and times.

        Raises:
            RunNotFoundError: the database has no run with the id `before`.
            ValueError: there is no such status, or `limit` is not from 1 to 4294967295, or a text
                can't be stored.
            StoreError: the database can't be read.
        """
        return list_runs(self, status, agent_name, session_id, user_id, id_prefix, limit, before, on_damaged)

    def count_runs(
        self,
        *,
        status: RunStatus | RunStatusName | None = None,
        agent_name: str | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        id_prefix: str | None = None,
        before: str | None = None,
    ) -> int:
        """Return how many runs `runs` lists with the same arguments, without reading them.

        Runs that can't be read count, too.

        Raises:
            RunNotFoundError: the database has no run with the id `before`.
            ValueError: there is no such status, or a text can't be stored.
            StoreError: the database can't be read.
        """
        return count_runs(self, status, agent_name, session_id, user_id, id_prefix, before)

    def requirement(self, requirement_id: str) -> RunRequirement:
        """Return one requirement, decided or not. It can be decided as those of `requirements`.

        Args:
            requirement_id: its whole id; `requirements(id_prefix=...)` finds one by the beginning.

        Raises:
            RequirementNotFoundError: there is no such requirement.
            DamagedRunError: its run can't be read.
            ValueError: the text can't be stored.
            StoreError: the database can't be read.
        """
        return find_requirement(self, requirement_id)

    def requirements(
        self,
        *,
        run_id: str | None = None,
        kind: RequirementKind | None = None,
        open_only: bool = True,
        id_prefix: str | None = None,
        limit: int | None = None,
        before: str | None = None,
        on_damaged: OnDamaged | None = None,
    ) -> list[RunRequirement]:
        """Return what runs wait for, newest first. Each can be decided: resolve it, then await it, or call `commit`.

        Args:
            run_id: only requirements of this run.
            kind: only requirements of this kind.
            open_only: leave out what is decided, and what belongs to runs that are stopped.
            id_prefix: only requirements whose id begins so.
            limit: how many at most; None for all.
            before: only requirements older than the one of this id: the last one of the page before.
            on_damaged: called for each run whose requirements can't be read, with a DamagedRunError or an
                UnsupportedJournalError; by default a DamagedRunWarning tells of it. What other runs wait for is
                returned all the same.

        Raises:
            DamagedRunError: the run of `run_id` can't be read.
            RequirementNotFoundError: the database has no requirement with the id `before`.
            ValueError: there is no such kind, or `limit` is not from 1 to 4294967295, or a text
                can't be stored.
            StoreError: the database can't be read.
        """
        return list(each_requirement(self, run_id, kind, _set(open_only), id_prefix, limit, before, on_damaged))

    def count_requirements(
        self,
        *,
        run_id: str | None = None,
        kind: RequirementKind | None = None,
        open_only: bool = True,
        id_prefix: str | None = None,
        before: str | None = None,
    ) -> int:
        """Return how many requirements `requirements` lists with the same arguments, without reading them.

        Requirements of runs that can't be read count, too.

        Raises:
            RequirementNotFoundError: the database has no requirement with the id `before`.
            ValueError: there is no such kind, or a text can't be stored.
            StoreError: the database can't be read.
        """
        return count_requirements(self, run_id, kind, _set(open_only), id_prefix, before)

    def expire_due(self, run_id: str | None = None) -> int:
        """Write that nobody decided in time what is due, and end the runs whose tools say so.

        Whoever looks at a run, continues it, decides or waits does so as well; runs that nobody looks at wait for this.

        Args:
            run_id: only requirements of this run; else of all runs that are not stopped.

        Returns:
            How many requirements expired by this call. Of runs that can't be read a DamagedRunWarning tells.

        Raises:
            DamagedRunError: the run of `run_id` can't be read.
            StoreError: the database can't be read or written.
        """
        return expire_overdue(self, run_id)

    def signal(
        self, name: str, payload: Any = None, *, key: str | None = None, id: str | None = None, by: str | None = None
    ) -> SignalDelivery:
        """Say that something has happened. The run that has waited for it longest takes the signal, and goes on.

        Where no run waits for it (`haltpoint.event`), the signal is kept until one does, at most 30 days. Each goes to
        one run, the oldest first, and only where name and key are the same.

        Args:
            name: what has happened, at most 512 bytes, such as "payment.settled".
            payload: what is to be said of it: JSON data, dataclasses or pydantic models, at most 1 MiB as JSON.
            key: to which of several things, such as the number of an order, at most 512 bytes.
            id: the signal's id, at most 512 bytes. The same id once more is the same signal: it is not sent again, and
                what became of it is returned, for 30 days.
            by: who says so, which the journal keeps: a name as for decisions.

        Raises:
            SignalConflictError: a signal of this id was sent before, with another event or payload.
            TypeError, ValueError: an argument can't be what it is to be; the payload has no JSON form, or is too large.
            InvalidResolutionError: `by` is not a name.
            StoreError: it can't be written.
        """
        return send_signal(self.native, name, payload, key=key, signal_id=id, by=by)

    def signals(self, *, name: str | None = None, key: str | None = None, limit: int | None = None) -> list[KeptSignal]:
        """Return the signals that no run has taken yet, the oldest first.

        Args:
            name: of this event only.
            key: with this key only.
            limit: at most so many.
        """
        return kept_signals(self.native, checked_text("name", name), checked_text("key", key), limit)

    def journal(self, run_id: str) -> list[dict[str, Any]]:
        """Return a run's journal as it is, oldest entry first: values of sensitive parameters are not masked.

        Each entry has `seq`, `at` (microseconds since the epoch), `kind`, `entry` and `hash`.

        Raises:
            RunNotFoundError: there is no such run.
            StoreError: the journal can't be read.
        """
        return journal_of(self, run_id)

    def data_version(self) -> int:
        """Return a number that changes with each commit, whichever process makes it.

        Asking costs little: who shows the database's state asks a few times a second, and reads it anew on a change.

        Raises:
            StoreError: the database can't be read.
        """
        return self.native.data_version()

    async def run_async(self, run_id: str) -> AgentRunOutput[Any]:
        """Do what `run` does without holding up the event loop."""
        return await in_thread(lambda: self.run(run_id))

    async def runs_async(
        self,
        *,
        status: RunStatus | RunStatusName | None = None,
        agent_name: str | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        id_prefix: str | None = None,
        limit: int | None = None,
        before: str | None = None,
        on_damaged: OnDamaged | None = None,
    ) -> list[AgentRunOutput[Any]]:
        """Do what `runs` does without holding up the event loop."""
        return await in_thread(
            lambda: self.runs(
                status=status,
                agent_name=agent_name,
                session_id=session_id,
                user_id=user_id,
                id_prefix=id_prefix,
                limit=limit,
                before=before,
                on_damaged=on_damaged,
            )
        )

    async def count_runs_async(
        self,
        *,
        status: RunStatus | RunStatusName | None = None,
        agent_name: str | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        id_prefix: str | None = None,
        before: str | None = None,
    ) -> int:
        """Do what `count_runs` does without holding up the event loop."""
        return await in_thread(
            lambda: self.count_runs(
                status=status,
                agent_name=agent_name,
                session_id=session_id,
                user_id=user_id,
                id_prefix=id_prefix,
                before=before,
            )
        )

    async def requirement_async(self, requirement_id: str) -> RunRequirement:
        """Do what `requirement` does without holding up the event loop."""
        return await in_thread(lambda: self.requirement(requirement_id))

    async def requirements_async(
        self,
        *,
        run_id: str | None = None,
        kind: RequirementKind | None = None,
        open_only: bool = True,
        id_prefix: str | None = None,
        limit: int | None = None,
        before: str | None = None,
        on_damaged: OnDamaged | None = None,
    ) -> list[RunRequirement]:
        """Do what `requirements` does without holding up the event loop."""
        return await in_thread(
            lambda: self.requirements(
                run_id=run_id,
                kind=kind,
                open_only=open_only,
                id_prefix=id_prefix,
                limit=limit,
                before=before,
                on_damaged=on_damaged,
            )
        )

    async def count_requirements_async(
        self,
        *,
        run_id: str | None = None,
        kind: RequirementKind | None = None,
        open_only: bool = True,
        id_prefix: str | None = None,
        before: str | None = None,
    ) -> int:
        """Do what `count_requirements` does without holding up the event loop."""
        return await in_thread(
            lambda: self.count_requirements(
                run_id=run_id,
                kind=kind,
                open_only=open_only,
                id_prefix=id_prefix,
                before=before,
            )
        )

    async def expire_due_async(self, run_id: str | None = None) -> int:
        """Do what `expire_due` does without holding up the event loop."""
        return await in_thread(lambda: self.expire_due(run_id))

    async def signal_async(
        self, name: str, payload: Any = None, *, key: str | None = None, id: str | None = None, by: str | None = None
    ) -> SignalDelivery:
        """Do what `signal` does, without holding up the event loop."""
        return await in_thread(lambda: self.signal(name, payload, key=key, id=id, by=by))

    async def signals_async(
        self, *, name: str | None = None, key: str | None = None, limit: int | None = None
    ) -> list[KeptSignal]:
        """Do what `signals` does, without holding up the event loop."""
        return await in_thread(lambda: self.signals(name=name, key=key, limit=limit))

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

    def erase(
        self,
        *,
        run_id: str | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        by: str | None = None,
        reason: str | None = None,
        force: bool = False,
    ) -> list[str]:
        """Erase what runs said, and keep that they were: all payloads with their salts, and every copy of them.

        Hashes, times, and who decided what stay, so that the journal can still be verified, also with a head that was
        kept before. An entry says by whom and why it was erased. It returns when the log is empty.
        Remembered approvals of the runs end, and sessions leave the runs out. Of runs that were driven side by side,
        copies may be left in unused parts of the file, where no query finds them, until `compact`.

        Args:
            run_id: this run.
            user_id: all runs of this user.
            session_id: all runs of this session.
            by: who erases, which the journal keeps: a name as for decisions.
            reason: why, which the journal keeps.
            force: cancel what can be continued, and erase it.

        Returns:
            The runs that were erased by this call.

        Raises:
            RunNotFoundError: there is no such run.
            UnfinishedRunError: a run can be continued, or it is being driven; of several runs none was erased then.
            AuditKeyError: a run was written with another key.
            UnsupportedJournalError: a run is of the first format, whose hashes need the payloads: prune it.
            InvalidResolutionError: `by` is not a name.
            ValueError: not one of `run_id`, `user_id` and `session_id` is given.
            StoreError: a webhook has not got all events of a run yet; something keeps copies from being removed now; or
                the database can't be written.
        """
        return erase_runs(self, run_id, user_id, session_id, by, reason, force=force)

    async def erase_async(
        self,
        *,
        run_id: str | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        by: str | None = None,
        reason: str | None = None,
        force: bool = False,
    ) -> list[str]:
        """Do what `erase` does without holding up the event loop."""
        return await in_thread(
            lambda: self.erase(run_id=run_id, user_id=user_id, session_id=session_id, by=by, reason=reason, force=force)
        )

    def prune(
        self,
        *,
        older_than: timedelta | float,
        status: RunStatus | RunStatusName | Iterable[RunStatus | RunStatusName] | None = None,
        dry_run: bool = False,
    ) -> int:
        """Remove whole runs that are over, with all that leads to them, while others are driven.

        They are removed a few at a time, so that nobody who drives a run waits long, and then the file becomes smaller,
        a few pages at a time; a file that an earlier release made keeps its size until `compact`. A run with events
        that a webhook has not got yet stays until they are delivered. Nothing tells later that a removed run was there:
        to keep that, see `erase`. What its approvals answered for later calls ends; sessions go on without it.

        Args:
            older_than: only runs whose status last changed longer ago, as a timedelta or in seconds.
            status: only runs of this status, or of one of these: COMPLETED, CANCELLED, ERROR. None: of all three.
            dry_run: only count them.

        Returns:
            How many runs were removed, or would be.

        Raises:
            ValueError: `older_than` is not a duration, or a status is of runs that are not over.
            StoreError: the database can't be written.
        """
        return prune_runs(self, older_than, status, dry_run=dry_run)

    async def prune_async(
        self,
        *,
        older_than: timedelta | float,
        status: RunStatus | RunStatusName | Iterable[RunStatus | RunStatusName] | None = None,
        dry_run: bool = False,
    ) -> int:
        """Do what `prune` does without holding up the event loop."""
        return await in_thread(lambda: self.prune(older_than=older_than, status=status, dry_run=dry_run))

    def move_to(
        self,
        other: Database,
        *,
        status: RunStatus | RunStatusName | None = None,
        run_ids: str | Iterable[str] | None = None,
        by: str | None = None,
    ) -> MoveReport:
        """Move runs to another database, where they go on. Here their status is MOVED from then on.

        A run is closed here with an entry that says where it went, then written there as it stands, with its index,
        remembered approvals and undelivered events, then verified there, and then opened. No process can drive it in
        between. When this process dies, the same call finishes it: nothing is done twice, and nothing is lost. Call it
        with the same two databases under the same names. Runs that are being driven stay here, and are in the report.

        Args:
            other: where they go: a file or a server. It must have the audit key of the runs.
            status: only runs of this status. Moves that were begun are finished in any case.
            run_ids: only these runs.
            by: who moves them, which the journal keeps: a name as for decisions.

        Returns:
            Which runs were moved by this call, which were there before, and why the others stay.

        Raises:
            InvalidResolutionError: `by` is not a name.
            ValueError: `other` is this database or one in memory, or both `status` and `run_ids` are given.
            StoreError: one of the databases can't be read or written.
        """
        return move_runs(self, other, status, run_ids, by)

    async def move_to_async(
        self,
        other: Database,
        *,
        status: RunStatus | RunStatusName | None = None,
        run_ids: str | Iterable[str] | None = None,
        by: str | None = None,
    ) -> MoveReport:
        """Do what `move_to` does without holding up the event loop."""
        return await in_thread(lambda: self.move_to(other, status=status, run_ids=run_ids, by=by))

    def copy_to(
        self,
        other: Database,
        *,
        status: RunStatus | RunStatusName | None = None,
        run_ids: str | Iterable[str] | None = None,
    ) -> MoveReport:
        """Copy runs that can't be continued to another database: completed and erased ones.

        The copies are whole, have the same hashes, and are verified. What was copied before is left as it is. Runs that
        can be continued are refused: move them, so that only one can go on. An approval that a copied run gave to later
        calls of its session answers them in both databases, until it is revoked in both.

        Args:
            other: where they go. It must have the audit key of the runs.
            status: only runs of this status.
            run_ids: only these runs.

        Returns:
            Which runs were copied by this call, which were there before, and why the others were not copied.

        Raises:
            ValueError: `other` is this database, or both `status` and `run_ids` are given.
            StoreError: one of the databases can't be read or written.
        """
        return copy_runs(self, other, status, run_ids)

    async def copy_to_async(
        self,
        other: Database,
        *,
        status: RunStatus | RunStatusName | None = None,
        run_ids: str | Iterable[str] | None = None,
    ) -> MoveReport:
        """Do what `copy_to` does without holding up the event loop."""
        return await in_thread(lambda: self.copy_to(other, status=status, run_ids=run_ids))

    def compact(self) -> None:
        """Write the whole file anew, so that it has no free room, and no copies of erased rows in unused parts.

        Nothing can be written meanwhile, so it is for times of rest. It takes up to twice the file's size of further
        space on the disk until it returns. A file of an earlier release gives freed room back by itself from then on,
        as new files do. A database in memory has nothing to compact.

        Raises:
            StoreError: another process has the file open, or a run is driven: nothing was changed. Or something
                read from the log, which is not emptied: compact once more. Or the file can't be written.
        """
        self.native.compact()

    async def compact_async(self) -> None:
        """Do what `compact` does without holding up the event loop."""
        await in_thread(self.compact)

    def verify(self, run_id: str, head: str | None = None) -> Verification:
        """Examine each row of a run, and name the first that does not fit. Whatever was done to them is no error here.

        With an audit key, a run whose chain is not keyed is not `ok`: whoever can write the file could have rewritten
        it. Without the run's key its hashes can't be checked, and it is not `ok` either.

        Args:
            run_id: the run.
            head: a hash that was kept elsewhere, from `export` or an earlier `verify`. Some entry must have it, so that
                all up to that entry is as it was: only this finds entries that were removed from the end.

        Raises:
            RunNotFoundError: there is no such run.
            ValueError: `head` is not 64 hexadecimal digits.
            StoreError: the file can't be read.
        """
        return verify_run(self, run_id, head)

    def audit(self, run_id: str) -> list[AuditRecord]:
        """Return who decided what about a run, on which arguments, and when, in the order in which it was written.

        Each decision on a requirement is there, of recovery too, each cancel request, and each move between databases.
        What is not there was decided by nobody: see `journal`.

        Raises:
            RunNotFoundError: there is no such run.
            StoreError: the journal can't be read.
        """
        return audit_records(self, run_id)

    async def verify_async(self, run_id: str, head: str | None = None) -> Verification:
        """Do what `verify` does without holding up the event loop."""
        return await in_thread(lambda: self.verify(run_id, head))

    async def audit_async(self, run_id: str) -> list[AuditRecord]:
        """Do what `audit` does without holding up the event loop."""
        return await in_thread(lambda: self.audit(run_id))

    def export(self, run_id: str, *, with_sensitive: bool = False) -> str:
        """Return a run's journal as JSON lines: one about the whole, then one for each entry.

        In entries with values of sensitive parameters (`@tool(sensitive=[...])`) these are masked. Such an entry says
        `masked`, and has its commitment in place of its salt: the chain can be checked, its text can't.

        The first has `head`, the last entry's hash: kept elsewhere, it shows later whether the journal was changed, see
        `verify`. It also has `keyed`, and `verified`: whether the hashes were checked, for which a keyed chain needs
        its key. docs/reference/journal-format.md says how to check them with a program of one's own.

        Args:
            run_id: the run.
            with_sensitive: leave out the masking, so that the text of all entries can be checked.

        Raises:
            RunNotFoundError: there is no such run.
            RunErasedError: what it said was erased.
            StoreError: the journal can't be read.
        """
        return export_run(self, findable_text("run_id", run_id), with_sensitive=with_sensitive)

    def check(self) -> list[str]:
        """Return what is wrong with the file, and what `verify` finds wrong with each run; nothing when all is well.

        Raises:
            StoreError: the file can't be read at all.
        """
        return self.native.check()

    def close(self) -> None:
        """Write what waits to be written, then close. Runs under way, and who awaits a requirement, fail.

        Closing twice is no error.
        """
        self._closed = True
        self.native.close()
        self._closing.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def label(self) -> str:
        """What the journals of moved runs call this database: no user and no password."""
        raise NotImplementedError

    def _open(self, audit_key: bytes | None) -> _engine.Database:
        raise NotImplementedError


class SqliteDatabase(Database):
    """Runs in a SQLite file: each step is on disk before the next one begins, and any process can continue.

    Only haltpoint may open the file in a process that uses it: a second SQLite library in the same process, or copying
    the file with ordinary file functions, takes SQLite's locks away. Python's own `sqlite3` and `open` give an
    UnsafeDatabaseAccessWarning for it. Other processes may open the file with whatever they like.

    Args:
        db_file: path of the file; it is created, readable by its owner only. The directory must exist. By default the
            value of HALTPOINT_DB, as for the command line; without that, haltpoint.db in the current directory.
        session_id: the session of runs whose agent names none.
        user_id: the user of runs whose agent names none.
        full_session_memory: whether a run's model sees the messages of the session's earlier completed runs.
        durability: "full" waits for the disk at each step and survives power loss. "normal" survives the death of
            processes; the last steps before a power loss may be lost, so that a tool call among them may run again.
        lease_seconds: for how long a process that shows no sign of life keeps its runs, where it can't be seen that it
            is dead: it is stopped, or on another machine. Others may take them over then. Above 0.
        audit_key: the key of new runs' hash chains, at least 16 bytes, taken as they are; text as UTF-8. By default the
            value of HALTPOINT_AUDIT_KEY; without that, chains are not keyed. Runs that were begun with another key, or
            with none, can be looked at, but not written to.

    Raises:
        AuditKeyError: the key is too short.
        StoreError: the file can't be opened, is no database of haltpoint, or was written by a newer one.
        ValueError: `durability` is something else, `lease_seconds` is not above 0, or `db_file` is the address of a
            server.
    """

    def __init__(
        self,
        db_file: str | os.PathLike[str] | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        *,
        full_session_memory: bool = False,
        durability: Literal["full", "normal"] = "full",
        lease_seconds: float = 30.0,
        audit_key: bytes | str | None = None,
    ) -> None:
        check_lease(lease_seconds)
        self.db_file: str = os.fspath(
            db_file if db_file is not None else os.environ.get(_FILE_VARIABLE) or _DEFAULT_FILE
        )
        storable_text("db_file", self.db_file)
        if _engine.is_server_address(self.db_file):
            name = _engine.server_address_name(self.db_file)
            raise ValueError(f"db_file must be the path of a file, and {name} is a server: use PostgresDatabase")
        self.durability = durability
        self.lease_seconds = lease_seconds
        super().__init__(session_id, user_id, full_session_memory=full_session_memory, audit_key=audit_key)
        self._end_guard = guard_file(self.db_file, self)

    def close(self) -> None:
        """Write what waits to be written, then close the file. Runs under way fail; closing twice is no error."""
        super().close()
        self._end_guard()

    def __repr__(self) -> str:
        return f"SqliteDatabase({self.db_file!r})"

    @property
    def label(self) -> str:
        """The file's absolute path."""
        return os.path.realpath(self.db_file)

    def _open(self, audit_key: bytes | None) -> _engine.Database:
        fault = os.environ.get(_FAULT_VARIABLE)
        return _engine.Database.open_sqlite(self.db_file, self.durability, self.lease_seconds, audit_key, fault)


class PostgresDatabase(Database):
    """Runs in a PostgreSQL database: any process on any machine that reaches the server can continue them.

    All that a `SqliteDatabase` promises holds, but for what the server's own tools do: `backup` and `compact` raise a
    StoreError that names them. Leases are judged by the server's clock. A process that can't reach the server for
    nine tenths of `lease_seconds` starts nothing more before another one takes its runs over. `durability` is "normal"
    where the role's `synchronous_commit` is off, so that the last steps before a crash of the server may be lost.

    Args:
        dsn: the address, such as `postgresql://user@host:5432/database?sslmode=verify-full`, with the parameters of
            PostgreSQL's own tools. By default the value of HALTPOINT_DB. Its password gets into no message.
        schema: the schema that holds the tables; it is made where it is missing. By default the parameter `schema` of
            the address, as in `postgresql://db.example/app?schema=tenant_a`; without that, haltpoint.
        session_id: the session of runs whose agent names none.
        user_id: the user of runs whose agent names none.
        full_session_memory: whether a run's model sees the messages of the session's earlier completed runs.
        lease_seconds: for how long a process that shows no sign of life keeps its runs. Above 0.
        audit_key: the key of new runs' hash chains, as for `SqliteDatabase`. It never reaches the server.
        pooled: whether a pooler that shares sessions stands before the server, as PgBouncer with transaction pooling.
            Time-outs are then the settings of the role, which must have some.
        listen: how this process hears of decisions, cancel requests and submissions of others. True: over the same
            address; the address of the server itself, where `dsn` is that of a pooler; False: it looks once a second.
        migrate: whether missing tables are made. False is for roles that may not; see `haltpoint migrate`.

    Raises:
        AuditKeyError: the key is too short.
        StoreError: the server can't be reached or refuses, or the tables are missing or of a newer haltpoint; or the
            role has no time-outs behind a pooler.
        ValueError: `dsn` is not an address or names another schema than `schema`, or `lease_seconds` is not above 0.
    """

    def __init__(
        self,
        dsn: str | None = None,
        *,
        schema: str | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        full_session_memory: bool = False,
        lease_seconds: float = 30.0,
        audit_key: bytes | str | None = None,
        pooled: bool = False,
        listen: bool | str = True,
        migrate: bool = True,
    ) -> None:
        check_lease(lease_seconds)
        dsn = os.environ.get(_FILE_VARIABLE, "") if dsn is None else dsn
        if not _engine.is_server_address(dsn):
            raise ValueError("dsn must be an address that begins with postgresql://")
        self._given = dsn
        self._dsn, self.schema = with_schema(dsn, schema)
        self.name: str = _engine.server_address_name(self._dsn)
        self.lease_seconds = lease_seconds
        self.pooled = pooled
        self._listen = listen
        self._migrate = migrate
        super().__init__(session_id, user_id, full_session_memory=full_session_memory, audit_key=audit_key)
        self.durability: Literal["full", "normal"] = "normal" if self.native.is_relaxed else "full"

    def is_at(self, dsn: str) -> bool:
        """Return whether it was opened at that very address."""
        return self._given == dsn

    def __repr__(self) -> str:
        return f"PostgresDatabase({self.name!r}, schema={self.schema!r})"

    @property
    def label(self) -> str:
        """The server, the database and the schema: no user and no password."""
        return f"{self.name}?schema={self.schema}"

    def _open(self, audit_key: bytes | None) -> _engine.Database:
        settings = ServerSettings(self.schema, self.lease_seconds, audit_key, self.pooled, self._listen, self._migrate)
        return _engine.Database.open_postgres(self._dsn, settings.for_tests())


class InMemoryDatabase(Database):
    """Runs in this process's memory: they can be continued as long as it lives.

    Args:
        session_id: the session of runs whose agent names none.
        user_id: the user of runs whose agent names none.
        full_session_memory: whether a run's model sees the messages of the session's earlier completed runs.
        audit_key: the key of the runs' hash chains, as for `SqliteDatabase`.

    Raises:
        AuditKeyError: the key is too short.
    """

    in_memory = True

    def __repr__(self) -> str:
        return "InMemoryDatabase()"

    @property
    def label(self) -> str:
        """That it is memory."""
        return "memory"

    def _open(self, audit_key: bytes | None) -> _engine.Database:
        return _engine.Database.in_memory(audit_key)


def _set(open_only: bool) -> RequirementSet:
    if not isinstance(cast("object", open_only), bool):
        raise TypeError(f"open_only must be True or False, got {open_only!r}")
    return "open" if open_only else "all"


def check_lease(lease_seconds: float) -> None:
    """Refuse a lease that ends as it begins."""
    if not lease_seconds > 0:
        raise ValueError(f"lease_seconds must be above 0, got {lease_seconds!r}")


def named_database(
    name: str | os.PathLike[str] | None = None, *, migrate: bool = True
) -> SqliteDatabase | PostgresDatabase:
    """Open the database of that name: the address of a server, or the path of a file.

    Args:
        name: a text that begins with postgresql://, or a path. None: the value of HALTPOINT_DB; without that,
            haltpoint.db in the current directory.
        migrate: whether missing tables are made on a server.

    Raises:
        StoreError: it can't be opened.
    """
    name = os.environ.get(_FILE_VARIABLE) or _DEFAULT_FILE if name is None else name
    if isinstance(name, str) and _engine.is_server_address(name):
        return PostgresDatabase(name, migrate=migrate)
    return SqliteDatabase(name)


def open_databases() -> Iterator[Database]:
    """Return the databases that this process has made and still holds."""
    return iter(list(_opened))


def checked_database(db: object) -> Database:
    """Return `db`, which must be a database."""
    if isinstance(db, Database):
        return db
    raise TypeError(f"db must be a SqliteDatabase, a PostgresDatabase or an InMemoryDatabase, got {db!r}")
