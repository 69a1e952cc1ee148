"""Runs in which sensitive values stand in each place where they can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from haltpoint import SqliteDatabase

from .stories import Story, tell


@pytest.fixture
def db_file(tmp_path: Path) -> Path:
    """The path of a database that is not there yet."""
    return tmp_path / "runs.db"


@pytest.fixture
def db(db_file: Path) -> Iterator[SqliteDatabase]:
    """A database on a file of its own."""
    with SqliteDatabase(db_file) as database:
        yield database


@pytest.fixture
def story(db: SqliteDatabase) -> Story:
    """A run that was decided on in several ways, and one that waits."""
    return tell(db)
