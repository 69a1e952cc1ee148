"""What a subscription has coming: read from the database in the order of the commits, and ticked off there."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from haltpoint import _engine
from haltpoint.run.events import EventReader, RunEvent

if TYPE_CHECKING:
    from haltpoint.db.database import Database

__all__ = ["Coming", "Outbox"]

# For how long nobody else delivers after a sign of life, in seconds, where it can't be seen that the process is dead.
_CLAIM = 30.0
_PAGE = 100
_MOST_READERS = 256


@dataclass(frozen=True)
class Coming:
    """An event on its way.

    Attributes:
        place: its place in the outbox.
        event: the event.
    """

    place: int
    event: RunEvent


class Outbox:
    """One subscription of a database, as one of those that deliver it sees it. All methods wait for the disk.

    Args:
        database: the database.
        name: the subscription.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._native = database.native
        self._outbox = _engine.Outbox(database.native)
        self._name = name
        self._me = str(uuid4())
        self._readers: OrderedDict[str, tuple[EventReader, dict[int, RunEvent]]] = OrderedDict()

    def claim(self) -> int | None:
        """Take the right to deliver, and return the place up to which that is done; None while somebody else has it."""
        return self._outbox.claim(self._name, self._me, _CLAIM)

    def advance(self, place: int) -> bool:
        """Note that all up to a place is delivered, and that this one lives; False: somebody else delivers by now."""
        return self._outbox.advance(self._name, self._me, _CLAIM, place)

    def leave(self, place: int) -> None:
        """Let somebody else go on behind a place."""
        self._outbox.advance(self._name, self._me, 0.0, place)

    def after(self, place: int) -> list[Coming]:
        """Return the next events behind a place."""
        rows = self._outbox.after(place, _PAGE)
        return [Coming(place, self._event(run_id, seq)) for place, run_id, seq in rows]

    def _event(self, run_id: str, seq: int) -> RunEvent:
        reader, events = self._readers.get(run_id) or (EventReader(self._native, run_id), {})
        if seq not in events:
            # Read anew where what is asked for was given out before.
            fresh = reader.read() or EventReader(self._native, run_id).read()
            events = {event.seq: event for event, _ in fresh}
        found = events[seq]
        self._readers[run_id] = (reader, {later: event for later, event in events.items() if later > seq})
        self._readers.move_to_end(run_id)
        if len(self._readers) > _MOST_READERS:
            self._readers.popitem(last=False)
        return found
