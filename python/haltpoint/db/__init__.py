"""Databases: where runs are kept."""

from __future__ import annotations

from haltpoint.db.database import InMemoryDatabase, SqliteDatabase

__all__ = ["InMemoryDatabase", "SqliteDatabase"]
