"""A yard for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from .workers import Yard


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """A database, and a ledger for what tools did."""
    return Yard(tmp_path)
