"""Databases: where runs are kept."""

from __future__ import annotations

from haltpoint.db.database import Database, InMemoryDatabase, PostgresDatabase, SqliteDatabase

__all__ = ["Database", "InMemoryDatabase", "PostgresDatabase", "SqliteDatabase"]
