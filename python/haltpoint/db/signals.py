"""Signals: telling the runs of a database what has happened outside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from haltpoint._engine import new_run_id
from haltpoint.given_events import checked_event, checked_name
from haltpoint.run.attribution import checked_author
from haltpoint.tools.json_form import json_text
from haltpoint.tools.results import plain_data

if TYPE_CHECKING:
    from haltpoint import _engine

__all__ = ["LARGEST_PAYLOAD", "KeptSignal", "SignalDelivery", "kept_signals", "send_signal"]

# In bytes, as JSON. The engine refuses more.
LARGEST_PAYLOAD = 2**20

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class SignalDelivery:
    """What became of a signal.

    Attributes:
        id: the signal's id.
        delivered: whether a run has taken it; else it is kept until one does, 30 days at most.
        run_id: the run that has taken it, as long as the database has that run.
        repeated: whether a signal of this id was sent before, so that this call changed nothing.
    """

    id: str
    delivered: bool
    run_id: str | None
    repeated: bool


@dataclass(frozen=True)
class KeptSignal:
    """A signal that no run has taken yet.

    Attributes:
        id: its id.
        name: the name of the event.
        key: the key of the event, if it has one.
        payload: what it says, as JSON data.
        by: who sent it, as far as they said.
        created_at: when it was sent (aware, UTC).
    """

    id: str
    name: str
    key: str | None
    payload: Any
    by: str | None
    created_at: datetime


def send_signal(
    native: _engine.Database, name: str, payload: Any, *, key: str | None, signal_id: str | None, by: str | None
) -> SignalDelivery:
    """Do what `Database.signal` says."""
    event = checked_event(name, key)
    identity = new_run_id() if signal_id is None else checked_name("the id of a signal", signal_id)
    who = checked_author(by, f"signal {name!r:.80}")
    text = _payload_text(payload)
    run_id, delivered, is_new = native.signal(identity, event["name"], event.get("key"), text, who)
    return SignalDelivery(identity, delivered, run_id, not is_new)


def _payload_text(payload: Any) -> str:
    try:
        text = json_text(plain_data(payload))
    except ValueError as error:
        message = f"the payload of a signal, of type {type(payload).__name__}, can't be kept as JSON: it {error}"
        raise ValueError(message) from error
    length = len(text.encode())
    if length > LARGEST_PAYLOAD:
        raise ValueError(f"the payload of a signal takes {length} bytes as JSON, and {LARGEST_PAYLOAD} are allowed")
    return text


def kept_signals(native: _engine.Database, name: str | None, key: str | None, limit: int | None) -> list[KeptSignal]:
    """Do what `Database.signals` says."""
    found = native.kept_signals(name, key, limit)
    return [
        KeptSignal(identity, event, of, json.loads(payload), by, _EPOCH + timedelta(microseconds=at))
        for identity, event, of, payload, by, at in found
    ]
