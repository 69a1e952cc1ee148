"""Approvals that answer later calls: looking at those that stand, and revoking one."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint._concurrency.threads import in_thread
from haltpoint.db.damage import OnDamaged, raise_damage, tell_of
from haltpoint.db.inbox import check_texts
from haltpoint.db.limits import checked_limit
from haltpoint.given_text import findable_text
from haltpoint.run.attribution import checked_author
from haltpoint.sensitive import Masking

if TYPE_CHECKING:
    from haltpoint import _engine
    from haltpoint.run.remember_scope import RememberScope

__all__ = ["ApprovalMemory", "RememberedApproval"]

# To whoever called the method of the database that calls `tell_of`.
_CALLER = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, repr=False)
class RememberedApproval:
    """An approval that answers later calls of its tool.

    Attributes:
        requirement_id: the requirement that was confirmed; `Database.revoke` takes it.
        run_id: its run.
        session_id: that run's session.
        scope: "run" for later calls of that run, "session" for those of all runs of its session.
        tool_name: the tool.
        tool_args: the arguments that a call must have, as JSON data; None for any.
        by: who confirmed.
        at: when (aware, UTC).
        sensitive: the parameters whose values `masked` and `to_dict` mask.
    """

    requirement_id: str
    run_id: str
    session_id: str | None
    scope: RememberScope
    tool_name: str
    tool_args: dict[str, Any] | None
    by: str | None
    at: datetime
    sensitive: tuple[str, ...] = ()

    def masked(self) -> RememberedApproval:
        """Return it with the values of sensitive parameters (`@tool(sensitive=[...])`) masked."""
        return replace(self, tool_args=Masking(self.sensitive).arguments(self.tool_args)) if self.sensitive else self

    def to_dict(self) -> dict[str, Any]:
        """Return it, masked, as JSON data, with the time in ISO 8601."""
        return {**vars(self.masked()), "at": self.at.isoformat(), "sensitive": list(self.sensitive)}

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in vars(self.masked()).items())
        return f"RememberedApproval({shown})"


def _approval(data: dict[str, Any]) -> RememberedApproval:
    at = _EPOCH + timedelta(microseconds=data.pop("at"))
    sensitive = tuple(data.pop("sensitive", ()))
    return RememberedApproval(**data, at=at, sensitive=sensitive)


class ApprovalMemory:
    """What a database knows of approvals that answer later calls."""

    @property
    def native(self) -> _engine.Database:
        """The engine's handle."""
        raise NotImplementedError

    def remembered(
        self,
        *,
        session_id: str | None = None,
        run_id: str | None = None,
        id_prefix: str | None = None,
        limit: int | None = None,
        before: str | None = None,
        on_damaged: OnDamaged | None = None,
    ) -> list[RememberedApproval]:
        """Return the approvals that still answer later calls, newest first: see `RunRequirement.confirm(remember=...)`.

        Args:
            session_id: only those that were given in runs of this session.
            run_id: only those that were given in this run.
            id_prefix: only those of requirements whose id begins so.
            limit: how many at most; None for all.
            before: only those of requirements older than the one of this id: the last one of the page before.
            on_damaged: called with each run that can't be read, which the list leaves out; without it, a
                `DamagedRunWarning` tells of it. One that was asked for by `run_id` is an error.

        Raises:
            RequirementNotFoundError: the database has no requirement with the id `before`.
            ValueError: `limit` is not from 1 to 4294967295, or a text can't be stored.
            DamagedRunError: the run that was asked for can't be read.
            StoreError: the database can't be read.
        """
        check_texts(session_id=session_id, run_id=run_id, id_prefix=id_prefix, before=before)
        found: list[RememberedApproval] = []
        for text, damaged in self.native.approvals(run_id, session_id, id_prefix, before, checked_limit(limit)):
            tell_of(damaged, on_damaged if run_id is None else raise_damage, caller=_CALLER)
            found += [_approval(data) for data in json.loads(text)]
        return found

    def count_remembered(
        self,
        *,
        session_id: str | None = None,
        run_id: str | None = None,
        id_prefix: str | None = None,
        before: str | None = None,
    ) -> int:
        """Return how many approvals `remembered` lists with the same arguments, without reading their runs.

        Approvals in runs that can't be read count, too.

        Raises:
            RequirementNotFoundError: the database has no requirement with the id `before`.
            ValueError: a text can't be stored.
            StoreError: the database can't be read.
        """
        check_texts(session_id=session_id, run_id=run_id, id_prefix=id_prefix, before=before)
        return self.native.count_approvals(run_id, session_id, id_prefix, before)

    def revoke(self, requirement_id: str, *, by: str | None = None) -> bool:
        """End that an approval answers later calls: those that are asked for from now on are asked about again.

        It is written into the journal of the run where it was given, be that completed or not.

        Args:
            requirement_id: the requirement that was confirmed.
            by: who revokes, which the journal keeps: a name as for decisions; this process where nobody is named.

        Returns:
            Whether it stood until now.

        Raises:
            InvalidResolutionError: there is no such requirement, its approval is not one that answers later calls, or
                `by` is not a name.
            StoreError: it can't be written.
        """
        with no_fork:
            from haltpoint.resolution.commit import this_process
        findable_text("requirement_id", requirement_id)
        by = checked_author(by, f"revoking the approval {requirement_id}") or this_process()
        return self.native.revoke(requirement_id, by)

    async def remembered_async(
        self,
        *,
        session_id: str | None = None,
        run_id: str | None = None,
        id_prefix: str | None = None,
        limit: int | None = None,
        before: str | None = None,
        on_damaged: OnDamaged | None = None,
    ) -> list[RememberedApproval]:
        """Do what `remembered` does without holding up the event loop."""
        return await in_thread(
            lambda: self.remembered(
                session_id=session_id,
                run_id=run_id,
                id_prefix=id_prefix,
                limit=limit,
                before=before,
                on_damaged=on_damaged,
            )
        )

    async def count_remembered_async(
        self,
        *,
        session_id: str | None = None,
        run_id: str | None = None,
        id_prefix: str | None = None,
        before: str | None = None,
    ) -> int:
        """Do what `count_remembered` does without holding up the event loop."""
        return await in_thread(
            lambda: self.count_remembered(session_id=session_id, run_id=run_id, id_prefix=id_prefix, before=before)
        )

    async def revoke_async(self, requirement_id: str, *, by: str | None = None) -> bool:
        """Do what `revoke` does without holding up the event loop."""
        return await in_thread(lambda: self.revoke(requirement_id, by=by))
