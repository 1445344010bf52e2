"""What a Sharpe ratio is worth; per bar, not annualised, kurtosis Pearson's (normal = 3)."""

import math
from statistics import NormalDist

_EULER = 0.5772156649
_quantile = NormalDist().inv_cdf


def _normal(z: float) -> float:
    return math.erfc(-z / math.sqrt(2)) / 2


def _spread(sharpe: float, skew: float, kurtosis: float) -> float:
    """Squared deviation of a Sharpe ratio's estimate × (bars - 1)."""
    return max(1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2, 0.0)


def psr(sharpe: float, bars: int, skew: float, kurtosis: float, above: float = 0.0) -> float:
    """Return the probability that the true Sharpe ratio exceeds ``above``.

    Source: Bailey & López de Prado (2012).
    """
    spread = _spread(sharpe, skew, kurtosis)
    edge = (sharpe - above) * math.sqrt(bars - 1)
    return _normal(edge / math.sqrt(spread) if spread > 0 else math.copysign(math.inf, edge))


def luckiest(trials: int, variance: float) -> float:
    """Return the Sharpe ratio to expect of the best of so many worthless strategies.

    Source: Bailey & López de Prado (2014).
    """
    if trials == 1:
        return 0.0
    outer, inner = _quantile(1 - 1 / trials), _quantile(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - _EULER) * outer + _EULER * inner)


def min_track_record(sharpe: float, skew: float, kurtosis: float) -> float:
    """Return the bars after which a positive Sharpe ratio would be significant at 95 %.

    Source: Bailey & López de Prado (2012).
    """
    return 1 + _spread(sharpe, skew, kurtosis) * (_quantile(0.95) / sharpe) ** 2


def wilson(wins: int, trials: int) -> tuple[float, float]:
    """Return the shares p with (wins/trials - p)² = z² p (1 - p) / trials, z of 95 %.

    Source: Wilson (1927).
    """
    z = _quantile(0.975)
    middle, width = wins + z * z / 2, trials + z * z
    half = z * math.sqrt(wins * (trials - wins) / trials + z * z / 4)
    return (middle - half) / width, (middle + half) / width
