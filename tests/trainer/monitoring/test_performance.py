"""Live results against the promise: the arithmetic by hand, and what must always hold."""

import math
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_api.performance import DegradedBy, PerformanceFinding, PerformanceVerdict
from clm_api.run import RunTrials
from clm_trainer.monitoring import limits as rules
from clm_trainer.monitoring.limits import limits, shortfall
from clm_trainer.monitoring.performance import LiveResults, found
from clm_trainer.monitoring.promise import Promise, promised
from clm_trainer.panel import Floats

START = pd.Timestamp("2025-03-01", tz="UTC")
DAILY = pd.Timedelta("1D")
HOURLY = pd.Timedelta("1h")


def noise(bars: int, seed: int = 0, deviation: float = 0.01) -> Floats:
    drawn = np.random.default_rng(seed).standard_normal(bars)
    centred: Floats = (drawn - drawn.mean()) / drawn.std(ddof=1) * deviation
    return centred


def live(returns: Floats, timeframe: pd.Timedelta = DAILY) -> LiveResults:
    equity: Floats = np.cumprod(1 + returns, dtype=np.float64)
    return LiveResults(START, timeframe, equity, returns)


PROMISE = Promise(noise(400), 0.1)
"""A mean of 0.001 a day at a deviation of 0.01: an annual Sharpe ratio of 1.9."""


def judged(
    returns: Floats,
    *,
    promise: Promise | None = PROMISE,
    max_drawdown: float = 1.0,
    timeframe: pd.Timedelta = DAILY,
    seed: int = 1,
) -> PerformanceFinding:
    return found(
        "v7", live(returns, timeframe), promise,
        max_drawdown=max_drawdown, horizon_bars=5, seed=seed,
    )  # fmt: skip


@dataclass(frozen=True)
class Deflated:
    name: str
    trials: RunTrials
    sharpe: float


EULER = 0.5772156649
TEN_TRIES = (1 - EULER) * 1.2815515655 + EULER * 1.789242
"""Quantiles of the normal distribution at 1 - 1/10 and at 1 - 1/(10 e)."""
DEFLATED = [
    Deflated("one try: nothing is taken off", RunTrials(), 0.1),
    Deflated("ten tries of known spread", RunTrials(count=10, sharpe_variance=0.0009),
             0.1 - 0.03 * TEN_TRIES),
    Deflated("ten tries of unknown spread: that of worthless ones",
             RunTrials(count=10), 0.1 - TEN_TRIES / math.sqrt(399)),
    Deflated("more luck than Sharpe ratio: no loss is promised",
             RunTrials(count=1000, sharpe_variance=0.01), 0.0),
]  # fmt: skip


@pytest.mark.parametrize("case", DEFLATED, ids=attrgetter("name"))
def test_the_promise_is_deflated_for_selection(case: Deflated) -> None:
    returns = noise(400) + 0.001
    made = promised(returns, case.trials)
    assert made is not None
    assert made.sharpe == pytest.approx(case.sharpe, abs=1e-6)
    assert made.shifted.mean() == pytest.approx(case.sharpe * 0.01, abs=1e-9)
    assert made.shifted.std() == pytest.approx(returns.std())
    assert made.annual_sharpe(365.25) == pytest.approx(made.sharpe * math.sqrt(365.25))


def test_a_backtest_without_variance_promises_nothing() -> None:
    assert promised(np.zeros(400), RunTrials()) is None


def test_the_cusum_by_hand() -> None:
    returns = np.array([0.02, -0.01, -0.03, 0.01, 0.09, -0.02])
    added = shortfall(returns, 0.01)
    assert added == pytest.approx([0.0, 0.02, 0.06, 0.06, 0.0, 0.03])


def test_the_drawn_years_are_the_promise_in_blocks() -> None:
    """With one block as long as the backtest every look's limit is a sum of its bars in a row."""
    backtest = np.arange(70.0)
    worst = rules._worst(backtest, 14, 365, (14, 42), 0.0, seed=3)
    assert worst.shape == (3, rules.DRAWS)
    fortnight = {float(np.take(backtest, range(s, s + 14), mode="wrap").sum()) for s in range(70)}
    assert set(-worst[0]) == fortnight
    assert (worst[2] == 0).all(), "no return lies below the reference"


