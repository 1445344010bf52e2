"""What an equity curve earned, how it swung, and its worst falls: figures for people, no gates."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_trainer.evaluation import metrics
from clm_trainer.panel import Floats

DAYS_PER_YEAR = 365.25
SHORTEST_DAYS = 30
"""A shorter window says nothing about a year: its return is not annualised."""
ROLLING_DAYS = 30


@dataclass(frozen=True)
class Performance:
    """The usual figures of one equity curve; None where a figure is undefined.

    Parameters
    ----------
    annual_return
        Growth a year at the window's pace, compounded.
    volatility
        Standard deviation (ddof 1) of the bar returns, annualised.
    calmar
        Annual return over the largest drawdown (Young 1991).
    """

    total_return: float
    annual_return: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    max_drawdown: float
    calmar: float | None


def performance(equity: Floats, bars_per_year: float) -> Performance:
    """Return the figures of an equity curve that starts from 1.0 before its first bar.

    Parameters
    ----------
    equity
        Value at each close, shape (bars,).
    """
    before = np.concatenate([[1.0], equity[:-1]])
    returns = np.divide(equity, before, out=np.ones_like(equity), where=before > 0) - 1
    fall = metrics.max_drawdown(equity)
    yearly = annual_return(float(equity[-1]), len(equity), bars_per_year)
    return Performance(
        total_return=float(equity[-1] - 1),
        annual_return=yearly,
        volatility=volatility(returns, bars_per_year),
        sharpe=metrics.annual_sharpe(returns, bars_per_year),
        sortino=metrics.sortino(returns, bars_per_year),
        max_drawdown=fall,
        calmar=yearly / fall if yearly is not None and fall > 0 else None,
    )


def annual_return(growth: float, bars: int, bars_per_year: float) -> float | None:
    """Return the compound growth a year; None for a window under ``SHORTEST_DAYS``.

    Parameters
    ----------
    growth
        Last equity over the first.
    """
    if bars / bars_per_year * DAYS_PER_YEAR < SHORTEST_DAYS:
        return None
    return float(max(growth, 0.0) ** (bars_per_year / bars)) - 1


def volatility(returns: Floats, bars_per_year: float) -> float | None:
    """Return the annualised standard deviation (ddof 1); None for fewer than two returns."""
    if len(returns) < 2:
        return None
    return float(returns.std(ddof=1)) * math.sqrt(bars_per_year)


def rolling_bars(bars: int, bars_per_year: float) -> int:
    """Return the length of a rolling window: ``ROLLING_DAYS``, at most half of all bars."""
    return max(2, min(round(ROLLING_DAYS * bars_per_year / DAYS_PER_YEAR), bars // 2))


def rolling_sharpe(returns: Floats, window: int, bars_per_year: float) -> Floats:
    """Return the annualised Sharpe ratio of the ``window`` bars up to each bar, shape (bars,).

    NaN before the first full window, and where the returns do not vary.
    """
    rolling = pd.Series(returns).rolling(window)
    deviation = rolling.std(ddof=1).to_numpy()
    varies = deviation > 1e-12
    mean = rolling.mean().to_numpy()
    ratio: Floats = np.divide(mean, deviation, out=np.full_like(mean, np.nan), where=varies)
    return ratio * math.sqrt(bars_per_year)


@dataclass(frozen=True)
class Fall:
    """One drawdown; rows are those of the equity, -1 is the start of 1.0.

    Parameters
    ----------
    depth
        From peak to trough, a positive fraction.
    recovered
        The first row at the peak's value again; None while it is under water.
    """

    peak: int
    trough: int
    recovered: int | None
    depth: float


def worst_falls(equity: Floats, most: int) -> list[Fall]:
    """Return the deepest drawdowns of an equity curve, the deepest first.

    Each reaches from a maximum to the first bar that is at its value again.
    """
    path = np.concatenate([[1.0], equity])
    top = np.maximum.accumulate(path)
    under = np.concatenate([[False], path < top, [False]])
    edges = np.flatnonzero(under[1:] != under[:-1])
    falls = []
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        trough = begin + int(path[begin:end].argmin())
        depth = float(1 - path[trough] / top[begin])
        falls.append(Fall(begin - 2, trough - 1, None if end == len(path) else end - 1, depth))
    return sorted(falls, key=lambda fall: -fall.depth)[:most]
