"""How a database on a server is opened, and its tables made."""

from __future__ import annotations

import os
from typing import NamedTuple
from urllib.parse import unquote

from haltpoint import _engine

__all__ = ["ServerSettings", "migrate_server", "migration_sql", "with_schema"]

_SCHEMA = "haltpoint"

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


def with_schema(dsn: str, schema: str | None) -> tuple[str, str]:
    """Return an address without its parameter `schema`, which PostgreSQL does not know, and the schema that is meant.

    Raises:
        ValueError: the address and the argument name different ones, or the address names several.
    """
    address, question, query = dsn.partition("?")
    parameters = query.split("&") if question else []
    named = [unquote(one.partition("=")[2]) for one in parameters if one.partition("=")[0] == "schema"]
    found = {*named, *([] if schema is None else [schema])}
    if len(found) > 1:
        raise ValueError(f"give one schema, got {' and '.join(sorted(map(repr, found)))}")
    rest = "&".join(one for one in parameters if one.partition("=")[0] != "schema")
    return f"{address}?{rest}" if rest else address, next(iter(found), _SCHEMA)


def migrate_server(dsn: str, schema: str | None = None) -> int:
    """Make the tables, or bring them to this release.

    Returns:
        The version that they had before; 0: there were none.

    Raises:
        StoreError: the server can't be reached or refuses, or the tables are of a newer release.
    """
    dsn, schema = with_schema(dsn, schema)
    return _engine.Database.migrate_postgres(dsn, ServerSettings(schema))


def migration_sql(dsn: str, schema: str | None = None) -> str:
    """Return the statements that `migrate_server` would run; an empty text where there is nothing to do.

    Raises:
        StoreError: the server can't be reached or refuses.
    """
    dsn, schema = with_schema(dsn, schema)
    return _engine.Database.postgres_migration(dsn, ServerSettings(schema))
