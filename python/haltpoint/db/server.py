"""How a database on a server is opened, and its tables made."""

from __future__ import annotations

import os
from typing import NamedTuple

from haltpoint import _engine

__all__ = ["ServerSettings", "migrate_server", "migration_sql"]

# Names a place at which the process dies, for tests: see docs/concepts/fault-points.md.
_FAULT_VARIABLE = "HALTPOINT_FAULT"


class ServerSettings(NamedTuple):
    """What the engine needs to know beside the address; see `PostgresDatabase`."""

    schema: str
    lease_seconds: float = 30.0
    audit_key: bytes | None = None
    pooled: bool = False
    listen: bool | str = True
    migrate: bool = True
    fault: str | None = None

    def for_tests(self) -> ServerSettings:
        """Return the settings with the place at which this process is to die, if a test names one."""
        return self._replace(fault=os.environ.get(_FAULT_VARIABLE))


def migrate_server(dsn: str, schema: str) -> int:
    """Make the tables, or bring them to this release.

    Returns:
        The version that they had before; 0: there were none.

    Raises:
        StoreError: the server can't be reached or refuses, or the tables are of a newer release.
    """
    return _engine.Database.migrate_postgres(dsn, ServerSettings(schema))


def migration_sql(dsn: str, schema: str) -> str:
    """Return the statements that `migrate_server` would run; an empty text where there is nothing to do.

    Raises:
        StoreError: the server can't be reached or refuses.
    """
    return _engine.Database.postgres_migration(dsn, ServerSettings(schema))
