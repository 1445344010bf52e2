"""How a simulation is written down: one JSON document, one picture."""

import json
from typing import Any

import numpy as np
import pandas as pd

from clm_api.ticks import numbers
from clm_trainer.panel import Floats
from clm_trainer.simulation.replay import Simulation
from clm_trainer.tearsheet.svg import Axes, Colour, roomy
from clm_trainer.tearsheet.ticks import dates, seconds, window

_WIDTH, _HEIGHT, _LEVELS = 860, 344, 8
_COLOURS = {
    Colour.TEXT: "#1d2430", Colour.GRID: "#d9dee6", Colour.MODEL: "#1f5fd0",
    Colour.BENCHMARK: "#98a1af", Colour.LOSS: "#c0392b",
}  # fmt: skip


def as_document(facts: dict[str, Any]) -> bytes:
    """Return ``simulation.json``."""
    return json.dumps(facts, indent=1, allow_nan=False).encode() + b"\n"


def drawing(simulation: Simulation) -> str:
    """Draw production against buy-and-hold; ticks at the bottom are promotions."""
    frame = simulation.production.equity
    times = seconds(frame)
    curves = {
        Colour.BENCHMARK: ("buy and hold", frame["benchmark"]),
        Colour.MODEL: ("production", frame["equity"]),
    }
    logs = {colour: _log(values) for colour, (_, values) in curves.items()}
    y = roomy(np.concatenate([[0.0], *logs.values()]))
    axes = Axes(_WIDTH, _HEIGHT, window(float(times[0]), float(times[-1])), y)
    levels = numbers((np.exp(y[0]), np.exp(y[1])), _LEVELS)
    axes.y_ticks([(float(np.log(level)), said) for level, said in levels if level > 0])
    axes.x_ticks(dates(axes.x, _WIDTH))
    axes.level(0.0, Colour.GRID)
    for place, (colour, (said, _)) in enumerate(curves.items()):
        axes.line(times, logs[colour], colour)
        axes.key(place, said, colour)
    axes.key(len(curves), "promotion", Colour.LOSS)
    for promotion in simulation.promotions:
        axes.stub(promotion.slot.timestamp(), Colour.LOSS)
    title = "Equity (log), net of costs: production against buy and hold"
    return axes.drawing(title, _COLOURS)


def _log(values: "pd.Series[float]") -> Floats:
    """Return the logarithm; NaN where all is lost."""
    numbers = values.to_numpy()
    return np.log(numbers, out=np.full_like(numbers, np.nan), where=numbers > 0)
