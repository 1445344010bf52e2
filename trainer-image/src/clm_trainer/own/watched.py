"""A feature set whose values are looked at while they are made: the finite ones, and a sample."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clm_trainer.features.base import FeatureSet, FeatureStream, Saved
from clm_trainer.panel import Bools, Floats, Panel


@dataclass(eq=False)
class Seen:
    """What was seen of a panel's features.

    Parameters
    ----------
    wanted
        Rows that are kept, in order.
    kept
        Their features, each of shape (symbols, features).
    finite
        Number of finite values of bars past the warm-up, shape (symbols, features).
    bars
        Number of these bars, shape (symbols,).
    infinite
        Row, symbol and feature of the first infinite value; None if there is none.
    """

    wanted: frozenset[int]
    kept: dict[int, Floats]
    finite: NDArray[np.int64]
    bars: NDArray[np.int64]
    infinite: tuple[int, int, int] | None = None

    def add(self, row: int, values: Floats, counted: Bools) -> None:
        """Take a block's values, which begin at a row.

        Parameters
        ----------
        counted
            Bars past the warm-up that are there, shape (bars, symbols).
        """
        inside = np.isfinite(values)
        self.finite += (inside & counted[:, :, None]).sum(axis=0)
        self.bars += counted.sum(axis=0)
        if self.infinite is None:
            odd = np.argwhere(np.isinf(values) & counted[:, :, None])
            if len(odd):
                first, symbol, feature = (int(i) for i in odd[0])
                self.infinite = (row + first, symbol, feature)
        for one in range(row, row + len(values)):
            if one in self.wanted:
                self.kept[one] = values[one - row].copy()


class WatchedSet:
    """The same set; the first stream that begins is watched.

    Parameters
    ----------
    panel
        What the first stream will be given, from its first bar on.
    rows
        Rows of the panel whose features are kept.
    """

    def __init__(self, of: FeatureSet, panel: Panel, rows: frozenset[int]) -> None:
        self._of, self._begun = of, False
        shape = (len(panel.symbols), len(of.names))
        nothing = np.zeros(shape, dtype=np.int64), np.zeros(shape[:1], dtype=np.int64)
        self.seen = Seen(rows, {}, *nothing)
        self.times, self.counted = panel.times, past_warm_up(panel, of.warm_up_bars)

    @property
    def names(self) -> tuple[str, ...]:
        """As the set that is watched."""
        return self._of.names

    @property
    def warm_up_bars(self) -> int:
        """As the set that is watched."""
        return self._of.warm_up_bars

    @property
    def columns(self) -> tuple[str, ...]:
        """As the set that is watched."""
        return self._of.columns

    @property
    def observed(self) -> tuple[str, ...]:
        """As the set that is watched."""
        return self._of.observed

    def begin(self, symbols: tuple[str, ...], timeframe: pd.Timedelta) -> FeatureStream:
        """Return a stream that has seen nothing."""
        stream = self._of.begin(symbols, timeframe)
        if self._begun:
            return stream
        self._begun = True
        return _WatchedStream(stream, self)

    def resume(
        self, symbols: tuple[str, ...], timeframe: pd.Timedelta, saved: Saved
    ) -> FeatureStream:
        """Return a stream that goes on where another was saved."""
        return self._of.resume(symbols, timeframe, saved)


class _WatchedStream:
    def __init__(self, of: FeatureStream, watched: WatchedSet) -> None:
        self._of, self._watched = of, watched

    def advance(self, bars: Panel) -> Floats:
        values = self._of.advance(bars)
        row = int(self._watched.times.searchsorted(bars.times[0]))
        counted = self._watched.counted[row : row + len(bars)]
        self._watched.seen.add(row, values, counted)
        return values

    def save(self) -> Saved:
        return self._of.save()


def past_warm_up(panel: Panel, bars: int) -> Bools:
    """Return which bars are there and past their symbol's warm-up, shape (bars, symbols)."""
    first = np.where(panel.listed.any(axis=0), np.argmax(panel.listed, axis=0), len(panel))
    past: Bools = np.arange(len(panel))[:, None] >= first[None, :] + bars
    return past & ~panel.gap
