"""Promises about what a family finds: a trend that was planted, and nothing in noise.

On noise the correlation with the latent says nothing: the scores are some function of the same
features, by chance of the trend too. So there the scores are held against what happened.
"""

from functools import cache

import numpy as np
import pandas as pd

from clm_trainer.families.base import Dataset
from clm_trainer.panel import Floats
from clm_trainer.testing.market import drawn
from clm_trainer.testing.promises import Promise, require
from clm_trainer.testing.subject import HORIZON_BARS, Subject, context, rows_of

DAYS, TEST_DAYS, TAIL_DAYS = 900, 365, 90
SEEDS = (0, 1)
PLANTED = 0.1
LEAST_WITH_LATENT, LEAST_WITH_LABEL, MOST_ON_NOISE = 0.2, 0.15, 0.1


def _rank_correlation(one: Floats, other: Floats) -> float:
    """Return Spearman's, over the pairs that are known."""
    known = np.isfinite(one) & np.isfinite(other)
    a, b = (pd.Series(x[known]).rank().to_numpy() for x in (one, other))
    return float(np.corrcoef(a, b)[0, 1]) if a.std() and b.std() else 0.0


@cache
def _market(strength: float, seed: int) -> tuple[Dataset, Floats]:
    market = drawn(DAYS, seed, strength)
    return rows_of(market.panel), market.latent


@cache
def _judged(subject: Subject, strength: float, seed: int) -> tuple[float, float]:
    """Rank correlation of a year's scores with the latent, and with the labels."""
    rows, moved_by = _market(strength, seed)
    cut, purge = len(rows) - TEST_DAYS * 24, HORIZON_BARS + 1
    tail = cut - purge - TAIL_DAYS * 24
    train, valid = rows.rows(0, tail - purge), rows.rows(tail, cut - purge)
    test = rows.rows(cut, len(rows))
    scores = subject.family().fit(train, valid, context(seed)).score(test)
    latent = np.repeat(moved_by[cut:, None], len(rows.symbols), axis=1)
    return _rank_correlation(scores, latent), _rank_correlation(scores, test.target)


def _learns(subject: Subject) -> None:
    for seed in SEEDS:
        with_latent, with_label = _judged(subject, PLANTED, seed)
        found = f"market {seed}: rank correlation {with_latent:.3f} with the planted trend (at "
        found += f"least {LEAST_WITH_LATENT}), {with_label:.3f} with the labels (at least "
        require(
            with_latent > LEAST_WITH_LATENT and with_label > LEAST_WITH_LABEL,
            f"{found}{LEAST_WITH_LABEL})",
        )


def _noise(subject: Subject) -> None:
    for seed in SEEDS:
        by_chance, learned = (_judged(subject, strength, seed)[1] for strength in (0.0, PLANTED))
        found = f"market {seed}: rank correlation {by_chance:.3f} with the labels of noise"
        found += f" (less than {MOST_ON_NOISE}, and than half of {learned:.3f})"
        require(abs(by_chance) < min(MOST_ON_NOISE, learned / 2), found)


LEARNING: tuple[Promise[Subject], ...] = (
    Promise(
        "a planted trend is learned",
        _learns,
        "a bar of the drawn market rises with odds that follow the last 48 bars' move: see that "
        "features and labels reach the model in order, and that it trains long enough",
    ),
    Promise(
        "noise is not learned",
        _noise,
        "the scores know what comes after their bar: look for labels or later bars in what the "
        "model is given",
    ),
)
