"""The databases of tests that run on files and on a server: HALTPOINT_TEST_SERVER says which.

With `HALTPOINT_TEST_SERVER=start` the tests start a PostgreSQL server of their own, and the programs that they start
find its address in that variable. Each path is then a database on it, made when it is first named.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from haltpoint import PostgresDatabase, SqliteDatabase
from support.postgres_server import Server, server_programs

__all__ = ["VARIABLE", "Server", "is_server", "named", "on_a_server", "on_files", "opened", "server_programs"]

VARIABLE = "HALTPOINT_TEST_SERVER"

_PATIENCE = 60


def is_server() -> bool:
    """Whether the tests run on a server."""
    return os.environ.get(VARIABLE, "").startswith("postgresql://")


# What looks into the file itself, and what is about a server only: the other kind skips it.
on_files = pytest.mark.on_files
on_a_server = pytest.mark.on_a_server


def named(path: Path) -> Path | str:
    """Return a test's database as `--db` takes it: the file; or on a server the address of the database for it."""
    if not is_server():
        return path
    server = os.environ[VARIABLE]
    name = f"t_{hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:24]}"
    made = path.with_name(f"{path.name}.on-server")
    if not made.exists():
        programs = server_programs()
        assert programs is not None
        place = urlsplit(server)
        words = [
            programs / "createdb",
            "--host",
            place.hostname,
            "--port",
            str(place.port),
            "--username",
            "postgres",
            name,
        ]
        finished = subprocess.run(words, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        assert finished.returncode == 0 or "already exists" in finished.stderr, finished.stderr
        made.touch()
    return f"{server}/{name}"


def opened(path: Path, **settings: Any) -> SqliteDatabase | PostgresDatabase:
    """Open a test's database. A server takes no `durability`."""
    name = named(path)
    if isinstance(name, Path):
        return SqliteDatabase(name, **settings)
    settings.pop("durability", None)
    return PostgresDatabase(name, **settings)
