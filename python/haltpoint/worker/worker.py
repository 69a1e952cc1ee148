"""The worker: finds runs that can go on, and drives them, some at a time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.change_feed import ChangeFeed
from haltpoint._concurrency.event_loops import running_loop
from haltpoint._concurrency.loop_bridge import LoopBridge
from haltpoint._concurrency.threads import in_thread
from haltpoint._engine import WorkQueue
from haltpoint.exceptions import ServerUnreachableError
from haltpoint.run.agent.view import MICROSECONDS
from haltpoint.runtime.call import Work
from haltpoint.runtime.call_arguments import positive
from haltpoint.runtime.drain import Drain
from haltpoint.worker.attempt import Attempt
from haltpoint.worker.deferred import Deferred
from haltpoint.worker.progress import Progress
from haltpoint.worker.retention import Retention

if TYPE_CHECKING:
    from datetime import timedelta

    from haltpoint.agent import Agent
    from haltpoint.db.database import Database
    from haltpoint.run.base import RunStatus
    from haltpoint.worker.webhooks import Webhook

__all__ = ["Worker"]

# What no commit tells of: processes that died, and times that are over.
_SEARCH_EVERY = 1.0

# How long there is between two looks for a server that can't be reached, in seconds: at first, and at most.
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 10.0

# A clock may be read in steps of this, in seconds.
_CLOCK_GRAIN = 0.001

# How long a hurried end may take, which waits for the disk alone.
_HURRY = 10.0


class Worker:
    """Goes on with the runs of some agents: queued ones, orphans, and paused ones with nothing left to decide.

    Any number of workers may work on one database, in as many processes.

    Args:
        agents: whose runs; each has a name, and all have the same database.
        concurrency: how many runs are driven at once at most.
        max_recoveries: how many drivers after the first a run may end, without getting any further meanwhile, before it
            is set aside with an error.
        grace: how long steps that run may take to end when the worker is stopped, in seconds.
        webhooks: where events of all runs of the database are sent, whoever drives them.
        retention: for how long runs that are over are kept, by their status, as a timedelta or in seconds. Of other
            statuses all are kept. Looked at every hour.
        report: called with the worker's progress; must not block.

    Raises:
        ValueError: there is no agent, one has no name, two share one, their databases differ, or a number is none that
            it can be.
    """

    def __init__(
        self,
        agents: Iterable[Agent[Any]],
        *,
        concurrency: int = 4,
        max_recoveries: int = 3,
        grace: float = 30.0,
        webhooks: Iterable[Webhook] = (),
        retention: Mapping[RunStatus | str, timedelta | float] | None = None,
        report: Callable[[Progress], None] | None = None,
    ) -> None:
        self._agents = _by_name(agents)
        self._database = _common_database(self._agents.values())
        self._concurrency = positive("concurrency", concurrency)
        if not grace >= 0:
            raise ValueError(f"grace must be 0 or more seconds, got {grace}")
        self._grace = grace
        self._webhooks = list(webhooks)
        self._retention = Retention(retention or {})
        self._tasks: list[asyncio.Task[None]] = []
        self._report = report or _silent
        self._drain = Drain(self._took)
        self._queue = WorkQueue(self._database.native)
        self._work = Work(positive("max_recoveries", max_recoveries), self._drain, self._queue)
        self._deferred = Deferred()
        self._attempts: dict[str, asyncio.Task[None]] = {}
        self._taken: dict[str, str] = {}
        self._driven: set[str] = set()
        # The agents' names, those first whose runs were begun longest ago.
        self._turns = list(self._agents)
        self._wake = asyncio.Event()
        self._stopping = False
        # Up to when what is over was looked for, in microseconds since the epoch.
        self._looked_at = 0

    @property
    def database(self) -> Database:
        """Where the runs are."""
        return self._database

    def stop(self) -> None:
        """Take nothing more, let steps that run end, and give the runs back; the second call waits for nothing.

        To be called on the event loop.
        """
        force = self._stopping
        self._stopping = True
        self._drain.ask(force=force)
        self._wake.set()

    async def run(self) -> None:
        """Work until `stop` is called.

        Raises:
            EventLoopError: no asyncio event loop runs in this thread.
            StoreError: the database can't be read. A server that can't be reached for a while is waited for, once work
                has begun.
        """
        running_loop()
        try:
            await self._begin_tasks()
            self._report(Progress("started", message=", ".join(self._agents)))
            with ChangeFeed(self._database.native) as feed:
                await self._work_until_stopped(feed)
        finally:
            await self._end()

    async def _work_until_stopped(self, feed: ChangeFeed) -> None:
        wait = _FIRST_WAIT
        while not self._stopping:
            try:
                await self._take_due()
                await self._until_news(feed)
                wait = _FIRST_WAIT
            except ServerUnreachableError as error:
                self._report(Progress("waiting", message=f"{error}; again in {wait:g} s"))
                await self._until_stopped(wait)
                wait = min(wait * 2, _LONGEST_WAIT)

    async def _until_stopped(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._stopping and (left := end - time.monotonic()) > 0:
            # Runs that end set it, too.
            self._wake.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), left)

    async def _begin_tasks(self) -> None:
        # Before anything is taken: what happens to it is to be told.
        for webhook in self._webhooks:
            outbox = await webhook.subscribe(self._database)
            delivery = webhook.deliver(self._database, outbox, self._report)
            self._tasks.append(asyncio.create_task(delivery))
        keeping = self._retention.keep(self._database, self._report)
        self._tasks.append(asyncio.create_task(keeping))

    async def _end_tasks(self) -> None:
        for delivery in self._tasks:
            delivery.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take_due(self) -> None:
        self._looked_at = self._database.native.now()
        await self._database.expire_due_async()
        free = self._concurrency - len(self._attempts)
        if free < 1:
            return
        bridge, hands_off = LoopBridge.current(), self._deferred.now() | set(self._attempts)
        ticket = self._queue.claim(bridge.completions, self._in_turn(), hands_off, free)
        claimed: list[tuple[str, str | None]] = await bridge.wait(ticket)
        for run_id, agent_name in claimed:
            if agent_name is None or self._stopping:
                self._queue.give_back(run_id)
            else:
                self._begin(run_id, agent_name)

    def _in_turn(self) -> list[str]:
        """Names of agents, those with the fewest runs under way first: many runs of one keep no other's waiting."""
        under_way = Counter(self._taken.values())
        return sorted(self._turns, key=lambda name: under_way[name])

    def _took(self, run_id: str) -> None:
        self._driven.add(run_id)
        self._report(Progress("took", run_id, self._taken.get(run_id)))

    def _begin(self, run_id: str, agent_name: str) -> None:
        self._taken[run_id] = agent_name
        self._turns.remove(agent_name)
        self._turns.append(agent_name)
        attempt = Attempt(
            self._agents[agent_name],
            run_id,
            self._work,
            self._deferred,
            self._report,
            is_driven=lambda: run_id in self._driven,
        )
        task = asyncio.create_task(attempt.make())
        self._attempts[run_id] = task
        task.add_done_callback(lambda _: self._finished(run_id))

    def _finished(self, run_id: str) -> None:
        # Where the attempt did not come to take it.
        self._queue.give_back(run_id)
        del self._attempts[run_id], self._taken[run_id]
        self._driven.discard(run_id)
        self._wake.set()

    async def _until_news(self, feed: ChangeFeed) -> None:
        """Wait for the end of a run here, for a commit while more runs can be taken, or for the next search.

        That comes when the next time is over of what waits, within a second.
        """
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._wake.wait())]
        if len(self._attempts) < self._concurrency:
            waits.append(asyncio.ensure_future(feed.next()))
        try:
            timeout = await self._until_search()
            done, _ = await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        for wait in done:
            wait.result()
        self._wake.clear()

    async def _until_search(self) -> float:
        """Return in how many seconds to look again for what is over."""
        native, looked_at = self._database.native, self._looked_at
        until_due = await in_thread(lambda: native.until_due(looked_at))
        if until_due is None:
            return _SEARCH_EVERY
        # A little more, so that a clock that is read coarsely says that the time is over.
        return min(_SEARCH_EVERY, max(0, until_due) / MICROSECONDS + _CLOCK_GRAIN)

    async def _end(self) -> None:
        self._stopping = True
        attempts = list(self._attempts.values())
        if attempts:
            self._report(Progress("stopping", message=f"{len(attempts)} under way, at most {self._grace:g} s"))
            self._drain.ask(force=False)
            _, late = await asyncio.wait(attempts, timeout=self._grace)
            if late:
                self._drain.ask(force=True)
                await asyncio.wait(late, timeout=_HURRY)
        self._queue.close()
        await self._end_tasks()
        self._report(Progress("stopped"))


def _by_name(agents: Iterable[Agent[Any]]) -> dict[str, Agent[Any]]:
    found: dict[str, Agent[Any]] = {}
    for agent in agents:
        if agent.name is None:
            raise ValueError("a worker knows an agent's runs by its name: give each agent one, Agent(name=...)")
        if agent.name in found:
            raise ValueError(f"two agents are named {agent.name!r}, and a run says no more than its agent's name")
        found[agent.name] = agent
    if not found:
        raise ValueError("a worker needs an agent")
    return found


def _common_database(agents: Iterable[Agent[Any]]) -> Database:
    first, *others = (agent.db for agent in agents)
    if any(other is not first for other in others):
        raise ValueError("all agents of a worker need the same database object: agent.on_database(db)")
    return first


def _silent(progress: Progress) -> None:
    """Tell nobody."""
