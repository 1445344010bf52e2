"""All versions of all variants are tries at one thing, on the bars that all of them share."""

import statistics
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_trainer.evaluation import significance
from clm_trainer.evaluation.scores import Scores
from clm_trainer.evaluation.significance import probability_of_backtest_overfitting
from clm_trainer.simulation.choice import Chosen
from clm_trainer.simulation.overall import Returns, Tries, choice_of_all
from tests.trainer.families.runs import run_spec
from tests.trainer.simulation.past import BARS, PANEL, version

STEPS = ("5m", "15m", "30m", "1h", "4h", "1D")
HOUR = pd.Timedelta("1h")


def earned(step: str, bars: int, versions: int = 6, begin: str = "2025-01-01T00:00Z") -> Returns:
    times = pd.date_range(begin, periods=bars, freq=pd.Timedelta(step))
    drawn = np.random.default_rng(bars).normal(0, 0.01, (bars, versions))
    return Returns(times, pd.Timedelta(step), drawn)


@given(st.sampled_from(list(pairwise(STEPS))), st.integers(0, 60), st.integers(0, 30))
def test_longer_bars_earn_what_their_parts_do(
    steps: tuple[str, str], bars: int, offset: int
) -> None:
    fine, coarse = map(pd.Timedelta, steps)
    begin = pd.Timestamp("2025-01-01T00:00Z") + offset * fine
    made = earned(steps[0], bars, begin=begin.isoformat())
    found = made.on(coarse)
    assert all(time == time.floor(coarse) for time in found.times)
    for row, time in enumerate(found.times):
        inside = (made.times >= time) & (made.times < time + coarse)
        assert inside.sum() == coarse // fine, "only whole bars"
        np.testing.assert_allclose(found.net[row], np.prod(1 + made.net[inside], axis=0) - 1)
    assert bars - len(found.times) * (coarse // fine) < 2 * (coarse // fine)


@pytest.mark.parametrize("step", ["1h", "4h"])
def test_bars_that_are_long_enough_stay_bit_by_bit(step: str) -> None:
    made = earned(step, 50)
    assert made.on(HOUR) is made


def test_of_one_variant_it_is_the_choice_among_its_versions() -> None:
    chosen = Chosen(PANEL, run_spec(evaluation={"periodDays": 14, "folds": 1}), None)
    for begin in range(100, 112):
        chosen.add(version(begin, np.random.default_rng(begin).random((BARS - begin, 2))))
    assert chosen.choice().probability is not None
    assert choice_of_all([Returns.of(chosen)]) == chosen.choice()


def test_versions_of_all_variants_are_trials_on_the_bars_that_all_share() -> None:
    one = earned("1h", 24 * 20)
    other = earned("4h", 6 * 25, begin="2025-01-06T00:00Z")
    found = choice_of_all([one, other])
    first, last = pd.Timestamp("2025-01-06T00:00Z"), pd.Timestamp("2025-01-21T00:00Z")
    laid = [
        r.net[(r.times >= first) & (r.times < last)] for r in (one.on(pd.Timedelta("4h")), other)
    ]
    returns = np.concatenate(laid, axis=1)
    assert returns.shape == (15 * 6, 12)
    wanted = probability_of_backtest_overfitting(returns).probability
    assert (found.probability, found.versions) == (wanted, 12)


NOTHING_SHARED = [
    ([earned("1h", 48), earned("1h", 48, begin="2025-02-01T00:00Z")], 0, "share no bars"),
    ([earned("1h", 48, 9)], 9, "9 versions share the 48 bars of one hour that all variants share"),
    ([earned("1D", 20, 12)], 12, "20 bars are fewer than 2 for each of 16 blocks"),
    ([earned("5m", 5)], 0, "share no bars"),
]


@pytest.mark.parametrize(
    ("variants", "versions", "said"),
    NOTHING_SHARED,
    ids=["other times", "too few versions", "too few bars", "less than an hour"],
)
def test_what_cannot_be_compared_says_why(
    variants: list[Returns], versions: int, said: str
) -> None:
    found = choice_of_all([one.on(HOUR) for one in variants])
    assert (found.probability, found.versions) == (None, versions)
    assert said in found.reason


def facts(*sharpes: float | None, failed: int = 0) -> dict[str, object]:
    rows = [{"stage": "REJECTED", "sharpe": one} for one in sharpes]
    return {"history": [*rows, *[{"stage": "FAILED", "sharpe": None}] * failed]}


def test_a_sharpe_ratio_is_deflated_by_every_judged_version_of_every_variant() -> None:
    tries = Tries.of([(facts(1.5, None, failed=2), 1), (facts(0.5, -0.5), 1)])
    assert (tries.judged, tries.count, tries.sharpes) == (4, 4, (1.5, 0.5, -0.5))
    scores = Scores(sr_per_bar=0.02, bars=2160, skew=-0.1, kurtosis=5.0)
    wanted = significance.deflated_sharpe_ratio(
        sharpe=0.02, observations=2160, skew=-0.1, kurtosis=5.0, trials=4,
        variance=statistics.variance([1.5, 0.5, -0.5]) / 8766,
    )  # fmt: skip
    assert tries.deflated(scores, HOUR) == pytest.approx(wanted, abs=1e-15)
    more = Tries.of([(facts(1.5, None, failed=2), 1), (facts(*[0.5, -0.5] * 20), 1)])
    again = more.deflated(scores, HOUR)
    assert again is not None
    assert again < wanted, "more tries, less confidence"
    assert tries.deflated(Scores(bars=2160), HOUR) is None, "nothing was traded"


def test_each_seed_of_a_version_is_a_try() -> None:
    tries = Tries.of([(facts(1.5, 0.5, failed=2), 3), (facts(-0.5), 1)])
    assert (tries.judged, tries.count, tries.sharpes) == (3, 7, (1.5, 0.5, -0.5))
