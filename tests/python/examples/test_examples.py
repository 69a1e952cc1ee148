"""The programs in examples/: each is run as its README says."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.command import COMMAND

EXAMPLES = Path(__file__).parents[3] / "examples"
PATIENCE = 60.0


@contextmanager
def running(directory: Path, *command: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of an example, which is stopped at the end as an operator would stop it."""
    environment = {**os.environ, "HALTPOINT_DB": "tickets.db", "PYTHONWARNINGS": "error::ResourceWarning"}
    log = (directory / f"{Path(command[0]).name}.log").open("w+b")
    process = subprocess.Popen(command, cwd=directory, env=environment, stdout=log, stderr=log)
    try:
        yield process
        assert process.poll() is None, log.name
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        log.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Client:
    """Somebody who uses the service."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}"

    def ask(self, path: str, body: Any = None, user: str | None = None) -> Any:
        headers = {"Content-Type": "application/json", **({"X-Forwarded-User": user} if user else {})}
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self._address + path, data, headers)) as answer:
            return json.load(answer)

    def until(self, path: str, status: str) -> Any:
        """Ask until the ticket has that status."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = self.ask(path)
            if found["status"] == status:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{path} did not become {status}: {found}")


@pytest.fixture
def service(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLES / "fastapi_service", tmp_path / "service"))


def test_the_service_submits_a_worker_drives_and_a_person_approves(service: Path) -> None:
    port = free_port()
    client = Client(port)
    serving = ("-m", "uvicorn", "--factory", "service:create_service", "--port", str(port))
    with running(service, sys.executable, *serving), running(service, COMMAND, "worker", "tickets:support"):
        until_it_listens(port)
        ticket = client.ask("/tickets", {"customer": "4711", "text": "I was charged twice."})
        assert ticket["status"] == "QUEUED"
        waiting = client.until(f"/tickets/{ticket['id']}", "PAUSED")
        assert waiting["waits_for"] == ["refund {'charge_id': 'ch_2', 'euros': 49}"]
        [requirement] = client.ask("/people/api/requirements", user="ann")["items"]
        client.ask(f"/people/api/requirements/{requirement['id']}/decision", {"type": "confirm"}, user="ann")
        answered = client.until(f"/tickets/{ticket['id']}", "COMPLETED")
        assert answered["answer"] == "We looked into it: refunded 49 EUR of ch_2."
        [record] = client.ask(f"/people/api/runs/{ticket['id']}/audit", user="ann")["items"]
        assert (record["by"], record["action"]) == ("ann", "confirmed")
        assert refusal_of(client, "/tickets/unknown") == 404
        assert refusal_of(client, "/people/api/requirements") == 401


def until_it_listens(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the service did not start")


def refusal_of(client: Client, path: str) -> int:
    with pytest.raises(urllib.error.HTTPError) as refused:
        client.ask(path)
    refused.value.close()
    return refused.value.code


def test_the_suite_passes_and_has_tests(tmp_path: Path) -> None:
    suite = shutil.copytree(EXAMPLES / "pytest_suite", tmp_path / "suite")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    finished = subprocess.run(command, cwd=suite, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert finished.returncode == 0, finished.stdout
    assert "5 passed" in finished.stdout


def test_every_example_is_in_the_readme() -> None:
    described = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    folders = [path.name for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert [name for name in folders if f"| `{name}/` |" not in described] == []
