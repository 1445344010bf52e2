"""What is compared of a market: the model's features and score, and what features scale away."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from clm_trainer.families.base import Dataset
from clm_trainer.panel import Floats, Panel

SCORE = "score"
VOLATILITY = "volatility"
"""Logarithm of a bar's range: features are measured in sigmas, and can't show their size."""
COMOVEMENT = "comovement"
"""How alike a symbol and the mean of the others moved, 1 if equally, -1 if oppositely."""
CLOCK = ("hour_sin", "hour_cos", "weekday_sin", "weekday_cos")
"""Features of the calendar: no market moves them."""

Ints = NDArray[np.int64]
Columns = Mapping[str, Floats]
"""By name, shape (bars, symbols); NaN where there is no value."""


class MarketColumns(Mapping[str, Floats]):
    """Everything that is compared, each value known at its bar's close, made when it is asked for.

    Parameters
    ----------
    rows
        All bars of the panel.
    scores
        The model's raw scores of all rows, shape (bars, symbols).
    bars
        The bars that are compared, in order; without them, all.
    """

    def __init__(
        self, panel: Panel, rows: Dataset, scores: Floats, bars: Ints | None = None
    ) -> None:
        self._panel, self._rows, self._scores = panel, rows, scores
        self._bars = np.arange(len(panel)) if bars is None else bars
        self._usable = rows.usable[self._bars]
        chosen = np.zeros_like(rows.usable)
        chosen[self._bars] = self._usable
        self._features = rows.features[chosen]
        others = (SCORE, VOLATILITY, *((COMOVEMENT,) if len(panel.symbols) > 1 else ()))
        self._names = (*(name for name in rows.names if name not in CLOCK), *others)

    def __getitem__(self, name: str) -> Floats:
        """Return one column, shape (bars, symbols)."""
        if name not in self._names:
            raise KeyError(name)
        if name == SCORE:
            values = self._scores[self._bars]
        elif name == VOLATILITY:
            values = _log_range(self._panel.high[self._bars], self._panel.low[self._bars])
        elif name == COMOVEMENT:
            values = _likeness(self._rows.log_close, self._bars)
        else:
            values = np.full(self._usable.shape, np.nan)
            values[self._usable] = self._features[:, self._rows.names.index(name)]
        return np.where(self._usable, values, np.nan)

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self._names)

    def __len__(self) -> int:
        """Number of columns."""
        return len(self._names)


def _log_range(high: Floats, low: Floats) -> Floats:
    moved = high > low
    size = np.log(np.where(moved, high / np.where(moved, low, 1.0), np.e))
    return np.where(moved, np.log(size), np.nan)


def _likeness(log_close: Floats, bars: Ints) -> Floats:
    """Return 2ab / (a² + b²) of each return and the mean of the other symbols' returns."""
    own = log_close[bars] - log_close[np.maximum(bars - 1, 0)]
    known = np.isfinite(own)
    total, count = np.where(known, own, 0.0).sum(axis=1), known.sum(axis=1)
    others = (total[:, None] - np.where(known, own, 0.0)) / np.maximum(count[:, None] - known, 1)
    size = own**2 + others**2
    return np.where(size > 0, 2 * own * others / np.where(size > 0, size, 1.0), np.nan)
