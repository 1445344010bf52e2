"""Replay parity: what a bot would have held, bar by bar, against what all bars together say."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clm_api.replay import EXACT
from clm_trainer.panel import Floats, Panel
from clm_trainer.serving.model import ServedModel

BUDGET = 27_000_000
"""Bars × symbols that may be read in all: a minute or so of one core, and 30 days of two symbols
with hourly bars and two years of history."""
LEAST_BARS = 24


@dataclass(frozen=True)
class Parity:
    """The outcome.

    Parameters
    ----------
    bars
        Bars on which the positions were worked out again.
    mismatch
        Largest difference.
    mismatch_at
        Open time of the first bar on which they differ.
    """

    bars: int
    mismatch: float
    mismatch_at: pd.Timestamp | None


def replay_parity(
    model: ServedModel, panel: Panel, targets: Floats, check: Callable[[], None]
) -> Parity:
    """Decide on every bar anew from the bars up to it, as a bot does, and compare.

    Features or signals that use the future, or that depend on how much is worked out at once,
    differ somewhere.

    Parameters
    ----------
    panel
        All bars from ``model.data_from`` on.
    targets
        What was decided of all bars together at the last ``len(targets)`` of them.
    check
        Called before each bar; may raise.
    """
    rows = rows_to_replay(len(targets), len(panel), len(panel.symbols), model.spec.model.seed)
    before = len(panel) - len(targets)
    mismatch, first = 0.0, None
    for row in rows.tolist():
        check()
        alone = model.decide(panel.window(0, before + row + 1)).targets[-1]
        difference = float(np.abs(alone - targets[row]).max())
        mismatch = max(mismatch, difference)
        if difference > EXACT and first is None:
            first = panel.times[before + row]
    return Parity(len(rows), mismatch, first)


def rows_to_replay(bars: int, history: int, symbols: int, seed: int) -> NDArray[np.int64]:
    """Return the rows that the budget allows, in order: all, or the newest and a spread of others.

    The others are one of each of equal stretches, drawn by the seed: evenly spaced ones might
    all be of the same hour.

    Parameters
    ----------
    history
        Bars of the panel, each of which is read once for every row.
    """
    allowed = max(LEAST_BARS, BUDGET // (history * symbols))
    if bars <= allowed:
        return np.arange(bars)
    spread = allowed // 2
    older = bars - (allowed - spread)
    edges = np.linspace(0, older, spread + 1).astype(np.int64)
    drawn = np.random.default_rng(seed).integers(edges[:-1], edges[1:])
    return np.concatenate([drawn, np.arange(older, bars)])
