"""Bars of several symbols on one grid: the shape in which market data travel."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
YEAR_SECONDS = 365.25 * 86400
_BARS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, eq=False)
class Panel:
    """Bars of all symbols on the full UTC grid of one timeframe.

    Parameters
    ----------
    times
        Open times, shape (bars,), strictly increasing, without holes.
    symbols
        Names, in the order of the arrays' second axis.
    timeframe
        Length of a bar.
    open, high, low, close, volume
        Shape (bars, symbols); NaN in holes and before a symbol's first bar.
    gap
        Shape (bars, symbols); True where a bar is missing.
    extra
        What else was known at each bar's close, by name, shape (bars, symbols): a column of the
        market, or SERIES.COLUMN of an own series. NaN where nothing was known, and in holes.
    """

    times: pd.DatetimeIndex
    symbols: tuple[str, ...]
    timeframe: pd.Timedelta
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    gap: Bools
    extra: Mapping[str, Floats] = field(default_factory=dict)

    @classmethod
    def from_frames(
        cls,
        frames: Mapping[str, pd.DataFrame],
        times: pd.DatetimeIndex,
        timeframe: pd.Timedelta,
    ) -> "Panel":
        """Lay bars on a grid; what a frame lacks is a hole.

        Parameters
        ----------
        frames
            By symbol; columns timestamp (UTC, unique), open, high, low, close, volume. Further
            columns become ``extra``; a symbol whose frame lacks one has no value there.
        times
            The grid: open times ``timeframe`` apart.
        """
        on_grid = [frame.set_index("timestamp").reindex(times) for frame in frames.values()]

        def column(name: str) -> Floats:
            absent = np.full(len(times), np.nan)
            return np.stack(
                [f[name].to_numpy(dtype=np.float64) if name in f else absent for f in on_grid],
                axis=1,
            )

        prices = {name: column(name) for name in _BARS}
        further = dict.fromkeys(name for f in on_grid for name in f.columns if name not in _BARS)
        return cls(
            times=times,
            symbols=tuple(frames),
            timeframe=timeframe,
            gap=np.isnan(prices["close"]),
            extra={name: column(name) for name in further},
            **prices,
        )

    @cached_property
    def listed(self) -> Bools:
        """Shape (bars, symbols); False before a symbol's first bar."""
        seen: Bools = np.maximum.accumulate(~self.gap, axis=0)
        return seen

    @property
    def bars_per_year(self) -> float:
        """Number of bars in a year of 365.25 days."""
        return YEAR_SECONDS / self.timeframe.total_seconds()

    @property
    def bars_per_day(self) -> float:
        """Number of bars in a day."""
        return 86400 / self.timeframe.total_seconds()

    def __len__(self) -> int:
        """Number of bars."""
        return len(self.times)

    def window(self, start: int, stop: int) -> "Panel":
        """Return the bars [start, stop); ``listed`` then starts anew at the window's first bar."""
        rows = slice(start, stop)
        return replace(
            self,
            times=self.times[rows],
            open=self.open[rows],
            high=self.high[rows],
            low=self.low[rows],
            close=self.close[rows],
            volume=self.volume[rows],
            gap=self.gap[rows],
            extra={name: values[rows] for name, values in self.extra.items()},
        )
