"""Which bars of a training are compared: some windows whole, and bars that stand for all."""

from dataclasses import dataclass

import numpy as np

from clm_trainer.monitoring.drift_windows import Ints
from clm_trainer.panel import Bools

ROWS = 2**17
"""Rows (bars × symbols) that stand for a training: four years of hourly bars of three symbols.
More would tell a quantile no better, for bars that follow each other are alike."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Some bars of a history.

    Parameters
    ----------
    bars
        Their rows in the history, in order, shape (chosen,).
    even
        Which of them are spread evenly and stand for all, shape (chosen,).
    """

    bars: Ints
    even: Bools

    @classmethod
    def whole(cls, bars: int) -> "Sample":
        """Return all bars of a history."""
        return cls(np.arange(bars), np.ones(bars, dtype=np.bool_))

    def places(self, rows: Ints) -> Ints:
        """Return where rows of the history stand among the chosen ones."""
        return np.searchsorted(self.bars, rows)

    def even_places(self, rows: Ints) -> Ints:
        """Return where rows of the history stand among the evenly spread ones."""
        return np.searchsorted(self.bars[self.even], rows)


def sample_of(bars: int, symbols: int, ends: Ints, length: int) -> Sample:
    """Return the bars of windows, and as many evenly spread ones as make up ``ROWS``.

    Parameters
    ----------
    ends
        Bar after the last one of each window; any shape.
    length
        Bars of a window.
    """
    stride = max(1, -(-bars * symbols // ROWS))
    if stride == 1:
        return Sample.whole(bars)
    borders = np.zeros(bars + 1, dtype=np.int64)
    np.add.at(borders, np.maximum(ends.ravel() - length, 0), 1)
    np.add.at(borders, ends.ravel(), -1)
    inside = np.cumsum(borders)[:bars] > 0
    even = np.arange(bars) % stride == 0
    chosen = np.flatnonzero(inside | even)
    return Sample(chosen, even[chosen])
