"""Tables in Markdown: which bounds hold, and each scenario's figures beside the limit's."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime, timezone

from bounds import Bound, all_bounds
from figures import Figures, Key, Quantity, Spread, bytes_handed, cpu_seconds, extra, file_bytes, memory_bytes, seconds

NAMES = {
    "haltpoint_agent": "haltpoint",
    "limit": "limit",
    "upsonic_agent": "Upsonic",
    "agno_agent": "Agno",
    "langgraph_graph": "LangGraph",
    "openai_agents": "OpenAI Agents SDK",
    "pydantic_ai_dbos": "Pydantic AI with DBOS",
    "haltpoint_http": "haltpoint",
    "openai_client": "openai client",
    "openai_agents_http": "OpenAI Agents SDK",
    "pydantic_ai_http": "Pydantic AI",
}
ENVIRONMENTS = {
    "haltpoint": "haltpoint",
    "upsonic": "Upsonic",
    "agno": "Agno",
    "langgraph": "LangGraph",
    "openai_agents": "OpenAI Agents SDK",
    "pydantic_ai_dbos": "Pydantic AI with DBOS",
}
MILLISECONDS = 1_000.0
NOTHING = "-"


def report(figures: Figures) -> str:
    """The whole report."""
    sections = [
        "# Figures\n\nWritten by `make bench`; see [how they are made](../README.md).",
        _machine(figures),
        "## Bounds\n\n" + _bounds(all_bounds(figures)),
        *_scenarios(figures),
        _failures(figures),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _machine(figures: Figures) -> str:
    # Two adapters may measure the same package.
    named = {NAMES[name]: version for name, version in figures.versions.items() if name in NAMES}
    versions = ", ".join(f"{name} {version}" for name, version in named.items())
    today = datetime.now(timezone.utc).date().isoformat()
    kernel = platform.release().split("-")[0]
    return (
        f"{today}, {platform.system()} {kernel}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, the limit's SQLite {sqlite3.sqlite_version}. {versions}.\n\n"
        f"The machine's load was {min(figures.loads):.1f} to {max(figures.loads):.1f}, the benchmark's own included. "
        "Medians of the rounds, with the lowest and the highest in brackets; a ratio is taken within each round."
    )


def _bounds(bounds: Iterable[Bound]) -> str:
    rows = [
        [
            bound.scenario,
            bound.text,
            f"at {'least' if bound.at_least else 'most'} {_with_unit(bound.limit, bound.unit)}",
            _spread_with_unit(bound.measured, bound.unit),
            "yes" if bound.holds else "**no**",
        ]
        for bound in bounds
    ]
    return _table(["", "what", "bound", "measured", "holds"], rows)


def _scenarios(figures: Figures) -> list[str]:
    return [
        _section("S1: one run, N tool calls, milliseconds a step", _by_size(figures, "sequential", _step_milliseconds)),
        _section("S1: over the limit", _by_size(figures, "sequential", _over_limit, explains=False)),
        _section("S1: what a step costs besides, at the longest run measured", _costs(figures)),
        _section("S2: from process start to completion, seconds", _by_size(figures, "resume", _from_start)),
        _section(
            "S2: the call that continues, milliseconds",
            _by_size(figures, "resume", _whole(extra("continue_seconds"), MILLISECONDS)),
        ),
        _section(
            "S2: the engine's part of that, milliseconds",
            _by_size(figures, "resume", _whole(extra("engine_seconds"), MILLISECONDS), explains=False),
        ),
        _section("S3: imports, milliseconds over an empty process", _imports(figures)),
        _section(
            "S4: runs at once, milliseconds a run", _by_size(figures, "concurrent", _run_milliseconds, by_runs=True)
        ),
        _section("S4: over the limit", _by_size(figures, "concurrent", _over_limit, by_runs=True, explains=False)),
        _section(
            "S4: kilobytes of memory a run", _by_size(figures, "concurrent", _run_memory, by_runs=True, explains=False)
        ),
        _section("S7: milliseconds until another process's word is heard", _noticing(figures)),
        _section("S9: runs x tool calls over HTTP, milliseconds a step", _over_http(figures, seconds)),
        _section(
            "S9: processor time of the process that asks, milliseconds a step",
            _over_http(figures, cpu_seconds, explains=False),
        ),
        _section(
            "S9: processor time of the server, milliseconds a step",
            _over_http(figures, extra("server_cpu_seconds"), explains=False),
        ),
    ]


def _section(title: str, table: str) -> str:
    return f"## {title}\n\n{table}" if table else ""


Cell = Callable[[Figures, Key], "Spread | None"]


def _by_size(figures: Figures, scenario: str, cell: Cell, *, by_runs: bool = False, explains: bool = True) -> str:
    """A row for each adapter and mode, a column for each length or count of runs; it may explain what is missing."""
    return _by_column(figures, scenario, cell, lambda key: (key.runs if by_runs else key.steps,), "{:,}", explains)


def _over_http(figures: Figures, quantity: Quantity, *, explains: bool = True) -> str:
    """A column for each count of runs with their length."""

    def cell(figures: Figures, key: Key) -> Spread | None:
        return _scaled(figures.spread(key, quantity), MILLISECONDS / key.steps / key.runs)

    return _by_column(figures, "http", cell, lambda key: (key.runs, key.steps), "{:,} x {:,}", explains)


def _by_column(
    figures: Figures,
    scenario: str,
    cell: Cell,
    column: Callable[[Key], tuple[int, ...]],
    heading: str,
    explains: bool,
) -> str:
    keys = figures.keys(scenario)
    columns = sorted({column(key) for key in keys})
    rows: dict[str, dict[tuple[int, ...], str]] = {}
    for key in keys:
        ended = figures.what_ended(key) if explains else None
        rows.setdefault(_name(key), {})[column(key)] = ended or _shown_spread(cell(figures, key))
    body = [[name, *(cells.get(each, NOTHING) for each in columns)] for name, cells in rows.items()]
    body = [row for row in body if any(shown != NOTHING for shown in row[1:])]
    return _table(["", *(heading.format(*each) for each in columns)], body)


def _name(key: Key) -> str:
    phase = {"continue_warm": ", warm process"}.get(key.phase or "", "")
    return f"{NAMES.get(key.adapter, key.adapter)}, {key.mode}{phase}"


def _step_milliseconds(figures: Figures, key: Key) -> Spread | None:
    return _scaled(figures.spread(key, seconds), MILLISECONDS / key.steps)


def _run_milliseconds(figures: Figures, key: Key) -> Spread | None:
    return _scaled(figures.spread(key, seconds), MILLISECONDS / key.runs)


def _run_memory(figures: Figures, key: Key) -> Spread | None:
    return _scaled(figures.spread(key, memory_bytes), 1 / key.runs / 1_000)


def _over_limit(figures: Figures, key: Key) -> Spread | None:
    """Over the limit of the same durability; the peers, and memory, over the limit that waits for the disk."""
    if key.adapter == "limit":
        return None
    mode = key.mode if key.mode in ("full", "normal") else "full"
    return figures.ratio(key, Key(key.scenario, "limit", mode, key.steps, key.runs), seconds)


def _whole(quantity: Quantity, scale: float = 1.0) -> Cell:
    return lambda figures, key: _scaled(figures.spread(key, quantity), scale)


def _from_start(figures: Figures, key: Key) -> Spread | None:
    """A process that was warmed up before it continued has no start to count from."""
    return None if key.phase else figures.spread(key, seconds)


def _scaled(spread: Spread | None, factor: float) -> Spread | None:
    if spread is None:
        return None
    return Spread(spread.median * factor, spread.lowest * factor, spread.highest * factor, spread.rounds)


def _costs(figures: Figures) -> str:
    """Processor time, bytes, waits for the disk and size of the file, for each step."""
    longest: dict[str, Key] = {}
    for key in figures.keys("sequential"):
        if figures.what_ended(key) is None and key.steps >= longest.get(_name(key), key).steps:
            longest[_name(key)] = key
    rows = [[name, f"{key.steps:,}", *_cost_cells(figures, key)] for name, key in longest.items()]
    return _table(["", "N", "CPU, ms", "bytes handed over", "waits for the disk", "bytes in the file"], rows)


def _cost_cells(figures: Figures, key: Key) -> list[str]:
    syncs = figures.syncs_per_step(key.adapter, key.mode)
    return [
        _median(_scaled(figures.spread(key, cpu_seconds), MILLISECONDS / key.steps)),
        _median(_scaled(figures.spread(key, bytes_handed), 1 / key.steps)),
        NOTHING if syncs is None else _number(syncs),
        _median(_scaled(figures.spread(key, file_bytes), 1 / key.steps)),
    ]


def _imports(figures: Figures) -> str:
    rows: dict[str, dict[int, str]] = {}
    for key in figures.keys("import"):
        shown = figures.what_ended(key) or _shown_spread(_scaled(figures.spread(key, seconds), MILLISECONDS))
        rows.setdefault(ENVIRONMENTS[key.mode], {})[key.steps] = shown
    body = [[name, cells.get(0, NOTHING), cells.get(1, NOTHING)] for name, cells in rows.items()]
    return _table(["", "the package", "what an agent needs, and a first tool"], body)


def _noticing(figures: Figures) -> str:
    rows: list[list[str]] = []
    for key in [*figures.keys("cancel"), *figures.keys("decision")]:
        percentile = _scaled(figures.percentile_99(key), MILLISECONDS)
        idle = figures.spread(key, extra("idle_cpu_fraction"))
        shown = figures.what_ended(key) or _median(percentile)
        rows.append([_name(key), key.scenario, shown, _median(_scaled(idle, 100.0))])
    return _table(["", "", "99th percentile", "% of a core while waiting"], rows)


def _failures(figures: Figures) -> str:
    lines = [
        f"* {_name(_key_of(failure))}, {failure['scenario']}, steps {failure['steps']:,}, runs {failure['runs']:,}: "
        f"`{failure['failed'].splitlines()[-1]}`"
        for failure in figures.failures
    ]
    return "## Failures\n\n" + "\n".join(lines) if lines else ""


def _key_of(measurement: dict[str, object]) -> Key:
    return Key("", str(measurement["adapter"]), str(measurement["mode"]), 0)


# Cells


def _table(head: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.2g}"


def _shown_spread(spread: Spread | None) -> str:
    if spread is None:
        return NOTHING
    if spread.rounds == 1:
        return f"{_number(spread.median)} (one round)"
    return f"{_number(spread.median)} ({_number(spread.lowest)} to {_number(spread.highest)})"


def _median(spread: Spread | None) -> str:
    return NOTHING if spread is None else _number(spread.median)


def _with_unit(value: float, unit: str) -> str:
    return f"{value:g} {unit}".strip()


def _spread_with_unit(spread: Spread | None, unit: str) -> str:
    return f"{_shown_spread(spread)} {unit}".strip()
