"""A driver that another process cannot see is not taken for dead: the run stays its own as long as its heart beats."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_PROGRAM = Path(__file__).with_name("unseen.py")
_PATIENCE = 60.0

_AS_ADA = "setpriv --reuid=1001 --regid=2000 --clear-groups"
_AS_BOB = "setpriv --reuid=1002 --regid=2000 --clear-groups"
_HIDING = "unshare --mount sh -c 'mount -t proc -o hidepid=2 proc /proc && exec {} \"$@\"' sh"
_OWN_IDS = "unshare --pid --fork --mount-proc"
_BLIND = "unshare --mount sh -c 'mount -t tmpfs none /proc && exec \"$@\"' sh"


@dataclass(frozen=True)
class Views:
    """What is put before the commands of the driver and of the other one, and how each goes about it.

    Attributes:
        ahead: how many seconds the wall clock of the other one shows too much.
    """

    driver: str = ""
    other: str = ""
    drives: str = "plainly"
    continues: str = "plainly"
    ahead: int = 0


VIEWS = {
    "they see each other": Views(),
    "hidden processes of another user": Views(_AS_ADA, _HIDING.format(_AS_BOB)),
    "a capability that the other one lacks": Views(
        f"{_AS_ADA} --inh-caps=+net_bind_service --ambient-caps=+net_bind_service",
        _HIDING.format(f"{_AS_ADA} --inh-caps=-all --bounding-set=-all"),
    ),
    "another time namespace": Views("", "unshare --time --boottime 100000 --fork"),
    "another time namespace of the driver": Views("unshare --time --boottime 100000 --monotonic 100000 --fork", ""),
    "two process namespaces": Views(_OWN_IDS, _OWN_IDS),
    "one process namespace with the files of the one around it": Views(
        "unshare --pid --fork", "nsenter --pid --target {inside}"
    ),
    "two host names": Views(
        "unshare --uts sh -c 'hostname a && exec \"$@\"' sh", "unshare --uts sh -c 'hostname b && exec \"$@\"' sh"
    ),
    "no files about processes": Views("", _BLIND),
    "no files about processes for the driver": Views(_BLIND, ""),
    "no files about processes, and a wall clock ahead": Views("", _BLIND, ahead=86_400),
    "no files about processes for the driver, and a wall clock ahead": Views(_BLIND, "", ahead=60),
    "two time namespaces, and a wall clock ahead": Views("", "unshare --time --boottime 100000 --fork", ahead=86_400),
    "no file descriptors left": Views(continues="exhausted"),
    "a driver whose first thread has ended": Views(drives="headless"),
}


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory that all users may write to."""
    directory = Path(tempfile.mkdtemp())
    os.chmod(directory, 0o2777)
    yield directory
    shutil.rmtree(directory)


def _command(prefix: str, doing: str, how: str, db_file: Path) -> list[str]:
    words = [sys.executable, str(_PROGRAM), doing, how, str(db_file)]
    return ["sh", "-c", f'umask 0 && exec {prefix} "$@"', "sh", *words] if prefix else words


def _skip_unless_possible(prefix: str) -> None:
    command = f'exec {prefix.format(inside=os.getpid())} "$@"'
    words = ["sh", "-c", command, "sh", sys.executable, "-c", "import haltpoint"]
    tried = subprocess.run(words, check=False, capture_output=True, text=True, timeout=_PATIENCE)
    if tried.returncode:
        pytest.skip(f"this system or user cannot arrange it: {tried.stderr.strip()[-200:]}")


def _inside(pid: int) -> int:
    """The process in the namespace that this one may have made."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else pid


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process is ever looked up")
@pytest.mark.parametrize("views", VIEWS.values(), ids=VIEWS)
def test_a_driver_that_cannot_be_seen_keeps_its_run(shared: Path, views: Views, skewed_clock: Path) -> None:
    for prefix in filter(None, (views.driver, views.other)):
        _skip_unless_possible(prefix)
    db_file = shared / "runs.db"
    driving = _command(views.driver, "drive", views.drives, db_file)
    with subprocess.Popen(driving, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdin is not None
        assert driver.stdout is not None
        assert driver.stdout.readline() == "begun\n"
        for file in shared.glob("runs.db*"):
            file.chmod(0o666)
        other = views.other.format(inside=_inside(driver.pid))
        if views.ahead:
            other += f" env LD_PRELOAD={skewed_clock} SKEW_SECONDS={views.ahead}"
        trying = _command(other, "continue", views.continues, db_file)
        tried = subprocess.run(trying, check=False, input="\n", capture_output=True, text=True, timeout=_PATIENCE)
        told, _ = driver.communicate("\n", timeout=_PATIENCE)
    assert tried.stdout == "RunBusyError\n", tried.stderr
    assert told == "COMPLETED\n"
    assert (shared / "runs.db.ledger").read_text() == "3\n"
