"""What arrays of bars say of the windows that end at each bar; bars are the first axis."""

import numpy as np

from clm_trainer.features.kernels import added, squares_added
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
    out = np.zeros((bars, values.shape[1]))
    added(_windows(values, window, bars), values.shape[1], window, out.ravel())
    return out


def _windows(values: Floats, window: int, bars: int) -> Floats:
    """Return the values that the windows of the newest rows are made of, bar after bar."""
    flat: Floats = np.ascontiguousarray(values[len(values) - bars - window + 1 :]).ravel()
    return flat


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
    return _spread(values, total(values, window, bars) / window, window)


def zscore(values: Floats, window: int, bars: int) -> Floats:
    """Return the distance from the window's mean in deviations; 0 where nothing varies."""
    mean = total(values, window, bars) / window
    return ratio(values[-bars:] - mean, _spread(values, mean, window))


def skew(values: Floats, window: int, bars: int) -> Floats:
    """Return the population skewness over a window; 0 where nothing varies."""
    mean = total(values, window, bars) / window
    spread, cubes, first = _spread(values, mean, window), np.zeros(mean.shape), len(values) - bars
    for start in range(first - window + 1, first + 1):
        away = values[start : start + bars] - mean
        cubes += away * away * away
    safe = np.where(spread > 0, spread, 1.0)
    out: Floats = np.where(spread > 0, cubes / window / (safe * safe * safe), spread)
    return out


def _spread(values: Floats, mean: Floats, window: int) -> Floats:
    """Return the deviation from the windows' means; rounding noise counts as none."""
    squares, (bars, symbols) = np.zeros(mean.shape), mean.shape
    seen = _windows(values, window, bars)
    squares_added(seen, symbols, window, mean.ravel(), squares.ravel())
    spread = np.sqrt(squares / window)
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
