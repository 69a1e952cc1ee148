"""What all tests of runs have: a database file of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from haltpoint.db import Database
from support.databases import opened


@pytest.fixture
def db_file(tmp_path: Path) -> Path:
    """The path of a database that is not there yet."""
    return tmp_path / "runs.db"


@pytest.fixture
def db(db_file: Path) -> Iterator[Database]:
    """A database on a file of its own, or on the server of the tests."""
    with opened(db_file) as database:
        yield database
