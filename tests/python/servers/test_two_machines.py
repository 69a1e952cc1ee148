"""Two machines, as far as the network goes, and a link that is cut in either direction, amid a call or a commit."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from typing_extensions import Self

from support.databases import Server, on_a_server

from .fleet import Fleet

_LEASE = 2.0
_DIRECTIONS = ["to the server", "from the server"]


class Machine:
    """A network of its own, with a link to the server's. A context manager that leaves nothing behind."""

    def __init__(self, number: int) -> None:
        self._name = f"haltpoint-{os.getpid()}-{number}"
        self._here, self._there = f"hp{os.getpid() % 100_000}a{number}", f"hp{os.getpid() % 100_000}b{number}"
        self.server, self.own = f"10.203.{70 + number}.1", f"10.203.{70 + number}.2"
        self.prefix = ["ip", "netns", "exec", self._name]

    def __enter__(self) -> Self:
        _ip("netns", "add", self._name)
        try:
            self._link()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        # Both ends of the link go with one of them.
        subprocess.run(["ip", "link", "delete", self._here], check=False, capture_output=True, timeout=10)
        _ip("netns", "delete", self._name)

    def _link(self) -> None:
        _ip("link", "add", self._here, "type", "veth", "peer", "name", self._there)
        _ip("link", "set", self._there, "netns", self._name)
        _ip("address", "add", f"{self.server}/24", "dev", self._here)
        _ip("link", "set", self._here, "up")
        _ip("address", "add", f"{self.own}/24", "dev", self._there, inside=self._name)
        _ip("link", "set", self._there, "up", inside=self._name)

    @contextmanager
    def cut(self, direction: str) -> Iterator[None]:
        """Let nothing through in one direction: it vanishes, and nobody is told."""
        inside = self._name if direction == "to the server" else None
        route = ["blackhole", f"{self.server if inside else self.own}/32"]
        _ip("route", "add", *route, inside=inside)
        try:
            yield
        finally:
            _ip("route", "delete", *route, inside=inside)


def _ip(*words: str, inside: str | None = None) -> None:
    command = ["ip", *(["-n", inside] if inside else []), *words]
    subprocess.run(command, check=True, capture_output=True, timeout=10)


@pytest.fixture(scope="module")
def machines() -> Iterator[tuple[Machine, Machine]]:
    if os.geteuid() != 0:
        pytest.skip("only root can make networks")
    with ExitStack() as stack:
        try:
            made = stack.enter_context(Machine(1)), stack.enter_context(Machine(2))
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no network can be made here: {error}")
        yield made


@pytest.fixture(scope="module")
def address(machines: tuple[Machine, Machine]) -> Iterator[str]:
    with Server() as server:
        yield f"{server.start(*(machine.server for machine in machines))}/postgres"


@pytest.fixture
def served(address: str, tmp_path: Path) -> Fleet:
    return Fleet(tmp_path, address)


def _address(fleet: Fleet, machine: Machine) -> str:
    return fleet.address.replace("127.0.0.1", machine.server)


@on_a_server
@pytest.mark.timeout(300)
@pytest.mark.parametrize("direction", _DIRECTIONS)
def test_a_driver_that_is_cut_off_amid_a_call_is_overtaken_and_writes_nothing(
    served: Fleet, machines: tuple[Machine, Machine], direction: str
) -> None:
    one, two = machines
    served.shut("send")
    with (
        served.database() as database,
        served.worker(lease_seconds=_LEASE, prefix=one.prefix, address=_address(served, one)) as cut_off,
    ):
        (run_id,) = served.submit(database, "send")
        served.until(lambda: served.began("send"))
        with one.cut(direction):
            with served.worker(lease_seconds=_LEASE, prefix=two.prefix, address=_address(served, two)) as other:
                served.until(lambda: other.says("paused", run_id))
                (requirement,) = database.requirements(run_id=run_id)
                assert requirement.kind == "recovery"
                requirement.supply("sent, say the books")
                requirement.commit()
                served.until(lambda: other.says("completed", run_id))
                served.until(lambda: served.ledger.has("cancelled", run_id=run_id, tool="send"))
            before = database.export(run_id)
        cut_off.dismiss()
        assert database.export(run_id) == before
        assert database.verify(run_id).ok
    assert served.began("send") == {run_id: 1}


@on_a_server
@pytest.mark.timeout(300)
@pytest.mark.parametrize("direction", _DIRECTIONS)
def test_a_driver_that_is_cut_off_amid_a_commit_starts_nothing_that_another_one_has(
    served: Fleet, machines: tuple[Machine, Machine], direction: str
) -> None:
    one, two = machines
    gate = served.shut("model")
    with (
        served.database() as database,
        served.worker(lease_seconds=_LEASE, prefix=one.prefix, address=_address(served, one)) as cut_off,
    ):
        (run_id,) = served.submit(database, "send")
        served.until(lambda: served.ledger.has("asked"))
        with one.cut(direction):
            # That the call starts is sent, and the answer, or the word itself, never arrives.
            gate.unlink()
            with served.worker(lease_seconds=_LEASE, prefix=two.prefix, address=_address(served, two)) as other:
                served.until(lambda: other.says("paused", run_id) or other.says("completed", run_id))
                for requirement in database.requirements(run_id=run_id):
                    assert requirement.kind == "recovery"
                    assert served.began("send") == {}
                    requirement.retry()
                    requirement.commit()
                served.until(lambda: other.says("completed", run_id))
            before = database.export(run_id)
        cut_off.dismiss()
        assert database.export(run_id) == before
        assert database.verify(run_id).ok
    assert served.began("send") == {run_id: 1}
