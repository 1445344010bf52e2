"""What arrays of bars say of the windows that end at each bar; bars are the first axis."""

import numpy as np

from clm_trainer.features.kernels import moments
from clm_trainer.panel import Bools, Floats

_NOTHING_VARIES = 1e-12


def lagged(values: Floats, bars: int, back: int) -> Floats:
    """Return the newest ``bars`` rows as they were ``back`` bars before."""
    last = len(values) - back
    return values[last - bars : last]


def carried(before: Floats, values: Floats, known: Bools) -> Floats:
    """Carry the last known value on.

    Parameters
    ----------
    before
        Known before the first row, shape (symbols,).
    """
    rows = np.arange(1, len(values) + 1)[:, None]
    last = np.maximum.accumulate(np.where(known, rows, 0), axis=0)
    out: Floats = np.take_along_axis(np.concatenate([before[None], values]), last, axis=0)
    return out


def total(values: Floats, window: int, bars: int) -> Floats:
    """Return the sums over a window for the newest ``bars`` rows, each added up in order."""
    first = len(values) - bars - window + 1
    out = np.zeros((bars, *values.shape[1:]))
    for i in range(first, first + window):
        out += values[i : i + bars]
    return out


def highest(values: Floats, window: int, bars: int) -> Floats:
    """Return the largest values of a window for the newest ``bars`` rows; NaN if one is NaN."""
    size, found = 1, values[len(values) - bars - window + 1 :]
    while 2 * size <= window:
        found = np.maximum(found[size:], found[:-size])
        size *= 2
    out: Floats = np.maximum(found[-bars:], found[:bars])
    return out


def lowest(values: Floats, window: int, bars: int) -> Floats:
    """Return the smallest values of a window for the newest ``bars`` rows; NaN if one is NaN."""
    return -highest(-values, window, bars)


def std(values: Floats, window: int, bars: int) -> Floats:
    """Return the population standard deviation over a window for the newest ``bars`` rows."""
    mean, square, _ = moments(values, window, bars)
    return _spread(mean, square)


def zscore(values: Floats, window: int, bars: int) -> Floats:
    """Return the distance from the window's mean in deviations; 0 where nothing varies."""
    mean, square, _ = moments(values, window, bars)
    return ratio(values[-bars:] - mean, _spread(mean, square))


def skew(values: Floats, window: int, bars: int) -> Floats:
    """Return the population skewness over a window; 0 where nothing varies."""
    mean, square, cube = moments(values, window, bars)
    spread = _spread(mean, square)
    safe = np.where(spread > 0, spread, 1.0)
    out: Floats = np.where(spread > 0, cube / (safe * safe * safe), spread)
    return out


def _spread(mean: Floats, square: Floats) -> Floats:
    """Return the deviation; rounding noise counts as none."""
    spread = np.sqrt(square)
    return np.where(spread <= _NOTHING_VARIES * np.abs(mean), 0.0, spread)


def ratio(over: Floats, under: Floats) -> Floats:
    """Divide; 0 where the denominator is 0, NaN where anything is NaN."""
    safe = np.where(under > 0, under, 1.0)
    out: Floats = np.where(under > 0, over / safe, over * 0.0)
    return np.where(np.isnan(under), np.nan, out)


def log_ratio(over: Floats, under: Floats) -> Floats:
    """Return log(over / under); 0 where one of them is 0: nothing moved, so nothing is compared."""
    known = (over > 0) & (under > 0)
    safe = np.log(np.where(known, over, 1.0) / np.where(known, under, 1.0))
    return np.where(np.isnan(over) | np.isnan(under), np.nan, safe)
