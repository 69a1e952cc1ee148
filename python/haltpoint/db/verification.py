"""The record of a run as evidence: whether its rows are those that were written, and who decided what."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from haltpoint.given_text import findable_text
from haltpoint.run.changed_arguments import shown_decision
from haltpoint.sensitive import Masking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haltpoint.db.database import Database
    from haltpoint.resolution.parse import RequirementKind

__all__ = ["AuditRecord", "Mismatch", "Verification", "audit_records", "verify_run"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_HASH_BYTES = 32


@dataclass(frozen=True)
class Mismatch:
    """The first row of a run that does not fit.

    Attributes:
        seq: the entry's place in the journal, from 1; None where it is not about an entry: the run's own row, the index
            of requirements, a missing key.
        reason: what is wrong.
    """

    seq: int | None
    reason: str

    def __str__(self) -> str:
        return self.reason if self.seq is None else f"entry {self.seq}: {self.reason}"


@dataclass(frozen=True)
class Verification:
    """What `db.verify` found.

    Attributes:
        run_id: the run.
        ok: nothing was found wrong, and everything could be checked.
        entries: how many entries the journal has.
        head: the hash of the last entry, 64 hexadecimal digits, to be kept elsewhere; None when it can't be read.
        keyed: whether the run's row says that its hash chain is keyed.
        key_id: the id of the audit key that the row names.
        first_bad: the first thing that does not fit; None when `ok`.
    """

    run_id: str
    ok: bool
    entries: int
    head: str | None
    keyed: bool
    key_id: str | None
    first_bad: Mismatch | None


@dataclass(frozen=True, repr=False)
class AuditRecord:
    """Something that somebody decided about a run.

    Attributes:
        seq: the entry's place in the journal, from 1.
        at: when (aware, UTC).
        action: "confirmed", "rejected", "answered", "result_given", "retried", "supplied", "skipped", "signalled",
            "expired", "approval_revoked", "cancel_requested", "moved" or "arrived".
        by: who, as far as they said; None where nobody did, see `reason`.
        requirement_id: what was decided; None for what concerns the whole run, as is all that follows up to `decision`.
        kind: what was needed.
        asked_at: since when (aware, UTC).
        tool_call_id: the tool call.
        tool_name: its tool.
        tool_args: the arguments that were shown.
        changed_args: the arguments that the call has since the decision, where that changed them.
        decision: the decision as it was written, with its note, values or result.
        remembered_from: for a confirmation that repeats an earlier approval, so that nobody was asked: a dict of that
            one's `requirement_id`, `run_id` and `by`.
        interrupt: for a cancel request: whether async tools were to be stopped in their middle.
        reason: more, in words: nobody decided in time; of a move, the other database.
        hash: the hash of the entry in the run's chain, 64 hexadecimal digits.
        sensitive: the parameters whose values `masked` and `to_dict` mask.
    """

    seq: int
    at: datetime
    action: str
    by: str | None
    requirement_id: str | None
    kind: RequirementKind | None
    asked_at: datetime | None
    tool_call_id: str | None
    tool_name: str | None
    tool_args: dict[str, Any] | None
    changed_args: dict[str, Any] | None
    decision: dict[str, Any] | None
    remembered_from: dict[str, Any] | None
    interrupt: bool | None
    reason: str | None
    hash: str
    sensitive: tuple[str, ...] = ()

    def masked(self) -> AuditRecord:
        """Return the record with the values of sensitive parameters (`@tool(sensitive=[...])`) masked."""
        if not self.sensitive:
            return self
        masking = Masking(self.sensitive, self.tool_args, self.changed_args)
        masking.learn_decision(self.decision)
        return replace(
            self,
            tool_args=masking.arguments(self.tool_args),
            changed_args=masking.arguments(self.changed_args),
            decision=masking.decision(self.decision),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the masked record as JSON data, with times in ISO 8601, and what is shown of a secret in its place."""
        masked = self.masked()
        times = {"at": self.at.isoformat(), "asked_at": None if self.asked_at is None else self.asked_at.isoformat()}
        told = {**vars(masked), **times, "decision": shown_decision(masked.decision)}
        return {**told, "sensitive": list(self.sensitive)}

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in vars(self.masked()).items())
        return f"AuditRecord({shown})"


def verify_run(database: Database, run_id: str, head: str | None) -> Verification:
    """Do what `Database.verify` says."""
    findable_text("run_id", run_id)
    found = json.loads(database.native.verify(run_id, None if head is None else _hash(head)))
    first_bad = found.pop("first_bad")
    return Verification(**found, first_bad=None if first_bad is None else Mismatch(**first_bad))


def audit_records(database: Database, run_id: str) -> list[AuditRecord]:
    """Do what `Database.audit` says."""
    findable_text("run_id", run_id)
    return [_record(data) for data in json.loads(database.native.audit(run_id))]


def _hash(text: str) -> bytes:
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != _HASH_BYTES:
        raise ValueError(f"head must be the 64 hexadecimal digits of an entry's hash, got {text!r}")
    return digest


def _record(data: Mapping[str, Any]) -> AuditRecord:
    about: Mapping[str, Any] = data["requirement"] or {}
    asked_at: int | None = about.get("asked_at")
    return AuditRecord(
        seq=data["seq"],
        at=_time(data["at"]),
        action=data["action"],
        by=data["by"],
        requirement_id=about.get("requirement_id"),
        kind=about.get("kind"),
        asked_at=None if asked_at is None else _time(asked_at),
        tool_call_id=about.get("tool_call_id"),
        tool_name=about.get("tool_name"),
        tool_args=about.get("tool_args"),
        changed_args=about.get("changed_args"),
        decision=about.get("decision"),
        remembered_from=data.get("remembered_from"),
        interrupt=data["interrupt"],
        reason=data["reason"],
        hash=data["hash"],
        sensitive=tuple(about.get("sensitive", ())),
    )


def _time(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
