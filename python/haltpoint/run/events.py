"""What happens to runs, as small objects: for programs that are told of it, here or elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haltpoint import _engine

__all__ = ["EVENT_KINDS", "EventReader", "RunEvent"]

EVENT_KINDS = (
    "run_started",
    "run_queued",
    "run_continued",
    "model_replied",
    "steps_planned",
    "answer_refused",
    "tool_started",
    "tool_finished",
    "tool_interrupted",
    "tool_reconciled",
    "requirement_opened",
    "requirement_decided",
    "requirement_expired",
    "approval_revoked",
    "run_paused",
    "cancel_requested",
    "run_cancelled",
    "run_failed",
    "run_completed",
)


@dataclass(frozen=True)
class RunEvent:
    """Something that happened to a run, and is on disk. It holds names and ids, and no arguments, results or texts.

    Attributes:
        kind: what happened, by the name that it has in the journal: "run_started", "run_queued", "run_continued",
            "model_replied", "tool_started", "tool_finished", "requirement_opened", "requirement_decided", "run_paused",
            "cancel_requested", "run_cancelled", "run_failed", "run_completed", and others.
        run_id: the run.
        seq: its place in the run's journal, from 1: with `run_id` it names the event.
        at: when it was written (aware, UTC).
        tool_call_id: the tool call that it is about.
        tool_name: that call's tool.
        requirement_id: the requirement that it is about.
        requirement_kind: what that requirement asks for, or the decision was about.
        decision: what was decided: "confirm", "reject", "input", "result", "retry", "supply", "skip" or "signal".
        by: who decided, cancelled or queued, as far as they said.
    """

    kind: str
    run_id: str
    seq: int
    at: datetime
    tool_call_id: str | None = None
    tool_name: str | None = None
    requirement_id: str | None = None
    requirement_kind: str | None = None
    decision: str | None = None
    by: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the event as JSON data: what it is not about is left out, and the time is in ISO 8601."""
        known = {name: value for name, value in vars(self).items() if value is not None}
        return {**known, "at": self.at.isoformat()}


class EventReader:
    """Reads a run's journal on as events, each once.

    Args:
        native: the database.
        run_id: the run.
    """

    def __init__(self, native: _engine.Database, run_id: str) -> None:
        self._native = native
        self._run_id = run_id
        self._seq = 0
        self._tools: dict[str, str] = {}
        # Of each requirement: the call that it is about, and its kind.
        self._asked: dict[str, tuple[str, str]] = {}

    def read(self) -> list[tuple[RunEvent, bool]]:
        """Return what was written since the last time, each with whether somebody wrote it who does not drive the run.

        Raises:
            RunNotFoundError: there is no such run.
            StoreError: the journal can't be read.
        """
        return self._events(self._native.journal_after(self._run_id, self._seq))

    def take(self, session: _engine.Session, *, is_last: bool) -> list[tuple[RunEvent, bool]] | None:
        """Do what `read` does with what a session has committed; None where the journal has to be read.

        Args:
            session: the run's, which somebody listens to.
            is_last: not to wait for what other processes wrote and this one is not aware of yet.
        """
        # What was written before anybody listened is in the journal.
        lines = session.take_committed(self._seq, is_last) if self._seq else None
        return None if lines is None else self._events(lines)

    def _events(self, lines: str) -> list[tuple[RunEvent, bool]]:
        return [self._event(json.loads(line)) for line in lines.split("\n")[:-1]]

    def _event(self, line: Mapping[str, Any]) -> tuple[RunEvent, bool]:
        self._seq = line["seq"]
        kind, entry = line["kind"], line["entry"]
        if kind in ("model_replied", "steps_planned"):
            self._tools.update((call["id"], call["name"]) for call in entry.get("calls", ()))
        if kind == "requirement_opened":
            self._asked[entry["requirement_id"]] = (entry["call_id"], entry["kind"])
        requirement_id = entry.get("requirement_id")
        call_id, asked = self._asked.get(requirement_id, (entry.get("call_id"), None))
        event = RunEvent(
            kind=kind,
            run_id=self._run_id,
            seq=line["seq"],
            at=datetime.fromtimestamp(line["at"] / 1_000_000, timezone.utc),
            tool_call_id=call_id,
            tool_name=None if call_id is None else self._tools.get(call_id),
            requirement_id=requirement_id,
            requirement_kind=asked,
            decision=entry.get("decision", {}).get("type"),
            by=entry.get("by"),
        )
        return event, bool(line.get("outsider"))
