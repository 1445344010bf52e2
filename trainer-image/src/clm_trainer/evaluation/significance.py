"""How much a Sharpe ratio is worth, given its length, its shape and the number of tries.

All Sharpe ratios here are per bar, not annualised; kurtosis is Pearson's (normal = 3). The tests
that need the returns themselves have files of their own and are offered here too.
"""

import math
from statistics import NormalDist

from clm_trainer.evaluation.bootstrap import PairedComparison, paired_bootstrap
from clm_trainer.evaluation.overfitting import Overfitting, probability_of_backtest_overfitting

__all__ = [
    "CONFIDENCE",
    "EULER_GAMMA",
    "NORMAL",
    "Overfitting",
    "PairedComparison",
    "deflated_sharpe_ratio",
    "expected_maximum_sharpe",
    "minimum_track_record_length",
    "paired_bootstrap",
    "probabilistic_sharpe_ratio",
    "probability_of_backtest_overfitting",
]

NORMAL = NormalDist()
EULER_GAMMA = 0.5772156649
CONFIDENCE = 0.95


def _deviation(sharpe: float, skew: float, kurtosis: float) -> float:
    return math.sqrt(max(1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2, 1e-12))


def probabilistic_sharpe_ratio(
    *, sharpe: float, observations: int, skew: float, kurtosis: float, benchmark: float = 0.0
) -> float:
    """Return the probability that the true Sharpe ratio exceeds ``benchmark``.

    Source: Bailey & López de Prado (2012), The Sharpe ratio efficient frontier.
    """
    edge = (sharpe - benchmark) * math.sqrt(observations - 1)
    return float(NORMAL.cdf(edge / _deviation(sharpe, skew, kurtosis)))


def expected_maximum_sharpe(*, trials: int, variance: float) -> float:
    """Return the Sharpe ratio expected of the best of ``trials`` worthless strategies.

    Source: Bailey & López de Prado (2014), The deflated Sharpe ratio.
    """
    if trials <= 1:
        return 0.0
    spread = (1 - EULER_GAMMA) * NORMAL.inv_cdf(1 - 1 / trials)
    spread += EULER_GAMMA * NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return float(math.sqrt(variance) * spread)


def deflated_sharpe_ratio(
    *,
    sharpe: float,
    observations: int,
    skew: float,
    kurtosis: float,
    trials: int,
    variance: float | None,
) -> float:
    """Return the probability that the Sharpe ratio is no product of trying often.

    Parameters
    ----------
    trials
        Strategies that were tried, this one included.
    variance
        Variance of their Sharpe ratios; None takes that of worthless ones, 1 / (observations - 1).
    """
    known = 1 / (observations - 1) if variance is None else variance
    return probabilistic_sharpe_ratio(
        sharpe=sharpe,
        observations=observations,
        skew=skew,
        kurtosis=kurtosis,
        benchmark=expected_maximum_sharpe(trials=trials, variance=known),
    )


def minimum_track_record_length(
    *, sharpe: float, skew: float, kurtosis: float, benchmark: float = 0.0
) -> float:
    """Return the observations after which the Sharpe ratio would be significant at 95 %.

    Raises
    ------
    ValueError
        The Sharpe ratio doesn't exceed the benchmark: no length is enough.
    """
    if sharpe <= benchmark:
        raise ValueError("the Sharpe ratio does not exceed the benchmark")
    shape = _deviation(sharpe, skew, kurtosis) ** 2
    return float(1 + shape * (NORMAL.inv_cdf(CONFIDENCE) / (sharpe - benchmark)) ** 2)
