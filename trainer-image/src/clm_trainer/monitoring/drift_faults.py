"""Bars that can't be what they seem: what no feature shows, because features are free of scale.

Each rule needs half a day of bars, not several windows. A rule about runs of bars also asks that
the run is twice as long as any in the symbol's own training: a thin market is no fault.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
import pandas as pd

from clm_api.drift import MarketFault, MarketFaultKind
from clm_trainer.panel import Bools, Floats, Panel

MOST = 50
"""Faults that a finding has room for."""
LASTING = pd.Timedelta("12h")
FEWEST_BARS = 3
_SCANNED = pd.Timedelta("30D")
_TENFOLD = 0.1
"""How far the decimal logarithm of a step may lie from a whole number."""
_ACTIVITY = pd.Timedelta("18h"), pd.Timedelta("168h")
"""Volume for a bar's range: the newest bars, and those before them that they are compared with."""
_ACTIVITY_STEP = 0.75
"""In powers of ten: the largest such step in four years of the bundled real bars is 0.60."""


@dataclass(frozen=True, eq=False)
class Bars:
    """One symbol's bars, and how many of them a version was trained on.

    Parameters
    ----------
    open, high, low, close, volume
        Shape (bars,); NaN in holes.
    others
        Whether another symbol traded, shape (bars,).
    """

    symbol: str
    times: pd.DatetimeIndex
    step: pd.Timedelta
    trained: int
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    others: Bools

    def bars_of(self, time: pd.Timedelta) -> int:
        """Return how many bars a stretch of time needs, at least three."""
        return max(FEWEST_BARS, ceil(time / self.step))

    @property
    def dead(self) -> Bools:
        """Bars in which nobody traded, or that are missing."""
        quiet = (self.volume == 0) & (self.high == self.low)
        return np.asarray(np.isnan(self.close) | quiet)

    @property
    def still(self) -> Bools:
        """Bars that repeat the one before to the last digit, though somebody traded."""
        prices = np.stack([self.open, self.high, self.low, self.close])
        same = np.concatenate([[False], (np.diff(prices, axis=1) == 0).all(axis=0)])
        return np.asarray(same & ~self.dead)

    def lasts(self, so: Bools) -> int | None:
        """Return the first row of the newest bars that are all so, if they are unusually many."""
        run = newest_run(so[self.trained :])
        usual = longest_run(so[: self.trained])
        long = run >= max(self.bars_of(LASTING), 2 * usual + 1)
        return len(so) - run if long else None


def faults_of(panel: Panel, trained: int) -> list[MarketFault]:
    """Return what is wrong with the newest bars of each symbol.

    Parameters
    ----------
    panel
        All bars, also those that a symbol lacks.
    trained
        How many of them the version was made of: nothing before is a fault.
    """
    found = []
    for bars in _each(panel, trained):
        for kind, rule in _RULES.items():
            made = rule(bars)
            if made is not None:
                row, what = made
                found.append(_fault(kind, bars.symbol, bars.times[row], what))
    return found


def silent(ends: Mapping[str, pd.Timestamp], step: pd.Timedelta) -> list[MarketFault]:
    """Return the symbols whose bars have ended, while another symbol's go on.

    Parameters
    ----------
    ends
        The newest bar of each symbol.
    """
    newest = max(ends.values(), default=pd.Timestamp(0, tz="UTC"))
    return [
        _fault(MarketFaultKind.SYMBOL_SILENT, symbol, end + step, "has no bar, while others have,")
        for symbol, end in ends.items()
        if newest - end >= max(LASTING, FEWEST_BARS * step)
    ]


_Found = tuple[int, str] | None


def symbol_silent(bars: Bars) -> _Found:
    """Nobody trades it, while another symbol goes on: that is no maintenance of the exchange."""
    row = bars.lasts(bars.dead)
    if row is None or 2 * bars.others[row:].sum() < len(bars.times) - row:
        return None
    return row, "has no bar that anybody traded, while others have,"


def volume_gone(bars: Bars) -> _Found:
    """Its price moves without volume."""
    row = bars.lasts(np.asarray((bars.volume == 0) & ~bars.dead))
    return None if row is None else (row, "moves without any volume")


