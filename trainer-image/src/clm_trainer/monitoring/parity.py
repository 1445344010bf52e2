"""Replay parity: what a bot would have held, bar by bar, against what all bars together say."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_api.replay import EXACT
from clm_trainer.panel import Floats, Panel
from clm_trainer.serving.model import ServedModel


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
    """Give a live model every bar alone, as a bot does, and compare what it holds.

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
    before = len(panel) - len(targets)
    live = model.live_on(panel.window(0, before))
    mismatch, first = 0.0, None
    for row in range(len(targets)):
        check()
        alone = live.advance(panel.window(before + row, before + row + 1)).targets[-1]
        difference = float(np.abs(alone - targets[row]).max())
        mismatch = max(mismatch, difference)
        if difference > EXACT and first is None:
            first = panel.times[before + row]
    return Parity(len(targets), mismatch, first)
