"""What the tests of other people's code have: a database file of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from haltpoint import SqliteDatabase


@pytest.fixture
def db(tmp_path: Path) -> Iterator[SqliteDatabase]:
    """A database on a file of its own."""
    with SqliteDatabase(tmp_path / "runs.db") as database:
        yield database
