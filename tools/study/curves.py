"""The picture of the degradation study: how many streams are called degraded by which day."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

_STYLES = {
    "promised 3, earns 3": ("#98a1af", "-"),
    "promised 1.5, earns 1.5": ("#98a1af", "--"),
    "promised 3, earns -1 from the first day": ("#1f5fd0", "-"),
    "promised 3, earns -1 from day 90": ("#1f5fd0", "--"),
    "promised 3, earns -6 from the first day": ("#c0392b", "-"),
}


def draw(path: Path, scenarios: Mapping[str, Any]) -> None:
    """Draw the share of streams that are called degraded, day by day."""
    days = np.arange(0, 366)
    with mpl.rc_context({"svg.hashsalt": "study", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(9.0, 4.0), layout="constrained")
        axes = figure.subplots()
        for name, (colour, line) in _STYLES.items():
            alarms = scenarios[name]["alarms"]
            found = np.sort([one["bars"] / 24 for one in alarms if one is not None])
            share = np.searchsorted(found, days, side="right") / len(alarms)
            axes.plot(days, share, color=colour, linestyle=line, label=name)
        axes.axvline(45, color="#d9dee6", linewidth=0.8, zorder=0)
        axes.set_xlabel("days since the promotion")
        axes.set_ylabel("share of streams called degraded")
        axes.set_ylim(0, 1.02)
        axes.legend(frameon=False)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
