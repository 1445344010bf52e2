"""How often choosing the best of many versions chooses one that is mediocre on other bars."""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.panel import Floats

_NO_VARIANCE = 1e-12
_AT_ONCE = 512
"""Versions whose returns are squared at once: thousands of them together would take gigabytes."""


@dataclass(frozen=True)
class Overfitting:
    """What became of the version that was best on one half of the bars, on the other half.

    Parameters
    ----------
    probability
        PBO: share of the combinations whose logit is at most 0, the best version of the one half
        being no better than the median of the other.
    logits
        Per combination, in the order of ``itertools.combinations``: log(w / (1 - w)), w = rank of
        the chosen version on the other half / (versions + 1), rank 1 the worst.
    """

    probability: float
    logits: tuple[float, ...]

    @property
    def combinations(self) -> int:
        """Ways of halving the blocks that count."""
        return len(self.logits)


def probability_of_backtest_overfitting(returns: Floats, *, blocks: int = 16) -> Overfitting:
    """Estimate by CSCV how often the best version in sample is mediocre out of sample.

    The bars are cut into blocks; each choice of half the blocks is in sample once, the rest being
    out of sample. The version with the best Sharpe ratio in sample is chosen and ranked out of
    sample.

    A version without variance on a half (no trades) has no Sharpe ratio there: it can't be chosen
    and shares the last rank, as its criterion fails too. A half where no version can be chosen
    doesn't count. Equal Sharpe ratios share the mean of their ranks; of several that are best in
    sample the mean of their ranks out of sample counts.

    Parameters
    ----------
    returns
        Net returns of the same bars at the same costs, shape (bars, versions).
    blocks
        Even; block k = bars [k·n//blocks, (k+1)·n//blocks).

    Raises
    ------
    ClmError
        MetricsRejected: a return is not finite.
        InsufficientData: fewer than two versions, or than two bars a block, or no version with
        variance on any half.

    Notes
    -----
    Source: Bailey, Borwein, López de Prado & Zhu (2016), The probability of backtest overfitting.
    """
    if blocks < 2 or blocks % 2:
        raise ValueError("blocks must be an even number, at least 2")
    _require_enough(returns, blocks)
    bars = len(returns)
    edges = np.arange(blocks + 1) * bars // blocks
    sizes = np.diff(edges)
    sums = np.add.reduceat(returns, edges[:-1])
    squares = np.concatenate(
        [
            np.add.reduceat(returns[:, some : some + _AT_ONCE] ** 2, edges[:-1])
            for some in range(0, returns.shape[1], _AT_ONCE)
        ],
        axis=1,
    )
    halves = [list(half) for half in itertools.combinations(range(blocks), blocks // 2)]

    def sharpes(half: list[int]) -> Floats:
        return _sharpe(int(sizes[half].sum()), sums[half].sum(axis=0), squares[half].sum(axis=0))

    # In this order the rest of the first half is the last half, and so on. Pair by pair: the
    # ratios of all halves would take a hundred kilobytes a version.
    first = len(halves) // 2
    pairs = zip(map(sharpes, halves[:first]), map(sharpes, halves[: first - 1 : -1]), strict=True)
    found = [(_logit(one, other), _logit(other, one)) for one, other in pairs]
    ordered = [logit for logit, _ in found] + [logit for _, logit in reversed(found)]
    logits = [logit for logit in ordered if logit is not None]
    if not logits:
        raise ClmError(
            Reason.INSUFFICIENT_DATA,
            "no version has a return that varies: there is none to choose; compare versions that "
            "traded",
        )
    below = sum(logit <= 0 for logit in logits)
    return Overfitting(probability=below / len(logits), logits=tuple(logits))


def _logit(inside: Floats, outside: Floats) -> float | None:
    """Return the logit of the best in sample; None where none can be chosen."""
    best = inside.max()
    if best == -np.inf:
        return None
    rank = float(_mid_ranks(outside)[inside == best].mean())
    return math.log(rank / (len(inside) + 1 - rank))


def _require_enough(returns: Floats, blocks: int) -> None:
    bars, versions = returns.shape
    if not np.isfinite(returns).all():
        raise ClmError(
            Reason.METRICS_REJECTED,
            "a return of a version is not a finite number: the bars or the backtest are broken; "
            "keep the run's files and report it",
        )
    if versions < 2:
        raise ClmError(
            Reason.INSUFFICIENT_DATA,
            f"choosing among {versions} versions can't overfit: compare at least 2",
        )
    if bars < 2 * blocks:
        raise ClmError(
            Reason.INSUFFICIENT_DATA,
            f"{bars} bars are fewer than 2 for each of {blocks} blocks: compare the versions on "
            "more bars",
        )


def _sharpe(bars: int, sums: Floats, squares: Floats) -> Floats:
    """Sharpe ratios per bar from sums of returns and of their squares; -inf without variance."""
    mean = sums / bars
    variance = (squares - bars * mean**2) / (bars - 1)
    varies = variance > _NO_VARIANCE * squares / bars
    return np.where(varies, mean / np.sqrt(np.where(varies, variance, 1.0)), -np.inf)


def _mid_ranks(values: Floats) -> Floats:
    """Ranks from 1, the worst; equal values share the mean of their ranks."""
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, side="left")
    return (below + np.searchsorted(ordered, values, side="right") + 1) / 2
