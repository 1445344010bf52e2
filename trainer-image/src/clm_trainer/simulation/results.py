"""What a simulation leaves behind: one JSON document, two tables, one picture."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from clm_trainer.simulation.replay import Promotion, Simulation

_SIZE_INCHES = (9.0, 3.6)


def write_results(folder: Path, simulation: Simulation, facts: dict[str, Any]) -> None:
    """Write ``simulation.json``, ``equity.parquet``, ``trades.parquet`` and ``equity.svg``."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(facts, indent=1, allow_nan=False)
    (folder / "simulation.json").write_text(text + "\n")
    production = simulation.production
    production.equity.to_parquet(folder / "equity.parquet", index=False, compression="zstd")
    production.trades.to_parquet(folder / "trades.parquet", index=False, compression="zstd")
    draw(folder / "equity.svg", simulation, simulation.promotions)


def draw(path: Path, simulation: Simulation, promotions: Sequence[Promotion]) -> None:
    """Draw production against buy-and-hold; ticks at the bottom are promotions."""
    frame = simulation.production.equity
    times = np.asarray(frame["time"].dt.tz_localize(None), dtype="datetime64[us]")
    with mpl.rc_context({"svg.hashsalt": "simulation", "svg.fonttype": "none"}):
        figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
        axes = figure.add_subplot()
        axes.plot(times, frame["benchmark"], color="#98a1af", linewidth=1, label="buy and hold")
        axes.plot(times, frame["equity"], color="#1f5fd0", linewidth=1.4, label="production")
        slots = [np.datetime64(p.slot.replace(tzinfo=None), "us") for p in promotions]
        low = axes.get_ylim()[0]
        axes.plot(slots, [low] * len(slots), "|", color="#c0392b", label="promotion", markersize=9)
        axes.axhline(1.0, color="#d9dee6", linewidth=0.8, zorder=0)
        axes.set_yscale("log")
        axes.set_ylabel("equity (log), net of costs")
        axes.legend(frameon=False, loc="upper left")
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
