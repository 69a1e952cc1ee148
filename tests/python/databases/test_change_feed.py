"""Waiting for commits, in a task and in a thread."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from haltpoint import Agent, SqliteDatabase, StoreError, Task
from haltpoint._concurrency.change_feed import BlockingChangeFeed, ChangeFeed
from haltpoint.models import ScriptedModel
from support.running import asynchronous

_PATIENCE = 20.0


def _commit(database: SqliteDatabase) -> None:
    Agent(ScriptedModel(["done"]), name="clerk", db=database).do(Task("t"))


async def _until_quiet(feed: ChangeFeed) -> None:
    # What was committed before it was opened may be told, too.
    while await feed.next(0.3):
        pass


@asynchronous
async def test_a_task_hears_of_a_commit_through_another_connection(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "runs.db")
    with ChangeFeed(database.native) as feed:
        await _until_quiet(feed)
        assert not await feed.next(0.1)
        await asyncio.to_thread(_commit, database)
        assert await feed.next(_PATIENCE)


@asynchronous
async def test_a_commit_between_two_waits_is_not_missed(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "runs.db")
    with ChangeFeed(database.native) as feed:
        await _until_quiet(feed)
        await asyncio.to_thread(_commit, database)
        await asyncio.sleep(0.3)
        assert await feed.next(0)


@asynchronous
async def test_a_task_is_told_that_its_database_is_closed(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "runs.db")
    with ChangeFeed(database.native) as feed:
        await _until_quiet(feed)
        closing = threading.Timer(0.1, database.close)
        closing.start()
        with pytest.raises(StoreError, match="closed"):
            await feed.next(_PATIENCE)
    with ChangeFeed(database.native) as feed, pytest.raises(StoreError, match="closed"):
        await feed.next(_PATIENCE)


@asynchronous
async def test_several_feeds_of_one_loop_each_hear(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "runs.db")
    with ChangeFeed(database.native) as first, ChangeFeed(database.native) as second:
        await _until_quiet(first)
        await _until_quiet(second)
        await asyncio.to_thread(_commit, database)
        assert await asyncio.gather(first.next(_PATIENCE), second.next(_PATIENCE)) == [True, True]


def test_a_thread_hears_of_a_commit_and_does_not_wait_longer_than_it_wants(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "runs.db")
    with BlockingChangeFeed(database.native) as feed:
        while feed.next(0.3):
            pass
        began = time.monotonic()
        assert not feed.next(0.1)
        assert time.monotonic() - began < _PATIENCE
        committing = threading.Thread(target=_commit, args=(database,))
        committing.start()
        assert feed.next(_PATIENCE)
        committing.join()
        database.close()
        with pytest.raises(StoreError, match="closed"):
            _wait_for_ever(feed)


def _wait_for_ever(feed: BlockingChangeFeed) -> None:
    while True:
        feed.next(_PATIENCE)
