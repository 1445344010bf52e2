"""Statistics over the window that ends at each bar, each window computed afresh.

Running sums would be faster, but their rounding depends on where the history begins.
"""

import numpy as np
from numba import njit

from clm_trainer.panel import Floats

_NOTHING_VARIES = 1e-12


def std(values: Floats, window: int) -> Floats:
    """Population standard deviation over a window; the head is NaN."""
    out: Floats = _moments(values, window)[1]
    return out


def zscore(values: Floats, window: int) -> Floats:
    """Distance from the window's mean in standard deviations; 0 where nothing varies."""
    mean, deviation, _ = _moments(values, window)
    return ratio(values - mean, deviation)


def skew(values: Floats, window: int) -> Floats:
    """Population skewness over a window; 0 where nothing varies."""
    out: Floats = _moments(values, window)[2]
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def total(values: Floats, window: int) -> Floats:
    """Sum over a window; the head is NaN."""
    out = np.full(len(values), np.nan)
    for t in range(window - 1, len(values)):
        one = 0.0
        for i in range(t - window + 1, t + 1):
            one += values[i]
        out[t] = one
    return out


def ratio(over: Floats, under: Floats) -> Floats:
    """Divide; 0 where the denominator is 0, NaN where anything is NaN."""
    safe = np.where(under > 0, under, 1.0)
    out: Floats = np.where(under > 0, over / safe, over * 0.0)
    return np.where(np.isnan(under), np.nan, out)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _moments(values: Floats, window: int) -> tuple[Floats, Floats, Floats]:
    """Return mean, standard deviation and skewness; rounding noise counts as no deviation."""
    bars = len(values)
    mean, deviation = np.full(bars, np.nan), np.full(bars, np.nan)
    skewness = np.full(bars, np.nan)
    for t in range(window - 1, bars):
        centre = 0.0
        for i in range(t - window + 1, t + 1):
            centre += values[i]
        centre /= window
        second, third = 0.0, 0.0
        for i in range(t - window + 1, t + 1):
            away = values[i] - centre
            second += away * away
            third += away * away * away
        spread = np.sqrt(second / window)
        if spread <= _NOTHING_VARIES * abs(centre):
            spread = 0.0
        mean[t], deviation[t] = centre, spread
        if spread > 0.0:
            skewness[t] = third / window / spread**3
        elif spread == 0.0:
            skewness[t] = 0.0
    return mean, deviation, skewness
