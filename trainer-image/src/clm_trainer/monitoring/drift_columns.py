"""What is compared of a market: the model's features and score, and what features scale away."""

from collections.abc import Mapping

import numpy as np

from clm_trainer.families.base import Dataset
from clm_trainer.panel import Floats, Panel

SCORE = "score"
VOLATILITY = "volatility"
"""Logarithm of a bar's range: features are measured in sigmas, and can't show their size."""
COMOVEMENT = "comovement"
"""How alike a symbol and the mean of the others moved, 1 if equally, -1 if oppositely."""
CLOCK = ("hour_sin", "hour_cos", "weekday_sin", "weekday_cos")
"""Features of the calendar: no market moves them."""

Columns = Mapping[str, Floats]
"""By name, shape (bars, symbols); NaN where there is no value."""


def columns_of(panel: Panel, rows: Dataset, scores: Floats) -> Columns:
    """Return everything that is compared, each value known at its bar's close.

    Parameters
    ----------
    rows
        All bars of the panel.
    scores
        The model's raw scores of all rows, shape (bars, symbols).
    """
    made = {
        name: np.where(rows.usable, rows.features[:, :, place], np.nan)
        for place, name in enumerate(rows.names)
        if name not in CLOCK
    }
    made[SCORE] = np.where(rows.usable, scores, np.nan)
    made[VOLATILITY] = np.where(rows.usable, _log_range(panel), np.nan)
    if len(panel.symbols) > 1:
        made[COMOVEMENT] = np.where(rows.usable, _likeness(rows.log_close), np.nan)
    return made


def _log_range(panel: Panel) -> Floats:
    moved = panel.high > panel.low
    size = np.log(np.where(moved, panel.high / np.where(moved, panel.low, 1.0), np.e))
    return np.where(moved, np.log(size), np.nan)


def _likeness(log_close: Floats) -> Floats:
    """Return 2ab / (a² + b²) of each return and the mean of the other symbols' returns."""
    own = np.diff(log_close, axis=0, prepend=log_close[:1])
    known = np.isfinite(own)
    total, count = np.where(known, own, 0.0).sum(axis=1), known.sum(axis=1)
    others = (total[:, None] - np.where(known, own, 0.0)) / np.maximum(count[:, None] - known, 1)
    size = own**2 + others**2
    return np.where(size > 0, 2 * own * others / np.where(size > 0, size, 1.0), np.nan)
