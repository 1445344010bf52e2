"""Definitions of the metrics, one function each; None where a metric is undefined."""

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from clm_trainer.panel import Floats

_BISECTIONS = 60
_HIGHEST_COST_BPS = 10_000.0


def sharpe_per_bar(returns: Floats) -> float | None:
    """Mean over standard deviation (ddof 1), not annualised; None without variance."""
    if len(returns) < 2:
        return None
    deviation = float(returns.std(ddof=1))
    return float(returns.mean()) / deviation if deviation > 1e-15 else None


def annual_sharpe(returns: Floats, bars_per_year: float) -> float | None:
    """Return the annualised Sharpe ratio; None without variance."""
    per_bar = sharpe_per_bar(returns)
    return None if per_bar is None else per_bar * math.sqrt(bars_per_year)


def sortino(returns: Floats, bars_per_year: float) -> float | None:
    """Mean over the root of the mean squared loss, annualised; None without a loss."""
    downside = math.sqrt(float((np.minimum(returns, 0) ** 2).mean()))
    return float(returns.mean()) / downside * math.sqrt(bars_per_year) if downside > 0 else None


def max_drawdown(equity: Floats) -> float:
    """Largest fall from the running maximum, the start of 1.0 included; positive fraction."""
    path = np.concatenate([[1.0], equity])
    return float((1 - path / np.maximum.accumulate(path)).max())


def win_rate(pnl: Floats) -> float | None:
    """Share of trades with a net profit; None without trades."""
    return float((pnl > 0).mean()) if len(pnl) else None


def profit_factor(pnl: Floats) -> float | None:
    """Sum of wins over the sum of losses, net; None without losses."""
    losses = float(-pnl[pnl < 0].sum())
    return float(pnl[pnl > 0].sum()) / losses if losses > 0 else None


def wilson(share: float, trades: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    z = NormalDist().inv_cdf(0.975)
    spread = z * z / trades
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / trades + spread / (4 * trades))
    return max(0.0, centre - half), min(1.0, centre + half)


def break_even_bps(mean_return: Callable[[float], float]) -> float | None:
    """Return the cost a side at which the mean return is 0, by bisection.

    Parameters
    ----------
    mean_return
        Mean bar return of the same targets at a cost in basis points a side.

    Returns
    -------
    float or None
        None if the mean is not positive without costs; 10000 if it still is at 10000.
    """
    if mean_return(0.0) <= 0:
        return None
    low, high = 0.0, _HIGHEST_COST_BPS
    if mean_return(high) > 0:
        return high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if mean_return(middle) > 0 else (low, middle)
    return (low + high) / 2


def skew_and_kurtosis(returns: Floats) -> tuple[float, float]:
    """Population skewness and Pearson kurtosis (normal = 3) of returns that vary."""
    standard = (returns - returns.mean()) / returns.std()
    return float((standard**3).mean()), float((standard**4).mean())
