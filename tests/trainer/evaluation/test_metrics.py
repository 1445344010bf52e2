"""Every metric against a case worked out by hand."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_trainer.evaluation import metrics
from clm_trainer.panel import Floats

R = np.array([0.01, -0.02, 0.03, 0.0])
"""Mean 0.005; squares of deviations 25, 625, 625, 25 (e-6): deviation √(1300e-6 / 3)."""


def test_sharpe() -> None:
    assert metrics.sharpe_per_bar(R) == pytest.approx(0.005 / math.sqrt(1300e-6 / 3), rel=1e-14)


def test_sortino() -> None:
    annual = 0.005 / math.sqrt(0.0004 / 4) * math.sqrt(8766)
    assert metrics.sortino(R, 8766) == pytest.approx(annual, rel=1e-14)


@pytest.mark.parametrize("returns", [[], [0.1], [0.0, 0.0], [0.1, 0.1]], ids=repr)
def test_without_variance_there_is_no_sharpe(returns: list[float]) -> None:
    assert metrics.sharpe_per_bar(np.array(returns)) is None


def test_without_a_loss_there_is_no_sortino() -> None:
    assert metrics.sortino(np.array([0.0, 0.1]), 8766) is None


@pytest.mark.parametrize(
    ("equity", "drawdown"),
    [
        ([1.1, 1.2, 1.3], 0.0),
        ([0.9, 1.0], 0.1),
        ([1.2, 0.9, 1.5, 1.2], 0.25),
        ([1.0, 0.0, 0.0], 1.0),
    ],
    ids=["only up", "below the start of 1", "the deepest fall counts", "all lost"],
)
def test_max_drawdown(equity: list[float], drawdown: float) -> None:
    assert metrics.max_drawdown(np.array(equity)) == pytest.approx(drawdown)


@pytest.mark.parametrize(
    ("pnl", "rate", "factor"),
    [
        ([], None, None),
        ([0.02, -0.01, 0.04, -0.02], 0.5, 2.0),
        ([0.02, 0.03], 1.0, None),
        ([-0.02, -0.03], 0.0, 0.0),
        ([0.02, 0.0, -0.01], 1 / 3, 2.0),
    ],
    ids=["no trades", "two of four", "no losses", "no wins", "a trade at 0 is no win and no loss"],
)
def test_win_rate_and_profit_factor(
    pnl: list[float], rate: float | None, factor: float | None
) -> None:
    assert metrics.win_rate(np.array(pnl)) == pytest.approx(rate)
    assert metrics.profit_factor(np.array(pnl)) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("wins", "trades", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (50, 100, 0.4038, 0.5962), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1)],
    ids=["8 of 10", "50 of 100", "none of 10", "all of 10"],
)
def test_wilson_interval(wins: int, trades: int, low: float, high: float) -> None:
    assert metrics.wilson(wins / trades, trades) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("mean", "even"),
    [
        (lambda bps: 12.34 - bps, 12.34),
        (lambda bps: 0.002 - bps, 0.002),
        (lambda bps: -bps, None),
        (lambda bps: -1 - bps, None),
        (lambda _: 1.0, 10_000.0),
    ],
    ids=["at 12.34 bp", "at a tiny cost", "nothing without costs", "a loss", "no cost is enough"],
)
def test_break_even(mean: Callable[[float], float], even: float | None) -> None:
    expected = None if even is None else pytest.approx(even, rel=1e-9)
    assert metrics.break_even_bps(mean) == expected


def test_skew_and_kurtosis() -> None:
    """Of 0, 0, 0, 4: mean 1, deviations -1, -1, -1, 3, variance 3."""
    skew, kurtosis = metrics.skew_and_kurtosis(np.array([0.0, 0, 0, 4]))
    assert skew == pytest.approx(24 / 4 / 3**1.5)
    assert kurtosis == pytest.approx(84 / 4 / 9)


def test_the_normal_distribution_has_kurtosis_3() -> None:
    draws = np.random.default_rng(1).normal(size=400_000)
    assert metrics.skew_and_kurtosis(draws) == pytest.approx((0, 3), abs=0.03)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=50))
def test_drawdown_is_a_share_and_sees_the_worst_bar(drawn: list[float]) -> None:
    returns: Floats = np.array(drawn)
    equity = np.cumprod(1 + returns, dtype=np.float64).astype(np.float64)
    fall = metrics.max_drawdown(equity)
    assert 0 <= fall < 1
    assert fall >= -returns.min() - 1e-12
