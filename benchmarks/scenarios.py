"""Which plays each scenario has, in full and in a quick form that leaves the peers out."""

from __future__ import annotations

from dataclasses import dataclass

from environments import HALTPOINT
from job import Play

FULL_ROUNDS = 5
QUICK_ROUNDS = 3

HALTPOINT_MODES = ("full", "normal", "memory")
LIMIT_MODES = ("full", "normal", "none")
DURABLE_MODES = ("full", "normal")
TOOL_CALLS_OF_CONCURRENT_RUNS = 3
# Seconds for one measurement of a peer.
TIME_LIMIT_OF_PEERS = 90.0
# Runs of so many steps are counted, so that what a step adds is their difference.
COUNTED_STEPS = (10, 110)
STEPS_OF_CONCURRENT_HTTP_RUNS = 5


@dataclass(frozen=True)
class Peer:
    """A framework or client from PyPI: its adapter, its environment, and the modes in which it is measured."""

    adapter: str
    environment: str
    modes: tuple[str, ...]


PEERS = (
    Peer("upsonic_agent", "upsonic", ("session",)),
    Peer("agno_agent", "agno", ("runs", "tool-batch")),
    Peer("langgraph_graph", "langgraph", ("sync", "async", "sync-delta")),
    Peer("openai_agents", "openai_agents", ("session",)),
    Peer("pydantic_ai_dbos", "pydantic_ai_dbos", ("default", "wal")),
)

# S9's, which ask a server over HTTP and store nothing.
HTTP_CLIENTS = (
    Peer("openai_client", "openai_client", ("bare",)),
    Peer("pydantic_ai_http", "pydantic_ai", ("not durable",)),
    Peer("openai_agents_http", "openai_agents", ("not durable",)),
)


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    quick: bool

    @property
    def rounds(self) -> int:
        """How often everything is measured."""
        return QUICK_ROUNDS if self.quick else FULL_ROUNDS

    @property
    def peers(self) -> tuple[Peer, ...]:
        """Whom haltpoint is compared with besides the limit."""
        return () if self.quick else PEERS


def sequential(size: Size) -> list[Play]:
    """S1: one run, one tool call after the other; and the waits for the disk, counted."""
    lengths = (1, 10, 100, 1_000)
    return [
        *_ours("sequential", HALTPOINT_MODES, LIMIT_MODES, lengths),
        *([] if size.quick else _ten_thousand_steps()),
        *_theirs(size, "sequential", (10, 100, 1_000)),
        *_counted(size),
    ]


def _ten_thousand_steps() -> list[Play]:
    steps, limit = 10_000, 120.0
    ours = [Play("haltpoint_agent", HALTPOINT, "sequential", mode, steps, time_limit=limit) for mode in HALTPOINT_MODES]
    slow_limit = Play("limit", HALTPOINT, "sequential", "full", steps, time_limit=limit)
    quick_limits = [Play("limit", HALTPOINT, "sequential", mode, steps) for mode in ("normal", "none")]
    return [*ours, slow_limit, *quick_limits]


def _counted(size: Size) -> list[Play]:
    ours = [("haltpoint_agent", HALTPOINT, mode) for mode in DURABLE_MODES]
    limits = [("limit", HALTPOINT, mode) for mode in DURABLE_MODES]
    theirs = [(peer.adapter, peer.environment, mode) for peer in size.peers for mode in peer.modes]
    return [
        Play(adapter, environment, "sequential", mode, steps, rounds=1, counts_syncs=True)
        for adapter, environment, mode in [*ours, *limits, *theirs]
        for steps in COUNTED_STEPS
    ]


def resume(size: Size) -> list[Play]:
    """S2: a run pauses after so many calls, and a fresh process continues it."""
    warm = [
        Play("haltpoint_agent", HALTPOINT, "resume", mode, steps, phase="continue_warm")
        for mode in DURABLE_MODES
        for steps in (10, 1_000)
    ]
    return [
        *_ours("resume", DURABLE_MODES, DURABLE_MODES, (10, 1_000)),
        *warm,
        *_theirs(size, "resume", (10,)),
    ]


def importing(size: Size) -> list[Play]:
    """S3: what importing the package takes, and what it takes to have a first tool."""
    ours = [Play("haltpoint_import", HALTPOINT, "import", HALTPOINT, steps, runs=5) for steps in (0, 1)]
    # Seconds each, of which a few samples say enough.
    theirs = [
        Play("peer_import", peer.environment, "import", peer.environment, steps, runs=2, time_limit=TIME_LIMIT_OF_PEERS)
        for peer in size.peers
        for steps in (0, 1)
    ]
    return [*ours, *theirs]


def concurrent(size: Size) -> list[Play]:
    """S4: many runs at once in one loop, on one file."""
    steps = TOOL_CALLS_OF_CONCURRENT_RUNS
    counts = (100, 1_000) if size.quick else (10, 100, 1_000)
    ours = [
        Play(adapter, HALTPOINT, "concurrent", mode, steps, runs)
        for runs in counts
        for adapter, modes in (("haltpoint_agent", HALTPOINT_MODES), ("limit", LIMIT_MODES))
        for mode in modes
    ]
    theirs = [
        Play(peer.adapter, peer.environment, "concurrent", mode, steps, runs, time_limit=TIME_LIMIT_OF_PEERS)
        for runs in (100, 1_000)
        for peer in size.peers
        for mode in peer.modes
    ]
    return [*ours, *([] if size.quick else _ten_thousand_at_once()), *theirs]


