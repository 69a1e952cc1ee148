"""The databases of tests that run on files and on a server: HALTPOINT_TEST_SERVER says which.

With `HALTPOINT_TEST_SERVER=start` the tests start a PostgreSQL server of their own, and the programs that they start
find its address in that variable. Each path is then a database on it, made when it is first named.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from haltpoint import PostgresDatabase, SqliteDatabase

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
    """Open a test's database."""
    name = named(path)
    return PostgresDatabase(name, **settings) if isinstance(name, str) else SqliteDatabase(name, **settings)


def server_programs() -> Path | None:
    """Return the directory with the server's programs, or None where there is no PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    return None if elsewhere is None else Path(elsewhere).parent


class Server:
    """A server in a temporary directory, as another user than root. A context manager that leaves nothing behind."""

    def __init__(self) -> None:
        programs = server_programs()
        if programs is None:
            raise FileNotFoundError("there is no PostgreSQL on this machine: install the package postgresql")
        self._programs = programs
        self._directory = Path(tempfile.mkdtemp(prefix="haltpoint-server-"))
        self._as_user = (
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        )
        if self._as_user:
            shutil.chown(self._directory, "postgres")

    def start(self) -> str:
        """Start it, and return its address."""
        data = self._directory / "data"
        self._run(
            "initdb", "--pgdata", data, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--no-sync"
        )
        port = 20_000 + os.getpid() % 10_000
        settings = (
            f"listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{self._directory}'\n"
            "fsync = off\nmax_connections = 300\n"
        )
        (data / "postgresql.auto.conf").write_text(settings)
        self._run("pg_ctl", "--pgdata", data, "--log", self._directory / "log", "--wait", "start")
        return f"postgresql://postgres@127.0.0.1:{port}"

    def stop(self) -> None:
        """Stop it, and remove what it wrote."""
        self._run("pg_ctl", "--pgdata", self._directory / "data", "--mode", "immediate", "--wait", "stop")
        for _ in range(5):
            shutil.rmtree(self._directory, ignore_errors=True)
            if not self._directory.exists():
                return
            time.sleep(0.1)

    def _run(self, program: str, *arguments: object) -> None:
        words = [*self._as_user, str(self._programs / program), *map(str, arguments)]
        subprocess.run(words, cwd=self._directory, stdout=subprocess.DEVNULL, timeout=_PATIENCE, check=True)
