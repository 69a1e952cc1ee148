"""The benchmarks: `python benchmarks` plays every scenario and writes figures, tables and plots; `--help` for less."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bounds import all_bounds
from environments import InstallationError, python_of
from figures import Figures
from report import report
from rounds import play_rounds
from scenarios import SCENARIOS, Size

if TYPE_CHECKING:
    from job import Measurement, Play

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).with_name("results")
PLOTS = "plots"


def main() -> int:
    """Play, write, and say which bounds do not hold."""
    # Ends like an interrupt, so that the process under way is ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    arguments = _arguments()
    wheel = _wheel(arguments.dist)
    for directory in (arguments.work, arguments.results):
        directory.mkdir(parents=True, exist_ok=True)
    lines = arguments.results / "measurements.jsonl"
    _play(arguments, wheel, lines)
    figures = Figures.read(lines)
    (arguments.results / "report.md").write_text(report(figures), encoding="utf-8")
    if not arguments.no_plots:
        _plot(python_of(PLOTS, arguments.environments, wheel), arguments.results)
    return _verdict(figures)


def _play(arguments: argparse.Namespace, wheel: Path, lines: Path) -> None:
    """Play the scenarios and write each measurement down as it comes."""
    size = Size(quick=arguments.quick)
    rounds = arguments.rounds or size.rounds
    began = time.monotonic()
    with lines.open("w", encoding="utf-8") as output, tempfile.TemporaryDirectory(dir=arguments.work) as directory:
        for name in arguments.scenarios:
            plays = [play for play in SCENARIOS[name](size) if not arguments.no_peers or _is_ours(play)]
            prepared = {play.environment: python_of(play.environment, arguments.environments, wheel) for play in plays}
            for measurement in play_rounds(plays, rounds, prepared, Path(directory)):
                output.write(json.dumps(measurement) + "\n")
                output.flush()
                _tell(measurement, time.monotonic() - began)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="haltpoint and the limit only, small sizes, 3 rounds")
    parser.add_argument("--no-peers", action="store_true", help="leave the peers out")
    parser.add_argument("--no-plots", action="store_true", help="draw nothing")
    parser.add_argument("--scenarios", nargs="+", choices=list(SCENARIOS), default=list(SCENARIOS), metavar="S1")
    parser.add_argument("--rounds", type=int, help="instead of 5, or 3 with --quick")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="directory of the wheel")
    parser.add_argument("--environments", type=Path, default=ROOT / ".venv" / "benchmarks")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "benchmarks", help="where databases are made")
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def _wheel(dist: Path) -> Path:
    wheels = sorted(dist.glob("haltpoint-*.whl"))
    if len(wheels) != 1:
        raise InstallationError(f"{dist} holds {len(wheels)} wheels of haltpoint, not one: run `make wheel`")
    return wheels[0]


def _is_ours(play: Play) -> bool:
    return play.adapter.startswith("haltpoint") or play.adapter == "limit"


def _tell(measurement: Measurement, passed: float) -> None:
    shown = [str(measurement[name]) for name in ("scenario", "adapter", "mode", "steps", "runs")]
    what = measurement.get("phase") or ""
    words = ("failed", "too_slow", "unsupported")
    ended = next((f"{word}: {measurement[word]}" for word in words if word in measurement), None)
    figure = ended or f"{measurement['seconds']:.4f} s"
    print(f"{passed:6.0f} s  round {measurement['round']}  {' '.join(shown)} {what}: {figure}", flush=True)


def _plot(python: Path, results: Path) -> None:
    script = Path(__file__).with_name("plots.py")
    subprocess.run([str(python), str(script), str(results)], check=True)


def _verdict(figures: Figures) -> int:
    """Print the bounds; 1 when a measurement of ours failed."""
    for bound in all_bounds(figures):
        word = "holds" if bound.holds else "DOES NOT HOLD"
        value = bound.measured.median if bound.measured else float("nan")
        print(f"{bound.scenario}  {bound.text}: {value:.3g} {bound.unit} (bound {bound.limit:g}): {word}")
    failed = [failure for failure in figures.failures if failure["adapter"].startswith(("haltpoint", "limit"))]
    for failure in failed:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
