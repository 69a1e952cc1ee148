"""What the tests on servers share."""

from __future__ import annotations

from pathlib import Path

import pytest

from durability.conftest import is_soak, skewed_clock

from .fleet import Fleet

__all__ = ["fleet", "is_soak", "skewed_clock"]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """A database on the server, for workers."""
    return Fleet(tmp_path)
