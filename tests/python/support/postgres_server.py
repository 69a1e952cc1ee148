"""A PostgreSQL server of one's own: for the tests, the demo on a server and the benchmarks."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from typing_extensions import Self

__all__ = ["Server", "server_programs"]

_PATIENCE = 60


def server_programs() -> Path | None:
    """Return the directory with the server's programs, or None where there is no PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    return None if elsewhere is None else Path(elsewhere).parent


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class Server:
    """A server in a temporary directory, as another user than root. A context manager that leaves nothing behind."""

    def __init__(self) -> None:
        programs = server_programs()
        if programs is None:
            raise FileNotFoundError("there is no PostgreSQL on this machine: install the package postgresql")
        self._programs = programs
        self._is_up = False
        self._as_user = (
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        )
        # Root's own temporary directories need not be open to that other user.
        place = "/tmp" if self._as_user else None
        self._directory = Path(tempfile.mkdtemp(prefix="haltpoint-server-", dir=place))
        if self._as_user:
            shutil.chown(self._directory, "postgres")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self, *hosts: str, durable: bool = False) -> str:
        """Start it, and return its address.

        It listens on this machine's own, and on those hosts. Without `durable` it does not wait for the disk.
        """
        data = self._directory / "data"
        self._run(
            "initdb", "--pgdata", data, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--no-sync"
        )
        port = _free_port()
        addresses = ",".join(["127.0.0.1", *hosts])
        settings = (
            f"listen_addresses = '{addresses}'\nport = {port}\nunix_socket_directories = '{self._directory}'\n"
            f"fsync = {'on' if durable else 'off'}\nmax_connections = 300\n"
        )
        (data / "postgresql.auto.conf").write_text(settings)
        with (data / "pg_hba.conf").open("a") as access:
            access.writelines(f"host all all {host}/24 trust\n" for host in hosts)
        self._run("pg_ctl", "--pgdata", data, "--log", self._directory / "log", "--wait", "start")
        self._is_up = True
        return f"postgresql://postgres@127.0.0.1:{port}"

    def restart(self) -> None:
        """Stop it as if it had crashed, and start it again."""
        self.crash()
        self.recover()

    def crash(self) -> None:
        """Stop it as if it had crashed."""
        self._run("pg_ctl", "--pgdata", self._directory / "data", "--mode", "immediate", "--wait", "stop")
        self._is_up = False

    def recover(self) -> None:
        """Start it again after it has crashed."""
        data, log = self._directory / "data", self._directory / "log"
        self._run("pg_ctl", "--pgdata", data, "--log", log, "--wait", "start")
        self._is_up = True

    def stop(self) -> None:
        """Stop it, and remove what it wrote."""
        if self._is_up:
            self.crash()
        for _ in range(5):
            shutil.rmtree(self._directory, ignore_errors=True)
            if not self._directory.exists():
                return
            time.sleep(0.1)

    def _run(self, program: str, *arguments: object) -> None:
        words = [*self._as_user, str(self._programs / program), *map(str, arguments)]
        subprocess.run(words, cwd=self._directory, stdout=subprocess.DEVNULL, timeout=_PATIENCE, check=True)