def prices_frozen(bars: Bars) -> _Found:
    """It has volume, and repeats one bar."""
    row = bars.lasts(bars.still)
    return None if row is None else (row - 1, "repeats the same prices, though with volume,")


def price_unit_changed(bars: Bars) -> _Found:
    """Its price stepped by a power of ten, and stayed there for three bars."""
    known = np.flatnonzero(~np.isnan(bars.close))
    size = np.diff(np.log10(bars.close[known]))
    tens = np.where(np.abs(size - np.round(size)) <= _TENFOLD, np.round(size), 0.0)
    rows = known[1:]
    tens[rows < bars.trained] = 0.0
    steps = np.flatnonzero(tens)
    if not len(steps) or len(rows) - steps[-1] < FEWEST_BARS or tens.sum() == 0:
        return None
    return int(rows[steps[-1]]), f"costs {_times(float(tens.sum()))} what it did,"


def volume_unit_changed(bars: Bars) -> _Found:
    """Its volume for a bar's range stepped by a power of ten, and stayed there."""
    new, old = (bars.bars_of(time) for time in _ACTIVITY)
    begin = max(0, bars.trained - new - old, len(bars.times) - ceil(_SCANNED / bars.step))
    level, before = _levels(bars, slice(begin, None), new, old)
    past, past_before = _levels(bars, slice(0, bars.trained), new, old)
    usual = np.abs(np.nan_to_num(past - past_before)).max(initial=0.0)
    step = level - before
    step[: max(0, bars.trained - begin)] = np.nan
    rows = np.flatnonzero(np.abs(np.nan_to_num(step)) >= max(_ACTIVITY_STEP, 1.2 * usual))
    if not len(rows):
        return None
    first = int(rows[-1])
    while first - 1 in rows:
        first -= 1
    now = float(level[-1] - before[first])
    if not abs(now) >= _ACTIVITY_STEP:
        return None
    row = begin + max(0, first - new // 2)
    return row, f"has {_times(now)} the volume for its moves,"


_RULES: dict[MarketFaultKind, Callable[[Bars], _Found]] = {
    MarketFaultKind.SYMBOL_SILENT: symbol_silent,
    MarketFaultKind.VOLUME_GONE: volume_gone,
    MarketFaultKind.PRICES_FROZEN: prices_frozen,
    MarketFaultKind.UNIT_CHANGED: lambda b: price_unit_changed(b) or volume_unit_changed(b),
}


def _fault(kind: MarketFaultKind, symbol: str, since: pd.Timestamp, what: str) -> MarketFault:
    text = f"{symbol} {what} since {since:%Y-%m-%d %H:%M}"
    return MarketFault(symbol=symbol, kind=kind, since=since.to_pydatetime(), message=text)


def newest_run(so: Bools) -> int:
    """Return how many of the last values in a row are true."""
    return len(so) if so.all() else int(np.argmin(so[::-1]))


def longest_run(so: Bools) -> int:
    """Return how many values in a row are true at most."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], so, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _times(tens: float) -> str:
    return f"{10 ** abs(tens):.3g} times" if tens > 0 else f"1/{10 ** abs(tens):.3g} of"


def _levels(bars: Bars, rows: slice, new: int, old: int) -> tuple[Floats, Floats]:
    """Return medians of log volume per range over the newest bars, and over those before them."""
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.log(bars.high[rows] / bars.low[rows])
        activity = np.log10(bars.volume[rows]) - np.log10(size)
    series = pd.Series(np.where(np.isfinite(activity), activity, np.nan))
    level = series.rolling(new, min_periods=new // 2).median()
    before = series.rolling(old, min_periods=old // 2).median().shift(new)
    return level.to_numpy(np.float64).copy(), before.to_numpy(np.float64)


def _each(panel: Panel, trained: int) -> Iterator[Bars]:
    traded = ~(panel.gap | ((panel.volume == 0) & (panel.high == panel.low)))
    for column, symbol in enumerate(panel.symbols):
        others = np.delete(traded, column, axis=1).any(axis=1)
        yield Bars(
            symbol=symbol,
            times=panel.times,
            step=panel.timeframe,
            trained=trained,
            open=panel.open[:, column],
            high=panel.high[:, column],
            low=panel.low[:, column],
            close=panel.close[:, column],
            volume=panel.volume[:, column],
            others=others,
        )
