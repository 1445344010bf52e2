"""The figures for people, each against a case worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_trainer.evaluation import metrics
from clm_trainer.evaluation.deciles import deciles, realised_returns
from clm_trainer.evaluation.performance import (
    Fall,
    annual_return,
    performance,
    rolling_bars,
    rolling_sharpe,
    worst_falls,
)

DAILY = 365.25


def test_a_year_of_daily_bars_that_doubles() -> None:
    path = np.array([1.5, 0.75, *[2.0] * 363])
    found = performance(path, DAILY)
    assert found.total_return == 1.0
    assert found.annual_return == pytest.approx(2 ** (365.25 / 365) - 1, rel=1e-14)
    assert found.max_drawdown == 0.5
    assert found.calmar == pytest.approx((2 ** (365.25 / 365) - 1) / 0.5, rel=1e-14)
    returns = np.array([0.5, -0.5, 2 / 0.75 - 1, *[0.0] * 362])
    assert found.volatility == pytest.approx(returns.std(ddof=1) * math.sqrt(DAILY), rel=1e-14)
    assert found.sortino == metrics.sortino(returns, DAILY)
    assert found.sharpe == metrics.annual_sharpe(returns, DAILY)


@pytest.mark.parametrize(
    ("growth", "bars", "year", "wanted"),
    [
        (1.1, 29, DAILY, None),
        (1.1, 30, DAILY, 1.1 ** (DAILY / 30) - 1),
        (1.21, 2 * 8766, 8766, 0.1),
        (0.0, 365, DAILY, -1.0),
        (1.0, 8766, 8766, 0.0),
    ],
    ids=["29 days are no year", "30 days are", "two years of hours", "all lost", "flat"],
)
def test_annual_return(growth: float, bars: int, year: float, wanted: float | None) -> None:
    assert annual_return(growth, bars, year) == pytest.approx(wanted, abs=1e-12)


def test_what_never_fell_has_no_calmar_and_no_sortino() -> None:
    found = performance(np.linspace(1.0, 1.5, 40), DAILY)
    assert (found.calmar, found.sortino, found.max_drawdown) == (None, None, 0.0)


@pytest.mark.parametrize(
    ("equity", "falls"),
    [
        ([1.1, 1.2, 1.3], []),
        ([0.9, 1.0, 1.1], [Fall(-1, 0, 1, 0.1)]),
        ([1.2, 0.9, 1.5, 1.2], [Fall(0, 1, 2, 0.25), Fall(2, 3, None, 0.2)]),
        ([1.0, 0.0, 0.0], [Fall(0, 1, None, 1.0)]),
        ([2.0, 2.0, 1.0, 1.5, 2.0], [Fall(1, 2, 4, 0.5)]),
    ],
    ids=[
        "only up", "from the start of 1", "the deepest first, the last not over", "all lost",
        "from the last bar at the peak to the first one back",
    ],
)  # fmt: skip
def test_worst_falls(equity: list[float], falls: list[Fall]) -> None:
    found = worst_falls(np.array(equity), 5)
    assert [(f.peak, f.trough, f.recovered) for f in found] == [
        (f.peak, f.trough, f.recovered) for f in falls
    ]
    assert [f.depth for f in found] == pytest.approx([f.depth for f in falls])


@given(st.lists(st.floats(0.5, 1.5), min_size=1, max_size=60))
def test_the_worst_fall_is_the_largest_drawdown(steps: list[float]) -> None:
    equity = np.cumprod(np.array(steps))
    worst = worst_falls(equity, 1)
    depth = worst[0].depth if worst else 0.0
    assert depth == pytest.approx(metrics.max_drawdown(equity), rel=1e-12)


def test_a_rolling_sharpe_is_that_of_each_window_alone() -> None:
    returns = np.random.default_rng(1).normal(0.001, 0.01, 50)
    found = rolling_sharpe(returns, 10, DAILY)
    assert np.isnan(found[:9]).all()
    alone = [metrics.annual_sharpe(returns[i - 9 : i + 1], DAILY) for i in range(9, 50)]
    np.testing.assert_allclose(found[9:], np.array(alone, dtype=float), rtol=1e-9)


def test_where_nothing_was_held_there_is_no_rolling_sharpe() -> None:
    assert np.isnan(rolling_sharpe(np.r_[0.01, 0.02, np.zeros(20)], 5, DAILY)[7:]).all()


@pytest.mark.parametrize(
    ("bars", "year", "window"),
    [(2160, 8766, 720), (7 * 24, 8766, 84), (90, DAILY, 30), (3, DAILY, 2)],
    ids=["30 days of hours", "half of a week", "30 days", "two bars at least"],
)
def test_the_rolling_window(bars: int, year: float, window: int) -> None:
    assert rolling_bars(bars, year) == window


def test_realised_returns_run_from_the_fill_to_the_horizon() -> None:
    opens = np.array([[1.0], [2.0], [np.nan], [3.0], [6.0], [9.0]])
    found = realised_returns(opens, 2)
    np.testing.assert_allclose(found[:, 0], [0.5, np.nan, 2.0, np.nan, np.nan, np.nan])


def test_each_score_counts_in_its_tenth() -> None:
    scores = np.array([[0.0, 0.05], [0.1, 0.95], [1.0, np.nan], [0.5, 0.99]])
    came = np.array([[0.01, -0.03], [0.02, 0.04], [0.06, 9.0], [np.nan, -0.01]])
    found = deciles(scores, came)
    assert [d.decisions for d in found] == [2, 1, 0, 0, 0, 0, 0, 0, 0, 3]
    assert found[0].mean_return == pytest.approx(-0.01)
    assert found[0].hit_rate == 0.5
    assert found[9].mean_return == pytest.approx(0.03)
    assert found[9].hit_rate == pytest.approx(2 / 3)
    assert (found[4].mean_return, found[4].hit_rate) == (None, None)
    assert [round(d.low, 1) for d in found] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
