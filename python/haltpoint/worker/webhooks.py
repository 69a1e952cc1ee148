"""Webhooks: events of runs, sent to a receiver at least once each, in the order in which they were written."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from haltpoint._concurrency.change_feed import ChangeFeed
from haltpoint._concurrency.threads import in_thread
from haltpoint.exception_text import exception_text
from haltpoint.exceptions import HaltpointError
from haltpoint.logs import log_failure, logger
from haltpoint.run.events import EVENT_KINDS
from haltpoint.worker.outbox import Outbox
from haltpoint.worker.posting import checked_url, post, shown_url
from haltpoint.worker.progress import Progress

if TYPE_CHECKING:
    from haltpoint.db.database import Database
    from haltpoint.run.events import RunEvent
    from haltpoint.worker.outbox import Coming
    from haltpoint.worker.signing import WebhookSecret

__all__ = ["SENT_BY_DEFAULT", "Webhook"]

SENT_BY_DEFAULT = (
    "requirement_opened",
    "requirement_decided",
    "requirement_expired",
    "run_queued",
    "run_paused",
    "run_completed",
    "run_cancelled",
    "run_failed",
)

_log = logger("webhooks")

# In seconds.
_CLAIM_EVERY = 1.0
_LIFE_EVERY = 10.0
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 300.0


class Webhook:
    """Sends the events of a database's runs to a URL, signed.

    A receiver that does not accept an event gets it again, after longer and longer times, until it does; those after it
    wait. One worker at a time sends for a URL. How far it got stands in the database: whoever comes next goes on there.

    Args:
        url: where to; only a hash of it is kept in the database.
        secret: what the messages are signed with.
        kinds: which kinds of events.

    Raises:
        ValueError: no message can be sent to the URL, or there are no events of such a kind.
    """

    def __init__(self, url: str, secret: WebhookSecret, kinds: Iterable[str] = SENT_BY_DEFAULT) -> None:
        self._url = checked_url(url)
        self._secret = secret
        self._kinds = frozenset(kinds)
        unknown = sorted(self._kinds.difference(EVENT_KINDS))
        if unknown:
            raise ValueError(f"there are no events of kind {unknown[0]!r}; the kinds are: {', '.join(EVENT_KINDS)}")
        self._name = hashlib.sha256(url.encode()).hexdigest()[:32]

    def __repr__(self) -> str:
        return f"Webhook({shown_url(self._url)!r})"

    async def subscribe(self, database: Database) -> Outbox:
        """Keep what is written from now on, until it is sent.

        Raises:
            StoreError: the database is in memory, or can't be written.
        """
        outbox = Outbox(database, self._name)
        await in_thread(outbox.claim)
        return outbox

    async def deliver(self, database: Database, outbox: Outbox, report: Callable[[Progress], None]) -> None:
        """Send what comes, until the task is cancelled. Runs and other deliveries do not wait for it.

        A failure, such as a database that can't be read, is reported, and the delivery begins again after a while.
        """
        wait = _FIRST_WAIT
        while True:
            try:
                place = await in_thread(outbox.claim)
                if place is None:
                    await asyncio.sleep(_CLAIM_EVERY)
                else:
                    await _Delivery(self, database, outbox, place, report).run()
                wait = _FIRST_WAIT
            except (HaltpointError, OSError, LookupError, TypeError, ValueError) as error:
                log_failure(_log, f"the delivery of {self!r} failed", error)
                message = f"{self!r}: {exception_text(error)}; again in {wait:.0f} s"
                report(Progress("not_delivered", message=message))
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)

    def wants(self, event: RunEvent) -> bool:
        """Whether the receiver is told of such an event."""
        return event.kind in self._kinds

    def send(self, event: RunEvent) -> str | None:
        """Send an event; return why it was not accepted, or None."""
        body = json.dumps({"type": event.kind, "timestamp": event.at.isoformat(), "data": event.to_dict()}).encode()
        headers = self._secret.headers(f"{event.run_id}.{event.seq}", int(time.time()), body)
        return post(self._url, {**headers, "content-type": "application/json", "user-agent": "haltpoint"}, body)


class _Delivery:
    """Delivers as long as nobody else does."""

    def __init__(
        self,
        webhook: Webhook,
        database: Database,
        outbox: Outbox,
        place: int,
        report: Callable[[Progress], None],
    ) -> None:
        self._webhook = webhook
        self._database = database
        self._outbox = outbox
        self._place = place
        self._report = report
        self._is_ours = True

    async def run(self) -> None:
        try:
            with ChangeFeed(self._database.native) as feed:
                while self._is_ours:
                    coming = await in_thread(lambda: self._outbox.after(self._place))
                    for one in coming:
                        if self._is_ours:
                            await self._pass_on(one)
                    if coming or not await feed.next(_LIFE_EVERY):
                        await self._live()
        finally:
            if self._is_ours:
                await asyncio.shield(in_thread(lambda: self._outbox.leave(self._place)))

    async def _pass_on(self, coming: Coming) -> None:
        if coming.event is None:
            message = f"{self._webhook!r}: passed by, {coming.problem}"
            self._report(Progress("not_delivered", coming.run_id, message=message))
            self._place = coming.place
        elif not self._webhook.wants(coming.event):
            self._place = coming.place
        elif await self._is_sent(coming.event):
            self._place = coming.place
            await self._live()

    async def _is_sent(self, event: RunEvent) -> bool:
        """Send an event until it is accepted; False where somebody else has taken the delivery over meanwhile."""
        wait = _FIRST_WAIT
        while (refusal := await in_thread(lambda: self._webhook.send(event))) is not None:
            # Spread, so that a receiver that comes back does not hear from all workers at once.
            pause = wait * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
            message = f"{self._webhook!r}, {event.kind}: {refusal}; again in {pause:.0f} s"
            self._report(Progress("not_delivered", event.run_id, message=message))
            await self._pause(pause)
            if not self._is_ours:
                return False
            wait = min(wait * 2, _LONGEST_WAIT)
        return True

    async def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self._is_ours and (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, _LIFE_EVERY))
            await self._live()

    async def _live(self) -> None:
        self._is_ours = await in_thread(lambda: self._outbox.advance(self._place))
