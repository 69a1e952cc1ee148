"""What the tests with dying processes share: hands to play them, and the counts that they add up to."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_TABLE = pytest.StashKey["Table"]()


@dataclass
class Table:
    """Lines for the end of the test run: what was played how often.

    Attributes:
        title: what the first column holds.
        columns: what the others do.
        rows: numbers by the first column's text.
    """

    title: str = "kill matrix"
    columns: tuple[str, ...] = ("points", "kills played", "processes killed", "people asked")
    rows: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """The table as Markdown."""
        totals = tuple(map(sum, zip(*self.rows.values(), strict=True)))
        for cells in (
            (self.title, *self.columns),
            ("---",) * (len(self.columns) + 1),
            *((name, *numbers) for name, numbers in self.rows.items()),
            ("all", "", *totals[1:]),
        ):
            yield f"| {' | '.join(map(str, cells))} |"


@pytest.fixture(scope="session")
def is_soak() -> bool:
    """Whether this is the long run, `make soak`."""
    return os.environ.get("HALTPOINT_SOAK") == "1"


@pytest.fixture(scope="session")
def hands() -> Iterator[ProcessPoolExecutor]:
    """Processes that play histories side by side; each starts and kills its own."""
    os.environ["PYTHONPATH"] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as executor:
        yield executor


@pytest.fixture
def table(pytestconfig: pytest.Config) -> Table:
    """The table that is printed at the end."""
    return pytestconfig.stash.setdefault(_TABLE, Table())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table."""
    table = config.stash.get(_TABLE, None)
    if table is not None and table.rows:
        terminalreporter.section("what was killed")
        for line in table.lines():
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def skewed_clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that puts the wall clock of processes off, where it is loaded before others."""
    built = tmp_path_factory.mktemp("skew") / "skewed_clock.so"
    source = Path(__file__).with_name("skewed_clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", built, source], check=True)
    # Other users' processes load it, too.
    for directory in (built.parent, built.parent.parent, built.parent.parent.parent):
        directory.chmod(0o755)
    return built
