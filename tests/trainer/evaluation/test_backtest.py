"""The accounting by hand: fills, flips, holes, ruin, funding, the benchmark."""

from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import pytest

from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.play import Funding, Play
from clm_trainer.panel import Panel
from tests.trainer.evaluation.markets import NAN, column, one, panel_of, real

C = 0.0013


@dataclass
class Case:
    name: str
    panel: Panel
    targets: list[float]
    equity: list[float]
    trades: int = 0


RISING = [100.0, 110.0, 121.0, 133.1]
CASES = [
    Case("flat: nothing happens", one(RISING), [0, 0, 0, 0], [1, 1, 1, 1]),
    Case(
        "long from row 0's close: bought at row 1's open, marked at closes, left open",
        one(RISING), [1, 1, 1, 1],
        [1, 1.1 / (1 + C), 1.21 / (1 + C), 1.21 / (1 + C)], trades=1,
    ),
    Case(
        "one bar long: bought and sold at opens, both sides cost",
        one(RISING), [1, 0, 0, 0],
        [1, 1.1 / (1 + C), 1.1 * (1 - C) / (1 + C), 1.1 * (1 - C) / (1 + C)], trades=1,
    ),
    Case("the last row's decision is not executed", one(RISING), [0, 0, 0, 1], [1, 1, 1, 1]),
    Case(
        "the fill waits for the next bar that exists",
        one(RISING, holes=(1,)), [1, 1, 1, 1], [1, 1, 133.1 / 121 / (1 + C), 1.1 / (1 + C)],
        trades=1,
    ),
    Case(
        "a hole repeats the last mark",
        one(RISING, holes=(2,)), [1, 1, 1, 1],
        [1, 1.1 / (1 + C), 1.1 / (1 + C), 1.21 / (1 + C)], trades=1,
    ),
    Case(
        "short: the proceeds are cash, falling prices pay",
        one([100, 100, 80, 80]), [-1, 0, 0, 0],
        [1, 1 / (1 + C) * 1.2, (2 - 0.8 * (1 + C)) / (1 + C), (2 - 0.8 * (1 + C)) / (1 + C)],
        trades=1,
    ),
    Case(
        "a flip is two legs through flat",
        one([100, 100, 110, 110]), [1, -1, -1, -1],
        [1, 1.1 / (1 + C), 1.1 * (1 - C) / (1 + C) ** 2, 1.1 * (1 - C) / (1 + C) ** 2],
        trades=2,
    ),
    Case(
        "half a sleeve: the other half stays cash, units stay as they are",
        one([100, 100, 200, 400]), [0.5, 0.5, 0.5, 0.5],
        [1, 1.5 / (1 + C / 2), 2.5 / (1 + C / 2), 2.5 / (1 + C / 2)], trades=1,
    ),
    Case(
        "short and the price doubles at a close: ruined, closed, stays at 0",
        one([100, 100, 150, 100], [100, 150, 250, 100]), [-1, -1, -1, 1],
        [1, 0.5 / (1 + C) - 0, 0, 0], trades=1,
    ),
    Case(
        "short and the fill's open is beyond ruin: closed there, though the close is kind",
        one([100, 100, 300, 100], [100, 100, 100, 100]), [-1, 0, 1, 1],
        [1, 1 / (1 + C), 0, 0], trades=1,
    ),
    Case("a symbol without any bar", one([NAN] * 4, holes=(0, 1, 2, 3)), [1, 1, 1, 1], [1] * 4),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_equity(case: Case) -> None:
    result = backtest.run(Play(case.panel, column(*case.targets), 13))
    np.testing.assert_allclose(result.equity["equity"], case.equity, rtol=1e-14)
    assert len(result.trades) == case.trades


def test_a_trade_says_all_about_itself() -> None:
    result = backtest.run(Play(one(RISING), column(0.5, 0.8, 0, 0), 10))
    trade = result.trades.iloc[0]
    assert trade["weight"] == 0.5, "the weight at entry, though it was raised later"
    assert (trade["entry_price"], trade["exit_price"], trade["bars"]) == (110, 133.1, 2)
    assert trade["net_pnl"] == pytest.approx(result.equity["equity"].iloc[-1] - 1, abs=1e-14)
    assert trade["gross_pnl"] - trade["costs"] == pytest.approx(trade["net_pnl"], abs=1e-15)
    assert list(result.trades.columns) == [
        "symbol", "side", "entry_time", "exit_time", "entry_price", "exit_price", "weight",
        "gross_pnl", "costs", "funding", "net_pnl", "bars", "closed",
    ]  # fmt: skip
    assert list(result.equity.columns) == [
        "time", "equity", "net_return", "gross_return", "cost", "funding", "benchmark",
    ]  # fmt: skip


def test_a_ruined_sleeve_leaves_the_others_alone() -> None:
    prices = np.column_stack([[100, 100, 250, 90], [100, 100, 100, 100]]).astype(float)
    targets = np.column_stack([[-1, -1, -1, -1], [0, 0, 0, 0]]).astype(float)
    result = backtest.run(Play(panel_of(prices, prices), targets, 0))
    assert result.ruined == ("S0/USDT",)
    np.testing.assert_allclose(result.equity["equity"], [1, 1, 0.5, 0.5])
    assert result.trades["net_pnl"].tolist() == [-1.0]
    assert result.trades["closed"].all()


def test_when_all_is_lost_returns_are_0_and_not_undefined() -> None:
    ruin = one([100, 100, 250, 90], [100, 100, 250, 90])
    assert backtest.net_returns(Play(ruin, column(-1, -1, -1, -1), 0)).tolist() == [0, 0, -1, 0]


def test_funding_is_paid_on_what_was_held_before_the_fills() -> None:
    flat = one([100.0] * 5)
    due = Funding(at_open=column(9, 9, 1, 1, 9), inside=column(9, 0, 0, 2, 9))
    result = backtest.run(Play(flat, column(1, 1, 0, 0, 0), 0, due))
    paid = result.equity["funding"] * np.concatenate([[1], result.equity["equity"][:-1]])
    np.testing.assert_allclose(paid, [0, 0, -0.01, -0.01, 0], atol=1e-15)
    assert result.trades["funding"].iloc[0] == pytest.approx(-0.02)
    assert result.trades["gross_pnl"].iloc[0] == pytest.approx(0)


def test_a_short_receives_funding() -> None:
    due = Funding(at_open=column(0, 0, 1, 0), inside=column(0, 0, 0, 0))
    result = backtest.run(Play(one([100.0] * 4), column(-1, -1, -1, -1), 0, due))
    assert result.equity["equity"].iloc[-1] == pytest.approx(1.01)


def test_funding_of_a_hole_is_charged_at_the_next_bar() -> None:
    due = Funding(at_open=column(0, 0, 1, 0, 0), inside=column(0, 0, 1, 0, 0))
    result = backtest.run(Play(one([100.0] * 5, holes=(2,)), column(1, 1, 1, 1, 1), 0, due))
    np.testing.assert_allclose(result.equity["equity"], [1, 1, 1, 0.98, 0.98])


def test_buy_and_hold_is_its_closed_form() -> None:
    panel = real(90)
    result = backtest.run(Play(panel, np.ones(panel.close.shape), 13))
    closed = (panel.close / (panel.open[1] * (1 + C))).mean(axis=1)
    np.testing.assert_allclose(result.equity["equity"][1:], closed[1:], rtol=1e-13)
    np.testing.assert_allclose(result.equity["benchmark"], result.equity["equity"], rtol=1e-15)
    assert not result.trades["closed"].any()


def test_the_benchmark_enters_at_row_1_even_if_row_0_is_a_hole() -> None:
    result = backtest.run(Play(one(RISING, holes=(0,)), column(0, 0, 0, 0), 0))
    np.testing.assert_allclose(result.equity["benchmark"], [1, 1.1, 1.21, 1.21])


def test_doubled_costs_take_exactly_the_extra_costs() -> None:
    panel, rounds = real(90, symbols=1), 40
    targets = column(*(1.0 if row // 20 % 2 else 0.0 for row in range(len(panel))))
    targets[rounds * 40 :] = 0
    once, twice = (backtest.run(Play(panel, targets, bps)) for bps in (13, 26))
    assert len(once.trades) == rounds
    fee, double = ((1 - c) / (1 + c) for c in (C, 2 * C))
    ends = [r.equity["equity"].iloc[-1] for r in (once, twice)]
    assert ends[1] / ends[0] == pytest.approx((double / fee) ** rounds, rel=1e-12)


@pytest.mark.parametrize("bad", [1.01, -1.5, NAN], ids=["above 1", "below -1", "no number"])
def test_a_target_that_cant_be_held_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"\[-1, 1\]"):
        backtest.run(Play(one(RISING), column(0, bad, 0, 0), 13))
