"""Which live results the promise allows: limits for all rules together, by block bootstrap."""

import math
from dataclasses import dataclass

import numpy as np

from clm_trainer.panel import Floats

RATE = 0.15
"""Share of years in which a version that earns as promised is called degraded."""
LOOK_DAYS = (14, 42, 126)
"""Lengths of the looks, from the promotion on."""
FALL = 4.0
"""Fall of the annualised Sharpe ratio that the CUSUM is made for: it adds up what lies below the
middle of it."""
DRAWS = 999
LEAST_BLOCKS = 5
_YEAR_DAYS = 365.25
_AT_ONCE = 8
"""Years that are drawn together: these few fit into a processor's cache."""


@dataclass(frozen=True)
class Limits:
    """What a version that earns as promised goes beyond in ``RATE`` of all years.

    Parameters
    ----------
    looks
        By the length of a look in steps: the lowest sum of returns that passes.
    reference
        Return of a step below which a shortfall adds up.
    cusum
        What the shortfall may add up to, as a fraction of equity.
    """

    looks: dict[int, float]
    reference: float
    cusum: float


def look_lengths(steps_per_day: float) -> tuple[int, ...]:
    """Return the lengths of all looks in steps."""
    return tuple(round(days * steps_per_day) for days in LOOK_DAYS)


def shortfall(returns: Floats, reference: float) -> Floats:
    """Return the CUSUM after each step: what was missed since it was last made good.

    C(t) = max(0, C(t-1) + reference - r(t)), Page (1954).

    Parameters
    ----------
    returns
        Shape (..., steps).
    """
    path = np.cumsum(reference - returns, axis=-1)
    lowest = np.minimum(np.minimum.accumulate(path, axis=-1), 0.0)
    # The path is not below its minimum, but rounding may say so.
    added: Floats = np.maximum(path - lowest, 0.0)
    return added


def limits(
    promised: Floats, steps_per_day: float, block_steps: int, seed: int, *, rate: float = RATE
) -> Limits | None:
    """Return the limits, or None where the backtest is too short to tell.

    A year is drawn ``DRAWS`` times from blocks of the backtest's returns, laid in a circle
    (Politis & Romano 1992). Every rule gets the same share of the years, and they share the rate:
    the limits are the lowest ones that at most ``rate`` of the years go beyond in any rule
    (Westfall & Young 1993, the least p value).

    Parameters
    ----------
    promised
        Returns of the backtest's steps, moved to the promised mean; shape (steps,).
    block_steps
        Length of a block: longer than a trade.
    """
    if len(promised) < LEAST_BLOCKS * block_steps or np.ptp(promised) <= 0:
        return None
    lengths = look_lengths(steps_per_day)
    year = round(_YEAR_DAYS * steps_per_day)
    half = FALL / 2 / math.sqrt(year) * float(promised.std(ddof=1))
    reference = float(promised.mean()) - half
    worst = _worst(promised, block_steps, year, lengths, reference, seed)
    allowed = _allowed(worst, rate)
    return Limits(
        looks={n: -value for n, value in zip(lengths, allowed[:-1].tolist(), strict=True)},
        reference=reference,
        cusum=float(allowed[-1]),
    )


def _worst(
    promised: Floats,
    block: int,
    year: int,
    lengths: tuple[int, ...],
    reference: float,
    seed: int,
) -> Floats:
    """Return how far each drawn year goes in each rule, shape (rules, draws); larger is worse."""
    rng = np.random.default_rng(seed)
    blocks = -(-year // block)
    circle = np.concatenate([promised, promised[: block - 1]])
    within = np.arange(block)
    made = np.empty((len(lengths) + 1, DRAWS))
    for begin in range(0, DRAWS, _AT_ONCE):
        draws = slice(begin, min(begin + _AT_ONCE, DRAWS))
        starts = rng.integers(0, len(promised), (draws.stop - begin, blocks, 1))
        path = circle[starts + within].reshape(draws.stop - begin, -1)[:, :year]
        sums = np.cumsum(path, axis=1)
        for rule, length in enumerate(lengths):
            made[rule, draws] = -sums[:, length - 1]
        made[-1, draws] = shortfall(path, reference).max(axis=1)
    return made


def _allowed(worst: Floats, rate: float) -> Floats:
    """Return the limit of each rule: at most ``rate`` of the draws lie above any of them."""
    falling = -np.sort(-worst, axis=1)
    # How many draws are at least as bad, for each draw in its worst rule.
    rows = zip(falling, worst, strict=True)
    ranks = [np.searchsorted(-row, -own, side="right") for row, own in rows]
    least = np.sort(np.min(ranks, axis=0))
    beyond = int(least[math.floor(rate * worst.shape[1])]) - 1
    chosen: Floats = falling[:, beyond]
    return chosen