def test_the_rules_share_the_rate() -> None:
    """Ten years in two rules: the worst of both is the same one, the next ones are two."""
    worst = np.array([
        [9.0, 8.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 0.0],
        [9.0, 1.0, 8.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 0.0],
    ])  # fmt: skip
    for rate, beyond in ((0.05, 0), (0.1, 1), (0.2, 1), (0.3, 3), (0.4, 4), (0.5, 5)):
        limit = rules._allowed(worst, rate)
        assert (worst > limit[:, None]).any(axis=0).sum() == beyond


@pytest.mark.parametrize("sharpe", [0.0, 1.5, 3.0])
def test_as_many_years_alarm_as_is_said(sharpe: float) -> None:
    """Independent returns with the promised mean: the share of a thousand years, ± 3 errors."""
    mean = sharpe / math.sqrt(365.25) * 0.01
    made = limits(noise(2000) + mean, 1.0, 2, seed=5)
    assert made is not None
    years = np.random.default_rng(17).standard_normal((1000, 365)) * 0.01 + mean
    sums = years.cumsum(axis=1)
    failed = shortfall(years, made.reference).max(axis=1) > made.cusum
    for length, least in made.looks.items():
        failed |= sums[:, length - 1] < least
    assert failed.mean() == pytest.approx(rules.RATE, abs=0.04)


def test_the_reference_lies_half_a_fall_below_the_promise() -> None:
    made = limits(noise(400) + 0.001, 1.0, 10, seed=1)
    assert made is not None
    assert made.reference == pytest.approx(0.001 - 2 / math.sqrt(365) * 0.01, rel=1e-6)


@pytest.mark.parametrize(
    ("backtest", "block"),
    [(noise(49), 10), (np.full(400, 0.01), 10)],
    ids=["less than five blocks", "no variance"],
)
def test_a_backtest_that_is_too_short_sets_no_limits(backtest: Floats, block: int) -> None:
    assert limits(backtest, 1.0, block, seed=1) is None


@dataclass(frozen=True)
class Case:
    name: str
    returns: Floats
    verdict: PerformanceVerdict
    cause: DegradedBy | None = None
    said: str = ""
    max_drawdown: float = 1.0


def losing(loss: float, days: int, before: int = 0, after: int = 0) -> Floats:
    return np.concatenate([np.full(before, 0.001), np.full(days, -loss), np.full(after, 0.01)])


