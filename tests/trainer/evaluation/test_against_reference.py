"""The kernel says what a slow reading of the accounting contract says, on wild markets too."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.play import Play
from clm_trainer.panel import Floats, Panel
from tests.trainer.evaluation.markets import cases
from tests.trainer.evaluation.reference import Market, Sleeve, sleeve


def same(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


def slow(case: Play) -> list[Sleeve]:
    panel, targets, funding = case.window, case.targets, case.funding
    none = np.zeros(targets.shape)
    due = (none, none) if funding is None else (funding.at_open, funding.inside)
    arrays = (panel.open, panel.close, panel.gap, *due)
    return [
        sleeve(
            Market(*(array[:, s].tolist() for array in arrays)),
            targets[:, s].tolist(),
            rate=case.cost_bps / 1e4,
        )
        for s in range(targets.shape[1])
    ]


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(cases())
def test_every_number_equals_the_reference(case: Play) -> None:
    _equals_the_reference(case)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(cases(most_bars=400, kept=0.985, holes=(0.0, 0.005), moves=(0.001, 0.02)))
def test_long_holds_equal_the_reference(case: Play) -> None:
    _equals_the_reference(case)


def _equals_the_reference(case: Play) -> None:
    panel = case.window
    fast, plain = backtest.run(case), slow(case)
    size, bars = len(plain), len(panel)

    def mean(name: str) -> Floats:
        values: Floats = np.array([getattr(s, name) for s in plain]).mean(axis=0)
        return values

    equity, frame = mean("marks"), fast.equity
    before = np.concatenate([[1.0], equity[:-1]])
    alive = before > 0
    same(frame["equity"], equity)
    for name in ("costs", "funding"):
        part = frame["cost" if name == "costs" else name].to_numpy()
        same((part * before)[alive], mean(name)[alive])
    same(frame["net_return"].to_numpy()[alive], (equity / np.where(alive, before, 1) - 1)[alive])
    lived = equity > 0
    share = (mean("held")[lived] / equity[lived]).sum() / bars
    assert fast.exposed.mean() == pytest.approx(share, rel=1e-11, abs=1e-12)
    traded = sum(s.traded for s in plain) / size / bars * panel.bars_per_year
    assert fast.traded.mean() * panel.bars_per_year == pytest.approx(traded, rel=1e-11, abs=1e-12)
    assert fast.ruined == tuple(n for n, s in zip(panel.symbols, plain, strict=True) if s.dead)
    _same_trades(panel, fast, plain)


def _same_trades(panel: Panel, fast: backtest.Backtest, plain: list[Sleeve]) -> None:
    expected = [(name, t) for name, s in zip(panel.symbols, plain, strict=True) for t in s.trades]
    assert len(fast.trades) == len(expected)
    for row, (symbol, t) in zip(fast.trades.to_dict("records"), expected, strict=True):
        assert (row["symbol"], row["side"], row["closed"]) == (symbol, t.side, t.closed)
        assert row["entry_time"] == panel.times[t.entry_row]
        assert row["exit_time"] == panel.times[t.exit_row]
        assert row["bars"] == t.exit_row - t.entry_row
        net = t.end / t.start - 1
        costs, funding = t.costs / t.start, t.funding / t.start
        wanted = (t.entry_price, t.exit_price, t.weight, costs, funding, net)
        names = ("entry_price", "exit_price", "weight", "costs", "funding", "net_pnl")
        same([row[n] for n in names], wanted)
        assert row["net_pnl"] == pytest.approx(
            row["gross_pnl"] - row["costs"] + row["funding"], abs=1e-12
        )


@settings(max_examples=100, deadline=None, derandomize=True)
@given(cases())
def test_the_frames_add_up(case: Play) -> None:
    panel, result = case.window, backtest.run(case)
    frame = result.equity
    same(frame["gross_return"], frame["net_return"] + frame["cost"] - frame["funding"])
    same((1 + frame["net_return"]).cumprod(), frame["equity"])
    ends = dict.fromkeys(panel.symbols, 1.0)
    for trade in result.trades.to_dict("records"):
        ends[trade["symbol"]] *= 1 + trade["net_pnl"]
    end = sum(ends.values()) / len(ends)
    assert end == pytest.approx(frame["equity"].iloc[-1], rel=1e-11, abs=1e-12)
    plain = backtest.net_returns(case)
    np.testing.assert_array_equal(plain, frame["net_return"])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(cases())
def test_a_hole_changes_nothing_and_is_not_read(case: Play) -> None:
    panel, frame = case.window, backtest.run(case).equity
    blank = panel.gap.all(axis=1)
    assert (frame["net_return"].to_numpy()[blank] == 0).all()
    other = replace(case, targets=np.where(panel.gap, -case.targets, case.targets))
    np.testing.assert_array_equal(backtest.net_returns(other), frame["net_return"])
