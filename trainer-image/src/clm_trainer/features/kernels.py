"""Recursions that carry a state from block to block, and statistics of windows, compiled.

Bars are rows, symbols are columns. ``age`` is a bar's number since its symbol's first one, and
negative before it. Every sum is added up in the order of time, whatever is computed at once.
"""

from typing import Any

import numpy as np
from numba import njit
from numba.extending import intrinsic
from numpy.typing import NDArray

from clm_trainer.panel import Floats

Ints = NDArray[np.int64]

EXPONENTIAL, RANGES, MOVES = range(3)
"""How an average moves on: each with the roundings that TA-Lib 0.8 gives it."""


@intrinsic  # type: ignore[untyped-decorator]
def _fused(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a b + c, rounded once."""
    del typing, b, c

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        del context, signature
        return builder.fma(*values)

    return a(a, a, a), build


@njit(cache=True)  # type: ignore[untyped-decorator]
def averaged(values: Floats, age: Ints, first: int, span: int, kind: int, state: Floats) -> Floats:
    """Return an average that begins with a plain mean, and then moves by a share of each value.

    Parameters
    ----------
    values, age
        Shape (bars, symbols).
    first
        Age of the first result, the mean of the newest ``span`` values.
    kind
        ``EXPONENTIAL``: the share is 2 / (span + 1). ``RANGES`` and ``MOVES``, of Wilder (1978):
        1 / span.
    state
        The average, or the sum while there is none yet; shape (symbols,), changed in place.

    Returns
    -------
    ndarray
        Shape (bars, symbols); NaN below ``first``.
    """
    bars, symbols = values.shape
    out = np.full((bars, symbols), np.nan)
    share, kept = 2 / (span + 1), (span - 1) / span
    for s in range(symbols):
        one = state[s]
        for t in range(bars):
            old, value = age[t, s], values[t, s]
            if old > first:
                if kind == EXPONENTIAL:
                    one = _fused(value - one, share, one)
                elif kind == RANGES:
                    one = _fused(one, kept, value * (1 - kept))
                else:
                    one = (one * (span - 1) + value) * (1 / span)
            elif old > first - span:
                one += value
                if old == first:
                    one = one * (1 / span) if kind == MOVES else one / span
            if old >= first:
                out[t, s] = one
        state[s] = one
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def weighted(values: Floats, decay: float, mean: Floats, weight: Floats) -> Floats:
    """Return the exponentially weighted mean of all known values; NaN before the first one.

    Parameters
    ----------
    values
        Shape (bars, symbols); NaN is passed over.
    mean, weight
        The state, shape (symbols,), changed in place; the mean is NaN before the first value.
    """
    bars, symbols = values.shape
    out = np.empty((bars, symbols))
    for s in range(symbols):
        now, total = mean[s], weight[s]
        for t in range(bars):
            value = values[t, s]
            if not np.isnan(value):
                if np.isnan(now):
                    now = value
                else:
                    total *= decay
                    if now != value:
                        now = (total * now + value) / (total + 1.0)
                    total += 1.0
            out[t, s] = now
        mean[s], weight[s] = now, total
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def added(values: Floats, step: int, window: int, out: Floats) -> None:
    """Add up windows, each afresh and in the order of time, many of them side by side.

    Running sums would be faster, but their rounding depends on where the history begins.

    Parameters
    ----------
    values
        Bars after bars, ``step`` values each, from the first window's first bar on.
    out
        A sum for each value of the newest bars, changed in place.
    """
    for i in range(window):
        seen = values[i * step :]
        for j in range(len(out)):
            out[j] += seen[j]


@njit(cache=True)  # type: ignore[untyped-decorator]
def squares_added(values: Floats, step: int, window: int, centre: Floats, out: Floats) -> None:
    """Add up the squares of the distances from each window's centre, as ``added`` does."""
    for i in range(window):
        seen = values[i * step :]
        for j in range(len(out)):
            away = seen[j] - centre[j]
            out[j] += away * away
