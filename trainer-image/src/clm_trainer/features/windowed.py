"""Feature sets that see a window of bars: always the same one, whatever is computed at once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clm_trainer.features.base import Saved
from clm_trainer.features.basis import SIGMA_SPAN_BARS
from clm_trainer.panel import Floats, Panel

PRICES = ("open", "high", "low", "close")
LEAST_BLOCK_BARS = 2048
Frames = Mapping[str, pd.DataFrame]


def block_bars(lookback_bars: int) -> int:
    """Return the length of a block: a power of 2, and no shorter than the look-back."""
    return max(LEAST_BLOCK_BARS, 1 << max(lookback_bars - 1, 0).bit_length())


@dataclass(frozen=True, eq=False)
class Window:
    """Bars as a feature set sees them.

    Parameters
    ----------
    times
        Open times, shape (bars,).
    columns
        By name, each of shape (bars, symbols): open, high, low, close, volume, gap, and what else
        the set asks for. In holes the prices are the last close and the volume is 0. Before a
        symbol's first bar all is NaN.
    """

    times: pd.DatetimeIndex
    symbols: tuple[str, ...]
    columns: Mapping[str, Floats]

    def __len__(self) -> int:
        """Number of bars."""
        return len(self.times)

    def rows(self, start: int, stop: int) -> "Window":
        """Return the bars [start, stop)."""
        cut = {name: values[start:stop] for name, values in self.columns.items()}
        return replace(self, times=self.times[start:stop], columns=cut)

    def then(self, later: "Window") -> "Window":
        """Return these bars and those that follow them."""
        joined = {
            name: np.concatenate([values, later.columns[name]])
            for name, values in self.columns.items()
        }
        return replace(self, times=pd.DatetimeIndex(self.times.append(later.times)), columns=joined)

    @property
    def first(self) -> NDArray[np.int64]:
        """First row of each symbol, shape (symbols,); the number of bars where it has none."""
        there = ~np.isnan(self.columns["close"])
        return np.where(there.any(axis=0), np.argmax(there, axis=0), len(self))

    def frame(self, symbol: int, start: int = 0) -> pd.DataFrame:
        """Return a symbol's bars from a row on as a frame of its own, indexed by open time."""
        made = {name: values[start:, symbol].copy() for name, values in self.columns.items()}
        frame = pd.DataFrame(made, index=self.times[start:].rename("time"))
        return frame.assign(gap=frame["gap"] > 0)


def window_of(bars: Panel, columns: tuple[str, ...], closes: Floats) -> Window:
    """Return bars with their holes filled.

    Parameters
    ----------
    closes
        Last close of each symbol before these bars, shape (symbols,); NaN where there is none.
    """
    known = np.concatenate([closes[None], np.where(bars.gap, np.nan, bars.close)])
    newest = np.where(np.isnan(known), 0, np.arange(len(known))[:, None])
    close = np.take_along_axis(known, np.maximum.accumulate(newest, axis=0), axis=0)[1:]
    made = {name: np.where(bars.gap, close, getattr(bars, name)) for name in PRICES}
    listed = ~np.isnan(close)
    made["volume"] = np.where(listed, np.where(bars.gap, 0.0, bars.volume), np.nan)
    made["gap"] = bars.gap.astype(np.float64)
    made |= {name: np.where(listed, bars.extra[name], np.nan) for name in columns}
    return Window(bars.times, bars.symbols, made)


