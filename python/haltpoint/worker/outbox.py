"""What a subscription has coming: read from the database in the order of the commits, and ticked off there."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from haltpoint import _engine
from haltpoint.db.damage import UNREADABLE
from haltpoint.exception_text import exception_text
from haltpoint.exceptions import HaltpointError, RunNotFoundError, StoreError
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
        run_id: the run that it is about.
        event: the event, or None where it can't be read.
        problem: why it can't be read.
    """

    place: int
    run_id: str
    event: RunEvent | None
    problem: str | None = None


class Outbox:
    """One subscription of a database, as one of those that deliver it sees it. All methods wait for the disk.

    Args:
        database: the database.
        name: the subscription.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
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
        """Return the next events behind a place.

        Raises:
            StoreError: the database can't be read. One run that can't be read is a problem of its events alone.
        """
        rows = self._outbox.after(place, _PAGE)
        return [self._coming(place, run_id, seq) for place, run_id, seq in rows]

    def _coming(self, place: int, run_id: str, seq: int) -> Coming:
        try:
            return Coming(place, run_id, self._event(run_id, seq))
        except (StoreError, RunNotFoundError, LookupError, TypeError, ValueError) as error:
            self._readers.pop(run_id, None)
            if isinstance(error, StoreError) and not self._is_damaged(run_id):
                raise
            return Coming(place, run_id, None, f"entry {seq} can't be read: {exception_text(error)}")

    def _is_damaged(self, run_id: str) -> bool:
        """Whether it is this run that can't be read, and not the database as a whole or for a moment."""
        try:
            self._database.run(run_id)
        except UNREADABLE:
            return True
        except HaltpointError:
            return False
        return False

    def _event(self, run_id: str, seq: int) -> RunEvent:
        reader, events = self._readers.get(run_id) or (EventReader(self._native, run_id), {})
        if seq not in events:
            # Read anew where what is asked for was given out before.
            fresh = reader.read() or EventReader(self._native, run_id).read()
            events = {event.seq: event for event, _ in fresh}
        if seq not in events:
            raise LookupError("the journal does not hold it")
        found = events[seq]
        self._readers[run_id] = (reader, {later: event for later, event in events.items() if later > seq})
        self._readers.move_to_end(run_id)
        if len(self._readers) > _MOST_READERS:
            self._readers.popitem(last=False)
        return found
