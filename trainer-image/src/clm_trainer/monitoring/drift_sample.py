"""Which bars of a training are compared: some windows whole, and bars that stand for all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from clm_trainer.monitoring.drift_windows import Cuts, Ints
from clm_trainer.panel import Bools, Floats

Pair = tuple[Ints, Ints]
Tally = Callable[[Ints], list[Floats]]

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

    def cuts(self, windows: Sequence[Pair], history: Sequence[Pair]) -> Tally:
        """Return what counts the codes of the chosen bars in some windows.

        Parameters
        ----------
        windows
            Of the history's rows, all of whose bars are chosen: all of them count.
        history
            Of the history's rows: the evenly spread bars count.

        Returns
        -------
        Callable
            From codes (chosen, symbols) to the counts of each pair, in the order given.
        """
        if self.even.all():
            return Cuts(len(self.bars), *_placed(self.bars, (*windows, *history))).tally
        all_of = Cuts(len(self.bars), *_placed(self.bars, windows))
        even_bars = self.bars[self.even]
        even = Cuts(len(even_bars), *_placed(even_bars, history))
        return lambda codes: [*all_of.tally(codes), *even.tally(codes[self.even])]


def _placed(bars: Ints, pairs: Sequence[Pair]) -> list[Pair]:
    """Return windows of a history as windows of its chosen bars."""
    return [(np.searchsorted(bars, start), np.searchsorted(bars, stop)) for start, stop in pairs]


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
