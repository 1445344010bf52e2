"""Champion against challenger on the same bars: whether the difference of returns is luck."""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.evaluation.metrics import sharpe_per_bar
from clm_trainer.panel import Floats

LEAST_BLOCKS = 5
_NO_VARIANCE = 1e-15


@dataclass(frozen=True)
class PairedComparison:
    """Challenger less champion, in net return per bar.

    Parameters
    ----------
    difference
        Mean of the difference d; times the bars per year it is an annual return.
    standard_error
        Of that mean.
    sharpe_difference
        Difference of the Sharpe ratios per bar; times the root of the bars per year it is annual.
        None where one of the two has no variance.
    p_not_worse
        One-sided p value of H0 "E[d] ≤ -margin" against "E[d] > -margin". At most 1 - confidence:
        the challenger is not worse by more than the margin. With margin 0: it is better.
    p_worse
        One-sided p value of H0 "E[d] ≥ -margin" against "E[d] < -margin". At most 1 - confidence:
        the challenger is worse by more than the margin. Both large: the bars can't tell.
    """

    difference: float
    standard_error: float
    sharpe_difference: float | None
    p_not_worse: float
    p_worse: float


def paired_bootstrap(
    challenger: Floats,
    champion: Floats,
    *,
    block_bars: float,
    margin: float,
    seed: int,
    draws: int = 4999,
) -> PairedComparison:
    """Test the mean of d = challenger - champion with a studentised stationary bootstrap.

    t = (mean(d) + margin) / error is compared with t* = (mean(d*) - mean(d)) / error* of
    resamples d* made of blocks of d, laid in a circle, with geometric lengths. The error of mean(d)
    is the exact one of the resampled mean; error* comes from the sums of its blocks. A p value is
    (1 + resamples at least as extreme) / (1 + draws), so it is never 0.

    A constant d leaves nothing to chance: the p values are the limits of less and less noise, the
    least or 1 by the side of -margin on which d lies, and both 1 if d is -margin itself. So two
    equal series are "not worse" for any positive margin, and undecided for 0.

    Parameters
    ----------
    challenger, champion
        Net returns of the same bars at the same costs, shape (bars,).
    block_bars
        Mean block length; the mean holding time, so that a block keeps a trade together.
    margin
        Mean net return per bar that the challenger may be worse; an annual one divided by the bars
        per year.
    seed
        The same seed gives the same p values.
    draws
        Resamples.

    Raises
    ------
    ClmError
        MetricsRejected: the returns are not of the same bars, or not finite.
        InsufficientData: fewer than five blocks; from there on the test keeps its size.

    Notes
    -----
    Sources: Politis & Romano (1994), The stationary bootstrap; Ledoit & Wolf (2008), Robust
    performance hypothesis testing with the Sharpe ratio (studentisation, p value); Götze & Künsch
    (1996), Second-order correctness of the blockwise bootstrap (error*).
    """
    if not (block_bars >= 1 and 0 <= margin < math.inf and draws >= 1):
        raise ValueError("block_bars and draws must be at least 1, margin at least 0")
    _require_comparable(challenger, champion, block_bars)
    d = challenger - champion
    mean = float(d.mean())
    edge = mean + margin
    if d.std() <= _NO_VARIANCE:
        error = 0.0
        not_worse, worse = (draws if edge <= 0 else 0), (draws if edge >= 0 else 0)
    else:
        error = _error_of_mean(d - mean, block_bars)
        circle = np.concatenate([[0.0], np.tile(d - mean, 2)]).cumsum()
        means, errors = _resample(circle, block_bars, draws, np.random.default_rng(seed))
        # t* >= t without a division: a resample without variance has no t*, but has a side.
        bound = edge / error * errors
        not_worse, worse = int((means >= bound).sum()), int((means <= bound).sum())
    return PairedComparison(
        difference=mean,
        standard_error=error,
        sharpe_difference=_sharpe_difference(challenger, champion),
        p_not_worse=(1 + not_worse) / (1 + draws),
        p_worse=(1 + worse) / (1 + draws),
    )


def _require_comparable(challenger: Floats, champion: Floats, block_bars: float) -> None:
    if challenger.ndim != 1 or challenger.shape != champion.shape:
        raise ClmError(
            Reason.METRICS_REJECTED,
            f"returns of the challenger {challenger.shape} and the champion {champion.shape} are "
            "not of the same bars: replay both on one window",
        )
    if not (np.isfinite(challenger).all() and np.isfinite(champion).all()):
        raise ClmError(
            Reason.METRICS_REJECTED,
            "a return of the challenger or the champion is not a finite number: the bars or the "
            "backtest are broken; keep the run's files and report it",
        )
    if len(challenger) < LEAST_BLOCKS * block_bars:
        raise ClmError(
            Reason.INSUFFICIENT_DATA,
            f"{len(challenger)} bars are fewer than {LEAST_BLOCKS} blocks of {block_bars:g}: "
            "compare the two on more bars",
        )


def _sharpe_difference(challenger: Floats, champion: Floats) -> float | None:
    own, other = sharpe_per_bar(challenger), sharpe_per_bar(champion)
    return None if own is None or other is None else own - other


def _error_of_mean(centred: Floats, block_bars: float) -> float:
    """Standard deviation of the resampled mean (Politis & Romano 1994, with their circle)."""
    bars = len(centred)
    covariance = np.fft.irfft(np.abs(np.fft.rfft(centred)) ** 2, bars) / bars
    lag = np.arange(1, bars)
    weights = (1 - lag / bars) * (1 - 1 / block_bars) ** lag
    return math.sqrt((covariance[0] + 2 * float(weights @ covariance[1:])) / bars)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _resample(
    circle: Floats, block_bars: float, draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return the means of resamples and their standard errors, each of shape (draws,).

    Parameters
    ----------
    circle
        Running sum of the centred differences, twice around, from 0: shape (2 * bars + 1,).
    """
    bars = len(circle) // 2
    means, errors = np.empty(draws), np.empty(draws)
    for i in range(draws):
        left, total, squares, cross, lengths = bars, 0.0, 0.0, 0.0, 0.0
        while left > 0:
            length = min(rng.geometric(1 / block_bars), left)
            begin = rng.integers(0, bars)
            part = circle[begin + length] - circle[begin]
            total += part
            squares += part * part
            cross += part * length
            lengths += length * length
            left -= length
        means[i] = mean = total / bars
        variance = squares - 2 * mean * cross + mean * mean * lengths
        errors[i] = np.sqrt(max(variance, 0.0)) / bars
    return means, errors