def _ten_thousand_at_once() -> list[Play]:
    steps, runs = TOOL_CALLS_OF_CONCURRENT_RUNS, 10_000
    ours = [Play("haltpoint_agent", HALTPOINT, "concurrent", mode, steps, runs) for mode in HALTPOINT_MODES]
    quick_limits = [Play("limit", HALTPOINT, "concurrent", mode, steps, runs) for mode in ("normal", "none")]
    # Seventy thousand waits for the disk: what one of them takes is known well enough from the smaller counts.
    slow_limit = Play("limit", HALTPOINT, "concurrent", "full", steps, runs, rounds=1, time_limit=150.0)
    return [*ours, slow_limit, *quick_limits]


def many_runs(size: Size) -> list[Play]:
    """S5: what is looked for among few runs and among many."""
    counts = (100, 2_000) if size.quick else (100, 100_000)
    # Each round uses up one more of the ninety that are decided in the smaller file.
    looked_for = 15

    def play(runs: int, phase: str, rounds: int | None) -> Play:
        return Play(
            adapter="haltpoint_many_runs",
            environment=HALTPOINT,
            scenario="many_runs",
            mode="normal",
            steps=looked_for,
            runs=runs,
            phase=phase,
            rounds=rounds,
            time_limit=300.0,
            database=f"{runs}-paused-runs.db",
        )

    making = [play(runs, "make", 1) for runs in counts]
    return [*making, *(play(runs, "continue", None) for runs in counts)]


def processes(size: Size) -> list[Play]:
    """S6: the same runs in one process and shared by four."""
    runs = 400 if size.quick else 1_000
    modes = ("1 process", "4 processes")
    steps = TOOL_CALLS_OF_CONCURRENT_RUNS
    return [Play("haltpoint_processes", HALTPOINT, "processes", mode, steps, runs) for mode in modes]


def noticing(size: Size) -> list[Play]:
    """S7: cancelled, and decided, by another process."""
    samples = 40
    peers = [
        Play(peer.adapter, peer.environment, scenario, peer.modes[0], steps, samples, rounds=3)
        for peer in size.peers
        for scenario, steps in (("cancel", 0), ("decision", 1_000))
    ]
    return [
        Play("haltpoint_agent", HALTPOINT, "cancel", "full", 0, samples, rounds=3),
        Play("haltpoint_agent", HALTPOINT, "decision", "full", 1_000, samples, rounds=3),
        *peers,
    ]


def big_results(size: Size) -> list[Play]:
    """S8: tool results of ten million bytes."""
    results = 20 if size.quick else 200
    return [
        Play("haltpoint_big_results", HALTPOINT, "big_results", mode, results, time_limit=120.0)
        for mode in ("one run", "many runs")
    ]


def over_http(size: Size) -> list[Play]:
    """S9: steps whose model answers over HTTP, from a process of its own."""
    at_once = STEPS_OF_CONCURRENT_HTTP_RUNS
    sizes = [(100, 1), (at_once, 20)] if size.quick else [(100, 1), (1_000, 1), (at_once, 100)]
    return [play for steps, runs in sizes for play in _over_http(size, steps, runs)]


def _over_http(size: Size, steps: int, runs: int) -> list[Play]:
    modes = ("full", "memory")
    ours = [Play("haltpoint_http", HALTPOINT, "http", mode, steps, runs, time_limit=120.0) for mode in modes]
    # At a thousand steps the openai client takes minutes, most of them to look through the messages of each request.
    rounds, limit = (1, 300.0) if steps == 1_000 else (None, TIME_LIMIT_OF_PEERS)
    theirs = [
        Play(client.adapter, client.environment, "http", mode, steps, runs, rounds=rounds, time_limit=limit)
        for client in HTTP_CLIENTS
        for mode in client.modes
    ]
    return ours if size.quick else [*ours, *theirs]


SCENARIOS = {
    "S1": sequential,
    "S2": resume,
    "S3": importing,
    "S4": concurrent,
    "S5": many_runs,
    "S6": processes,
    "S7": noticing,
    "S8": big_results,
    "S9": over_http,
}


def _ours(
    scenario: str, haltpoint_modes: tuple[str, ...], limit_modes: tuple[str, ...], lengths: tuple[int, ...]
) -> list[Play]:
    return [
        Play(adapter, HALTPOINT, scenario, mode, steps, time_limit=120.0)
        for steps in lengths
        for adapter, modes in (("haltpoint_agent", haltpoint_modes), ("limit", limit_modes))
        for mode in modes
    ]


def _theirs(size: Size, scenario: str, lengths: tuple[int, ...]) -> list[Play]:
    return [
        Play(peer.adapter, peer.environment, scenario, mode, steps, time_limit=TIME_LIMIT_OF_PEERS)
        for steps in lengths
        for peer in size.peers
        for mode in peer.modes
    ]