CASES = [
    Case("no bar yet", np.empty(0), PerformanceVerdict.TOO_EARLY, said="0 days are too few"),
    Case("a day before the first look", losing(0.002, 13), PerformanceVerdict.TOO_EARLY,
         said="13 days are too few; the next look is after 14 days"),
    Case("as promised at the first look", np.full(14, 0.001), PerformanceVerdict.AS_PROMISED,
         said="the next look is after 42 days"),
    Case("as promised at all looks", np.full(200, 0.001), PerformanceVerdict.AS_PROMISED,
         said="no look is left, the CUSUM goes on"),
    Case("it loses from the first day: the first look", losing(0.006, 14),
         PerformanceVerdict.DEGRADED, DegradedBy.LOOK, "in its first 14 days it earned -8.40%"),
    Case("it recovers after a failed look: it stays degraded", losing(0.006, 14, after=100),
         PerformanceVerdict.DEGRADED, DegradedBy.LOOK, "stays so until another version"),
    Case("it earns for a year and then loses: no look, the CUSUM", losing(0.004, 60, before=200),
         PerformanceVerdict.DEGRADED, DegradedBy.CUSUM, "its shortfall added up to more than"),
    Case("it falls too far on its third day: at once", losing(0.06, 3),
         PerformanceVerdict.DEGRADED, DegradedBy.DRAWDOWN,
         "its equity fell 16.94% from its peak, 15.00% are allowed", max_drawdown=0.15),
    Case("it fell too far and recovered", losing(0.06, 3, after=60), PerformanceVerdict.DEGRADED,
         DegradedBy.DRAWDOWN, "known since 2025-03-04 00:00", max_drawdown=0.15),
    Case("it fell just as far as is allowed", np.array([-0.0625]), PerformanceVerdict.TOO_EARLY,
         max_drawdown=0.0625),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_the_verdict(case: Case) -> None:
    made = judged(case.returns, max_drawdown=case.max_drawdown)
    assert (made.verdict, made.cause) == (case.verdict, case.cause)
    assert case.said in made.message
    assert made.bars == len(case.returns)
    assert made.to == START + (len(case.returns) - 1) * DAILY


def test_the_figures() -> None:
    returns = np.array([0.02, -0.01, -0.03, 0.02])
    made = judged(returns, max_drawdown=0.3)
    assert made.sharpe == pytest.approx(0.0, abs=1e-9)
    assert made.promised_sharpe == pytest.approx(0.1 * math.sqrt(365.25), abs=1e-4)
    assert made.drawdown == pytest.approx(1 - 0.99 * 0.97, abs=1e-4)
    assert made.max_drawdown == 0.3
    reference = 0.001 - 2 / math.sqrt(365) * 0.01
    assert made.cusum == pytest.approx(0.04 - 0.02 + 3 * reference, abs=1e-4)
    assert made.cusum_limit is not None
    assert made.cusum_limit > 0.05


def test_without_a_promise_only_the_drawdown_is_looked_at() -> None:
    quiet = judged(losing(0.01, 30), promise=None)
    assert (quiet.verdict, quiet.promised_sharpe, quiet.cusum) == ("TooEarly", None, None)
    assert "only the drawdown is looked at" in quiet.message
    fallen = judged(losing(0.01, 30), promise=None, max_drawdown=0.2)
    assert (fallen.verdict, fallen.cause) == ("Degraded", "Drawdown")


def test_minutes_are_looked_at_by_the_hour() -> None:
    minutes = pd.Timedelta("15min")
    backtest = noise(96 * 90, deviation=0.001)
    promise = Promise(backtest, 0.01)
    returns = np.full(96 * 14 - 1, -0.00006)
    early = judged(returns, promise=promise, timeframe=minutes)
    assert early.verdict == "TooEarly"
    reached = judged(np.append(returns, -0.00006), promise=promise, timeframe=minutes)
    assert (reached.verdict, reached.cause) == ("Degraded", "Look")
    assert live(returns, minutes).steps(np.arange(9.0)).tolist() == [6.0, 22.0]


def test_equal_runs_give_equal_findings() -> None:
    returns = noise(100, 3)
    assert judged(returns) == judged(returns)
    assert judged(returns).cusum_limit != judged(returns, seed=2).cusum_limit


DAYS = st.lists(st.floats(-0.05, 0.05), min_size=1, max_size=150).map(np.array)
SEVERITY = {"TooEarly": 0, "AsPromised": 0, "Degraded": 1}


@settings(max_examples=40, deadline=None)
@given(DAYS, st.data())
def test_more_bars_never_take_a_verdict_back(returns: Floats, data: st.DataObject) -> None:
    earlier = judged(returns[: data.draw(st.integers(0, len(returns)))], max_drawdown=0.2)
    later = judged(returns, max_drawdown=0.2)
    if earlier.verdict == "Degraded":
        assert (later.verdict, later.cause) == (earlier.verdict, earlier.cause)
        assert later.message == earlier.message
    if earlier.verdict == "AsPromised":
        assert later.verdict != "TooEarly"
    assert later.cusum_limit == earlier.cusum_limit


@settings(max_examples=40, deadline=None)
@given(DAYS, st.data())
def test_a_further_loss_never_makes_a_version_better(returns: Floats, data: st.DataObject) -> None:
    loss = data.draw(st.floats(0.0, 0.05))
    day = data.draw(st.integers(0, len(returns) - 1))
    worse = returns.copy()
    worse[day] -= loss
    before, after = judged(returns, max_drawdown=0.2), judged(worse, max_drawdown=0.2)
    if before.verdict == "Degraded":
        assert after.verdict == "Degraded"
    assert (after.cusum or 0) >= (before.cusum or 0) - 1e-12
