"""Plots as SVG: what a step costs over the length of the run, and what all runs take over how many there are at once.

python plots.py results
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from figures import Figures, seconds
from report import NAMES

# The same figures give the same file.
mpl.rcParams["svg.hashsalt"] = "haltpoint"
# More lines than the usual ten colours.
mpl.rcParams["axes.prop_cycle"] = mpl.cycler(color=mpl.colormaps["tab20"].colors)
METADATA = {"Date": None, "Creator": None}


def main() -> None:
    """Draw the plots of a directory of results."""
    results = Path(sys.argv[1])
    figures = Figures.read(results / "measurements.jsonl")
    _draw(
        figures,
        "sequential",
        lambda key: key.steps,
        scale=lambda key: 1_000 / key.steps,
        labels=("tool calls in the run", "milliseconds a step"),
        path=results / "step-over-length.svg",
    )
    _draw(
        figures,
        "concurrent",
        lambda key: key.runs,
        scale=lambda key: 1.0,
        labels=("runs at once, 3 tool calls each", "seconds for all of them"),
        path=results / "time-over-concurrency.svg",
    )


def _draw(figures: Figures, scenario: str, size: Any, *, scale: Any, labels: tuple[str, str], path: Path) -> None:
    lines: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for key in figures.keys(scenario):
        spread = figures.spread(key, seconds)
        if spread is not None:
            lines[f"{NAMES[key.adapter]}, {key.mode}"].append((size(key), spread.median * scale(key)))
    if not lines:
        return
    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    for name, points in lines.items():
        _draw_line(axes, name, sorted(points))
    axes.set(xscale="log", yscale="log", xlabel=labels[0], ylabel=labels[1])
    axes.grid(visible=True, which="major", alpha=0.3)
    figure.legend(loc="outside right upper", frameon=False)
    figure.savefig(path, metadata=METADATA)
    plt.close(figure)


def _draw_line(axes: Any, name: str, points: list[tuple[int, float]]) -> None:
    is_ours, is_limit = name.startswith("haltpoint"), name.startswith("limit")
    style = "--" if is_limit else "-"
    axes.plot(
        *zip(*points, strict=True), style, marker="o", markersize=4, linewidth=2.4 if is_ours else 1.2, label=name
    )


if __name__ == "__main__":
    main()
