"""The picture of a study: what the gate sees, and what came after it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tools.study.seeds import MODES

_COLOURS = {"noise": "#98a1af", "planted": "#1f5fd0"}


def draw(path: Path, family: str, sets: Mapping[str, Sequence[dict[str, Any]]]) -> None:
    """Draw, for each mode, the gate's Sharpe ratios and those of the next 90 days against them."""
    with mpl.rc_context({"svg.hashsalt": "study", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(9.0, 6.2), layout="constrained")
        grid = figure.subplots(2, len(MODES), sharex="col")
        for column, mode in enumerate(MODES):
            _histogram(grid[0][column], mode, sets)
            _scatter(grid[1][column], mode, sets)
        figure.suptitle(f"{family}: noise and planted signal (d = 0.1) through the gate")
        figure.savefig(path, metadata={"Date": None, "Creator": None})


def _histogram(axes: Axes, mode: str, sets: Mapping[str, Sequence[dict[str, Any]]]) -> None:
    bins = np.linspace(-8, 12, 41).tolist()
    for name, rows in sets.items():
        values = [r[mode]["sharpe"] for r in rows if r[mode]["sharpe"] is not None]
        axes.hist(values, bins=bins, color=_COLOURS[name], alpha=0.7, density=True, label=name)
    axes.axvline(1.0, color="#c0392b", linewidth=1, label="minSharpe")
    axes.set_title(mode)
    axes.set_ylabel("share of versions")
    axes.set_yticks([])
    axes.legend(frameon=False)


def _scatter(axes: Axes, mode: str, sets: Mapping[str, Sequence[dict[str, Any]]]) -> None:
    for name, rows in sets.items():
        known = [r[mode] for r in rows if None not in (r[mode]["sharpe"], r[mode]["nextSharpe"])]
        for stage, marker in (("REJECTED", "."), ("CANDIDATE", "o")):
            some = [r for r in known if r["stage"] == stage]
            axes.plot(
                [r["sharpe"] for r in some],
                [r["nextSharpe"] for r in some],
                marker,
                color=_COLOURS[name],
                markersize=4,
                alpha=0.7,
                markeredgewidth=0,
                label=f"{name}, {'passed' if stage == 'CANDIDATE' else 'rejected'}",
            )
    axes.axhline(0, color="#d9dee6", linewidth=0.8, zorder=0)
    axes.set_xlabel("Sharpe ratio at the gate (90 days out of sample)")
    axes.set_ylabel("Sharpe ratio of the next 90 days")
    axes.legend(frameon=False)