@dataclass(frozen=True, eq=False)
class WindowedSet:
    """A set whose values at a bar depend on that bar and the ``lookback_bars`` before it.

    Parameters
    ----------
    values
        From frames of some or all symbols to their features, each of shape (bars, features).
    together
        Whether all symbols are given at once, or each alone.
    """

    name: str
    names: tuple[str, ...]
    lookback_bars: int
    columns: tuple[str, ...]
    values: Callable[[Frames], Mapping[str, Floats]]
    together: bool = False

    @property
    def warm_up_bars(self) -> int:
        """Bars of a symbol before the first one that has features, and a volatility."""
        return max(self.lookback_bars, SIGMA_SPAN_BARS)

    @property
    def observed(self) -> tuple[str, ...]:
        """What the reinforcement-learning families observe: everything."""
        return self.names

    @property
    def block_bars(self) -> int:
        """Length of a block."""
        return block_bars(self.lookback_bars)

    def begin(self, symbols: tuple[str, ...], timeframe: pd.Timedelta) -> "WindowedStream":
        """Return a stream that has seen nothing."""
        names = (*PRICES, "volume", "gap", *self.columns)
        nothing = {name: np.empty((0, len(symbols))) for name in names}
        times = pd.DatetimeIndex([], tz="UTC").as_unit("us")
        return WindowedStream(self, timeframe, Window(times, symbols, nothing))

    def resume(
        self, symbols: tuple[str, ...], timeframe: pd.Timedelta, saved: Saved
    ) -> "WindowedStream":
        """Return a stream that goes on where another was saved."""
        columns = {name: values for name, values in saved.items() if name != "times"}
        times = pd.DatetimeIndex(saved["times"].astype("datetime64[us]")).tz_localize("UTC")
        return WindowedStream(self, timeframe, Window(times, symbols, columns))

    def evaluate(self, window: Window) -> Floats:
        """Return the features of a window's bars, shape (bars, symbols, features).

        NaN until a symbol has ``lookback_bars`` bars before; shorter frames are never handed over.
        """
        first = window.first
        known = first + self.lookback_bars
        made = np.full((len(window), len(window.symbols), len(self.names)), np.nan)
        if self.together:
            start = int(first.min(initial=len(window)))
            if len(window) <= start + self.lookback_bars:
                return made
            frames = {name: window.frame(i, start) for i, name in enumerate(window.symbols)}
            values = self.values(frames)
            for i, name in enumerate(window.symbols):
                made[known[i] :, i] = values[name][known[i] - start :]
            return made
        for i, name in enumerate(window.symbols):
            if known[i] < len(window):
                values = self.values({name: window.frame(i, int(first[i]))})
                made[known[i] :, i] = values[name][self.lookback_bars :]
        return made


class WindowedStream:
    """Features of bars that come one after the other.

    Each block of bars is computed from ``lookback_bars`` before its beginning on. Blocks are
    aligned to absolute time, so that a sum that runs along a frame begins at the same bar whether
    one bar is new or all are.
    """

    def __init__(self, of: WindowedSet, timeframe: pd.Timedelta, seen: Window) -> None:
        self._set, self._step = of, int(timeframe / pd.Timedelta("1us"))
        self._seen = seen

    def advance(self, bars: Panel) -> Floats:
        """Return the features of the next bars, shape (bars, symbols, features)."""
        before = len(self._seen)
        closes = (
            self._seen.columns["close"][-1:] if before else np.full((1, len(bars.symbols)), np.nan)
        )
        seen = self._seen.then(window_of(bars, self._set.columns, closes[0]))
        made = [
            self._set.evaluate(seen.rows(start, stop))[fresh - start :]
            for start, fresh, stop in self._blocks(seen, before)
        ]
        if len(seen):
            block, _ = self._block(seen, len(seen))
            seen = seen.rows(max(0, block - self._set.lookback_bars), len(seen))
        self._seen = seen
        empty = np.empty((0, len(bars.symbols), len(self._set.names)))
        return np.concatenate([empty, *made])

    def save(self) -> Saved:
        """Return the bars that the next ones need."""
        return {"times": self._seen.times.as_unit("us").asi8.copy(), **self._seen.columns}

    def _blocks(self, seen: Window, row: int) -> Iterator[tuple[int, int, int]]:
        """Yield each block's first row that is read, first new row and end."""
        while row < len(seen):
            start, stop = self._block(seen, row)
            stop = min(stop, len(seen))
            yield max(0, start - self._set.lookback_bars), row, stop
            row = stop

    def _block(self, seen: Window, row: int) -> tuple[int, int]:
        """Return the rows between which a row's block lies; they may lie outside."""
        length = self._set.block_bars
        first = int(seen.times[:1].as_unit("us").asi8[0]) // self._step
        start = (first + row) // length * length - first
        return start, start + length
