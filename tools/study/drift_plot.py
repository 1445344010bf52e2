"""The picture of the drift study: how long a change takes to be found."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tools.study.drift import DEADLINE, FAULTS, LOOK, MARKET

_SHIFTS = ("ret1", "body", "range", "volz", "ret24")
_COLOURS = ("#1f5fd0", "#c0392b", "#2e8b57", "#b8860b", "#7d3c98", "#98a1af", "#444444")


def draw(path: Path, facts: Mapping[str, Any]) -> None:
    """Draw the share of markets in which each change was found, by hours since it began."""
    with mpl.rc_context({"svg.hashsalt": "study", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(9.0, 6.2), layout="constrained")
        grid = figure.subplots(2, 2)
        for axes, (name, rows) in zip(grid.flat, facts["sets"].items(), strict=False):
            changed = [r for r in rows if "found" in r]
            waits = {k: [r["found"][k] for r in changed] for k in MARKET}
            waits |= {f"{k} + 1 sd": [r["moved"][k] for r in changed] for k in _SHIFTS}
            _curves(axes, waits)
            alarmed = sum(len(r["alarms"]) for r in rows) / len(rows)
            axes.set_title(f"{name}: {alarmed:.2f} false alarms a year")
        rows = [r for r in facts["sets"]["garch"] if "found" in r]
        _curves(grid.flat[3], {k: [r["found"][k] for r in rows] for k in FAULTS}, "center right")
        grid.flat[3].set_title("what features can't show (garch)")
        figure.savefig(path, metadata={"Date": None, "Creator": None})


def _curves(axes: Axes, waits: Mapping[str, list[int | None]], legend: str = "upper left") -> None:
    hours = np.arange(0, DEADLINE + 1, LOOK)
    for colour, (name, found) in zip(_COLOURS, waits.items(), strict=False):
        known = np.array([np.inf if one is None else one for one in found])
        share = [(known <= hour).mean() for hour in hours]
        axes.step(hours, share, where="post", color=colour, linewidth=1.3, label=name)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("hours since the change")
    axes.set_ylabel("share found")
    axes.legend(frameon=False, fontsize=7, loc=legend)
