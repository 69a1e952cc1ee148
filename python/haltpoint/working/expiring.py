"""Ending the time to decide of what nobody decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from haltpoint.db.database import Database

__all__ = ["expire_due"]


async def expire_due(database: Database) -> None:
    """Write that nobody decided in time what is due, where the database knows of such times."""
    expire: Any = getattr(database, "expire_due_async", None)
    if expire is not None:
        await expire()
