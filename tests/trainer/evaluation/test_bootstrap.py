"""The paired bootstrap against exact small cases, its size and power, and its symmetries."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_api.errors import ClmError
from clm_trainer.evaluation import metrics
from clm_trainer.evaluation.significance import PairedComparison, paired_bootstrap
from clm_trainer.panel import Floats


def compare(
    challenger: Any, champion: Any = None, *, block: float = 1.0, **overrides: Any
) -> PairedComparison:
    ours: Floats = np.asarray(challenger, dtype=np.float64)
    theirs = np.zeros(len(ours)) if champion is None else np.asarray(champion, dtype=np.float64)
    usual: dict[str, Any] = {"margin": 0.0, "seed": 1, "draws": 199}
    return paired_bootstrap(ours, theirs, block_bars=block, **{**usual, **overrides})


def test_one_bar_of_five_makes_the_difference() -> None:
    """With K ~ B(5, 1/5) copies of the 5: t* = (K - 1) / √(K(5 - K) / 5), and t = 1 / √(4 / 5).

    t* ≥ t for K of 3 and 4; K of 5 has no variance and lies above, K of 0 below.
    """
    got = compare([0, 0, 0, 0, 5], draws=40_000)
    assert got.difference == 1
    assert got.standard_error == pytest.approx(math.sqrt(4 / 5))
    at_least_3 = (10 * 16 + 5 * 4 + 1) / 5**5
    assert got.p_not_worse == pytest.approx(at_least_3, abs=0.005)
    assert got.p_worse == pytest.approx(1 - at_least_3, abs=0.005)


def every_resample(d: Floats, block: float) -> list[tuple[float, float, float]]:
    """Probability, mean and standard error of every resample there can be."""
    bars, fresh = len(d), 1 / block
    found = []
    for breaks in itertools.product([False, True], repeat=bars - 1):
        cuts = [0, *(i + 1 for i, new in enumerate(breaks) if new), bars]
        lengths = [b - a for a, b in itertools.pairwise(cuts)]
        chance = fresh ** sum(breaks) * (1 - fresh) ** (bars - 1 - sum(breaks))
        for starts in itertools.product(range(bars), repeat=len(lengths)):
            rows = [
                [d[(start + i) % bars] for i in range(length)]
                for start, length in zip(starts, lengths, strict=True)
            ]
            mean = sum(map(sum, rows)) / bars
            variance = sum((sum(row) - len(row) * mean) ** 2 for row in rows) / bars**2
            found.append((chance / bars ** len(lengths), mean, math.sqrt(variance)))
    return found


def test_blocks_against_every_resample() -> None:
    d, margin = np.array([1.0, -1.0, 1.1, -0.9, 0.9, -1.0]), 0.3
    got = compare(d, block=1.2, margin=margin, draws=40_000)
    chances, means, errors = np.array(every_resample(d, 1.2)).T
    assert chances.sum() == pytest.approx(1)
    assert chances @ means == pytest.approx(got.difference, rel=1e-12)
    variance = chances @ (means - d.mean()) ** 2
    assert got.standard_error == pytest.approx(math.sqrt(variance), rel=1e-12)
    bound = (d.mean() + margin) / got.standard_error * errors
    exact = float(chances[means - d.mean() >= bound].sum())
    assert 0.1 < exact < 0.3
    assert got.p_not_worse == pytest.approx(exact, abs=0.009)
    assert got.p_worse == pytest.approx(1 - exact, abs=0.009)


def test_the_sharpe_ratios_are_those_of_the_metrics() -> None:
    ours, theirs = np.array([0.0, 2, 0, 2, 0, 2]), np.array([0.0, 0, 0, 3, 3, 3])
    got = compare(ours, theirs).sharpe_difference
    assert got == pytest.approx(1 / math.sqrt(6 / 5) - 1.5 / math.sqrt(13.5 / 5))
    known = metrics.sharpe_per_bar(ours), metrics.sharpe_per_bar(theirs)
    assert known[0] is not None
    assert known[1] is not None
    assert got == known[0] - known[1]


def test_a_champion_that_never_traded_has_no_sharpe_but_a_comparison() -> None:
    got = compare([0.01, -0.02, 0.03, 0.0, 0.01, 0.02])
    assert got.sharpe_difference is None
    assert 0 < got.p_not_worse < 0.5 < got.p_worse


@pytest.mark.parametrize(
    ("ahead", "margin", "not_worse", "worse"),
    [
        (0.0, 0.0, 1, 1),
        (0.0, 0.1, 0.005, 1),
        (0.25, 0.0, 0.005, 1),
        (-0.25, 0.0, 1, 0.005),
        (-0.25, 0.25, 1, 1),
        (-0.25, 0.5, 0.005, 1),
    ],
    ids=[
        "equal series: undecided", "equal series with a margin: not worse", "always better",
        "always worse", "always worse by the margin: undecided", "always worse within the margin",
    ],
)  # fmt: skip
def test_a_constant_difference_leaves_nothing_to_chance(
    ahead: float, margin: float, not_worse: float, worse: float
) -> None:
    theirs = np.array([0.5, -0.25, 1.0, 0.0, 0.75, -0.5])
    got = compare(theirs + ahead, theirs, margin=margin)
    assert (got.difference, got.standard_error) == (ahead, 0)
    assert (got.p_not_worse, got.p_worse) == (not_worse, worse)


def _ar1(rng: np.random.Generator, bars: int, rho: float) -> Floats:
    shocks = rng.standard_normal(bars + 100)
    for t in range(1, len(shocks)):
        shocks[t] += rho * shocks[t - 1]
    return shocks[100:]


def _rejected(
    bars: int, block: float, rho: float, *, mean: float = 0.0, samples: int = 1000
) -> tuple[float, float]:
    """Shares of samples that are found better, and worse, at 95 %."""
    drawn = [_ar1(np.random.default_rng((7, i)), bars, rho) + mean for i in range(samples)]
    got = [compare(d, block=block, seed=i) for i, d in enumerate(drawn)]
    better = sum(g.p_not_worse <= 0.05 for g in got)
    return better / samples, sum(g.p_worse <= 0.05 for g in got) / samples


@pytest.mark.parametrize(
    ("bars", "block", "rho"),
    [(336, 24, 0.0), (336, 24, 0.5), (720, 24, 0.5), (168, 33, 0.3)],
    ids=["independent", "persistent", "a month", "a week of five blocks"],
)
def test_equal_models_are_told_apart_in_one_case_of_20(bars: int, block: float, rho: float) -> None:
    """The standard deviation of a share of 1000 is 0.007."""
    for share in _rejected(bars, block, rho):
        assert 0.029 <= share <= 0.071


def test_without_blocks_persistence_would_pass_for_skill() -> None:
    assert min(_rejected(336, 1, 0.5, samples=300)) > 0.12


@pytest.mark.parametrize("better", [True, False], ids=["better", "worse"])
def test_a_difference_of_three_standard_errors_is_seen(*, better: bool) -> None:
    """Φ(3 - 1.645) = 0.91 of the cases, if the error were known: 1 / (1 - rho) / √bars."""
    mean = 3 / (1 - 1 / 3) / math.sqrt(720)
    shares = _rejected(720, 24, 1 / 3, mean=mean if better else -mean)
    right, wrong = shares if better else shares[::-1]
    assert right == pytest.approx(0.9, abs=0.04)
    assert wrong == 0


WHOLE = st.lists(st.integers(-8, 8).map(float), min_size=32, max_size=32).map(np.array)
"""Whole numbers in a power of 2 of bars: all sums are exact, so that laws hold to the last draw."""
BLOCKS = st.sampled_from([1.0, 2.5, 6.0])
MARGINS = st.integers(0, 16).map(lambda n: n / 8)
laws = settings(max_examples=100, deadline=None, derandomize=True)


def p_values(got: PairedComparison) -> tuple[float, float]:
    return got.p_not_worse, got.p_worse


@laws
@given(WHOLE, WHOLE, BLOCKS)
def test_swapping_the_two_swaps_the_p_values(a: Floats, b: Floats, block: float) -> None:
    one, other = compare(a, b, block=block), compare(b, a, block=block)
    assert p_values(one) == p_values(other)[::-1]
    assert one.difference == -other.difference
    assert one.standard_error == other.standard_error
    assert (one.sharpe_difference or 0) == -(other.sharpe_difference or 0)


@laws
@given(WHOLE, WHOLE, BLOCKS, MARGINS, st.integers(-10, 10))
def test_the_unit_of_returns_does_not_matter(
    a: Floats, b: Floats, block: float, margin: float, power: int
) -> None:
    unit = 2.0**power
    plain = compare(a, b, block=block, margin=margin)
    scaled = compare(a * unit, b * unit, block=block, margin=margin * unit)
    assert p_values(scaled) == p_values(plain)
    assert scaled.difference == plain.difference * unit
    assert scaled.standard_error == plain.standard_error * unit
    assert scaled.sharpe_difference == plain.sharpe_difference


@laws
@given(WHOLE, WHOLE, WHOLE, BLOCKS, MARGINS)
def test_only_the_difference_and_the_margin_count(
    a: Floats, b: Floats, market: Floats, block: float, margin: float
) -> None:
    plain = compare(a, b, block=block)
    moved = compare(a + market - margin, b + market, block=block, margin=margin)
    assert p_values(moved) == p_values(plain)


@laws
@given(WHOLE, WHOLE, BLOCKS, MARGINS, MARGINS)
def test_a_larger_margin_is_easier_to_keep(
    a: Floats, b: Floats, block: float, one: float, other: float
) -> None:
    strict = compare(a, b, block=block, margin=min(one, other))
    lenient = compare(a, b, block=block, margin=max(one, other))
    assert lenient.p_not_worse <= strict.p_not_worse
    assert lenient.p_worse >= strict.p_worse


@laws
@given(WHOLE, WHOLE, BLOCKS, MARGINS)
def test_both_claims_are_never_proved_at_once(
    a: Floats, b: Floats, block: float, margin: float
) -> None:
    got = compare(a, b, block=block, margin=margin)
    assert all(1 / 200 <= p <= 1 for p in p_values(got))
    assert sum(p_values(got)) > 1


def test_the_seed_decides_the_draws() -> None:
    d = np.random.default_rng(3).normal(size=300)
    assert compare(d, block=24, seed=5) == compare(d, block=24, seed=5)
    assert compare(d, block=24, seed=5) != compare(d, block=24, seed=6)


@pytest.mark.parametrize(
    ("ours", "theirs", "block", "reason", "text"),
    [
        (np.ones(9), np.ones(8), 1, "MetricsRejected", r"\(9,\) and the champion \(8,\)"),
        (np.ones((9, 1)), np.ones((9, 1)), 1, "MetricsRejected", "same bars"),
        (np.full(9, np.nan), np.ones(9), 1, "MetricsRejected", "not a finite number"),
        (np.ones(9), np.full(9, np.inf), 1, "MetricsRejected", "not a finite number"),
        (np.arange(99.0), np.ones(99), 20, "InsufficientData", "99 bars are fewer than 5 blocks"),
        (np.array([]), np.array([]), 1, "InsufficientData", "0 bars"),
    ],
    ids=["other bars", "a table", "nan", "infinite", "four blocks and a bit", "nothing"],
)
def test_what_cannot_be_compared(
    ours: Floats, theirs: Floats, block: float, reason: str, text: str
) -> None:
    with pytest.raises(ClmError, match=text) as caught:
        compare(ours, theirs, block=block)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "wrong",
    [{"block": 0.5}, {"block": math.nan}, {"margin": -0.1}, {"margin": math.inf}, {"draws": 0}],
    ids=repr,
)
def test_arguments_without_a_meaning(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        compare(np.arange(10.0), **wrong)
