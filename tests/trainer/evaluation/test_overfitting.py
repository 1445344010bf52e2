"""PBO by CSCV against cases worked out by hand, a slow reading of the paper, and its laws."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clm_api.errors import ClmError
from clm_trainer.evaluation.significance import (
    Overfitting,
    probability_of_backtest_overfitting,
)
from clm_trainer.panel import Floats

UP, SAME, DOWN = math.log(2), 0.0, -math.log(2)
"""Of two versions the chosen one is better, equal or worse out of sample: ranks 2, 1.5, 1 of 3."""


def version(*means: float | None) -> list[float]:
    """Two bars a block, a mean ± 1; None: no trade."""
    return [r for m in means for r in ((0.0, 0.0) if m is None else (m + 1, m - 1))]


def pbo(*versions: list[float], blocks: int = 4) -> Overfitting:
    return probability_of_backtest_overfitting(np.array(versions).T, blocks=blocks)


@pytest.mark.parametrize(
    ("versions", "logits", "probability"),
    [
        ([version(2, 2, 2, 2), version(1, 1, 1, 1), version(0, 0, 0, 0)], [math.log(3)] * 6, 0),
        (
            [version(4, 1, 1, -0.5), version(0.5, 0.5, 0.5, 0.5)],
            [DOWN, DOWN, UP, UP, DOWN, DOWN],
            4 / 6,
        ),
        (
            [version(1, 1, -1, -1), version(-1, -1, 1, 1)],
            [DOWN, SAME, SAME, SAME, SAME, DOWN],
            1,
        ),
        ([version(-1, -1, -1, -1), version(None, None, None, None)], [UP] * 6, 0),
        (
            [version(1, 1, None, None), version(-1, -1, -1, -1)],
            [DOWN, UP, UP, UP, UP, DOWN],
            2 / 6,
        ),
        ([version(1, 1, None, None), version(0.5, 0.5, None, None)], [SAME, UP, UP, UP, UP], 0.2),
        ([version(2, 2, 2, 2)] * 2 + [version(1, 1, 1, 1)], [math.log(2.5 / 1.5)] * 6, 0),
    ],
    ids=[
        "a true winner of three",
        "one great block: Sharpe 1.20 1.20 .62 .87 .17 .17 against .43",
        "one wins where the other loses: equal on mixed halves, at the median",
        "one that never trades is not chosen, and last",
        "one that trades on two blocks is last on the others",
        "the half where nobody trades does not count",
        "of two equal winners each has rank 2.5",
    ],
)
def test_four_blocks_by_hand(
    versions: list[list[float]], logits: list[float], probability: float
) -> None:
    """The halves are 12, 13, 14, 23, 24 and 34."""
    got = pbo(*versions)
    assert got.logits == pytest.approx(logits)
    assert got.probability == pytest.approx(probability)
    assert got.combinations == len(logits)


def slow_logits(returns: Floats, blocks: int) -> list[float]:
    bars, versions = returns.shape
    parts = [range(k * bars // blocks, (k + 1) * bars // blocks) for k in range(blocks)]

    def ratios(chosen: tuple[int, ...]) -> list[float]:
        joined = returns[[row for k in chosen for row in parts[k]]]
        deviations = joined.std(axis=0, ddof=1)
        return [
            float(joined[:, v].mean() / deviations[v]) if joined[:, v].any() else -math.inf
            for v in range(versions)
        ]

    logits = []
    for chosen in itertools.combinations(range(blocks), blocks // 2):
        inside = ratios(chosen)
        outside = ratios(tuple(k for k in range(blocks) if k not in chosen))
        mine = outside[inside.index(max(inside))]
        worse, equal = sum(o < mine for o in outside), outside.count(mine)
        w = (worse + (equal + 1) / 2) / (versions + 1)
        logits.append(math.log(w / (1 - w)))
    return logits


@pytest.mark.parametrize("bars", [97, 240], ids=["blocks of unequal length", "equal length"])
def test_every_logit_equals_a_slow_reading(bars: int) -> None:
    rng = np.random.default_rng(bars)
    returns = rng.standard_t(4, size=(bars, 9)) * 0.01
    returns[: bars // 2, 3] = 0
    returns[bars // 3 :, 4] = 0
    got = probability_of_backtest_overfitting(returns, blocks=8)
    assert got.logits == pytest.approx(slow_logits(returns, 8), rel=1e-12)
    assert got.combinations == 70


def test_sixteen_blocks_unless_told() -> None:
    returns = np.random.default_rng(1).normal(size=(64, 3))
    assert probability_of_backtest_overfitting(returns).combinations == 12870


def _mean_pbo(*, edge: float, samples: int) -> float:
    found = []
    for seed in range(samples):
        returns = np.random.default_rng((11, seed)).normal(size=(640, 24)) * 0.01
        returns[:, 5] += edge * 0.01
        found.append(probability_of_backtest_overfitting(returns, blocks=8).probability)
    return sum(found) / samples


def test_choosing_among_noise_is_a_coin_toss() -> None:
    """The mean of 100 samples has a standard error of 0.02."""
    assert _mean_pbo(edge=0.0, samples=100) == pytest.approx(0.5, abs=0.06)


def test_one_true_winner_among_noise_is_found() -> None:
    assert _mean_pbo(edge=0.25, samples=20) < 0.01


MATRICES = st.integers(2, 5).flatmap(
    lambda versions: arrays(np.float64, (16, versions), elements=st.integers(-3, 3).map(float))
)
laws = settings(max_examples=150, deadline=None, derandomize=True)


@laws
@given(MATRICES, st.data())
def test_neither_order_nor_size_nor_the_arrow_of_time_matters(returns: Floats, data: Any) -> None:
    assume(returns.std() > 0)
    versions = returns.shape[1]
    plain = probability_of_backtest_overfitting(returns, blocks=4)
    order = data.draw(st.permutations(range(versions)))
    powers = data.draw(st.lists(st.integers(-8, 8), min_size=versions, max_size=versions))
    scaled = returns * 2.0 ** np.array(powers)
    assert probability_of_backtest_overfitting(scaled[:, order], blocks=4) == plain
    back = probability_of_backtest_overfitting(returns[::-1], blocks=4)
    assert sorted(back.logits) == pytest.approx(sorted(plain.logits))


@laws
@given(MATRICES)
def test_the_probability_is_the_share_of_logits_that_are_not_positive(returns: Floats) -> None:
    assume(returns.std() > 0)
    got = probability_of_backtest_overfitting(returns, blocks=4)
    assert 1 <= got.combinations <= 6
    assert got.probability * got.combinations == pytest.approx(sum(x <= 0 for x in got.logits))
    assert max(map(abs, got.logits)) <= math.log(returns.shape[1]) + 1e-12


@pytest.mark.parametrize(
    ("returns", "reason", "text"),
    [
        (np.full((32, 2), np.nan), "MetricsRejected", "not a finite number"),
        (np.ones((32, 1)), "InsufficientData", "compare at least 2"),
        (np.ones((7, 2)), "InsufficientData", "7 bars are fewer than 2 for each of 4 blocks"),
        (np.zeros((32, 3)), "InsufficientData", "no version has a return that varies"),
        (np.full((32, 3), 0.1), "InsufficientData", "no version has a return that varies"),
    ],
    ids=["nan", "one version", "too few bars", "nobody traded", "constant returns"],
)
def test_what_cannot_be_judged(returns: Floats, reason: str, text: str) -> None:
    with pytest.raises(ClmError, match=text) as caught:
        probability_of_backtest_overfitting(returns, blocks=4)
    assert caught.value.reason == reason


@pytest.mark.parametrize("blocks", [0, 3, -2])
def test_blocks_come_in_pairs(blocks: int) -> None:
    with pytest.raises(ValueError, match="even"):
        probability_of_backtest_overfitting(np.ones((32, 2)), blocks=blocks)
