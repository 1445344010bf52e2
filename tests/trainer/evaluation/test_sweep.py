"""A sweep says of each path what a backtest and the metrics say."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_trainer.evaluation import backtest, metrics
from clm_trainer.evaluation.play import Play
from clm_trainer.evaluation.sweep import sweep
from tests.trainer.evaluation.markets import NAN, cases, column, one


def plain(play: Play) -> dict[str, float | None]:
    result = backtest.run(play)
    year, returns = play.window.bars_per_year, result.equity["net_return"].to_numpy()
    pnl = result.trades.loc[result.trades["closed"], "net_pnl"].to_numpy()
    sharpe = metrics.sharpe_per_bar(returns)
    return {
        "totalReturn": result.equity["equity"].iloc[-1] - 1,
        "maxDrawdown": metrics.max_drawdown(result.equity["equity"].to_numpy()),
        "sharpe": None if sharpe is None else sharpe * math.sqrt(year),
        "sortino": metrics.sortino(returns, year),
        "trades": len(pnl),
        "winRate": metrics.win_rate(pnl),
        "profitFactor": metrics.profit_factor(pnl),
    }


@settings(max_examples=150, deadline=None, derandomize=True)
@given(cases(), st.sampled_from([1.0, -0.5, 0.0]))
def test_every_figure_is_that_of_the_path_alone(play: Play, scale: float) -> None:
    plays = [play, replace(play, targets=play.targets * scale)]
    made = sweep(plays)
    assert len(made) == 2
    for one_play, row in zip(plays, made.to_dict("records"), strict=True):
        expected = plain(one_play)
        assert list(row) == list(expected)
        for name, value in expected.items():
            wanted = NAN if value is None else value
            assert row[name] == pytest.approx(wanted, rel=1e-9, abs=1e-12, nan_ok=True), name


def test_a_long_hold_that_ends_in_ruin() -> None:
    prices = [100.0, 100.0, 110.0, 120.0, 130.0, 250.0, 90.0, 80.0]
    made = sweep([Play(one(prices), column(*[-1.0] * 8), 0)])
    assert made["totalReturn"].tolist() == [-1.0]
    assert made["trades"].tolist() == [1.0]


@pytest.mark.parametrize("bad", [1.01, -1.5, NAN], ids=["above 1", "below -1", "no number"])
def test_a_target_that_cant_be_held_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"\[-1, 1\]"):
        sweep([Play(one([100.0] * 3), column(0, target, 0), 13) for target in (1, bad)])
