"""The recomputed accounting against cases worked out on paper; the kernel takes no part."""

from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np
import pandas as pd
import pytest

from clm_trainer.evaluation.play import Play
from clm_trainer.outcome import as_parquet
from clm_trainer.recompute import significance
from clm_trainer.recompute.book import Book, keep_book
from clm_trainer.recompute.claims import Floats, read
from clm_trainer.recompute.folds import numbers_of
from clm_trainer.recompute.market import Bars, Market, market_of
from tests.support.attempts import files_of
from tests.trainer.evaluation.markets import column, one

C = 0.01


def market(
    open_: list[float],
    close: list[float],
    target: list[float],
    holes: tuple[int, ...] = (),
    due: tuple[dict[int, float], dict[int, float]] = ({}, {}),
) -> Market:
    """One symbol; funding by grid row, at the open and inside."""
    rows = np.array([row for row in range(len(open_)) if row not in holes], dtype=np.int64)

    def seen(values: list[float]) -> Floats:
        return np.array(values, dtype=float)[rows]

    dues = [np.array([part.get(int(row), 0.0) for row in rows]) for part in due]
    bars = Bars(rows, seen(open_), seen(close), seen(target), *dues)
    times = pd.date_range("2024-01-01", periods=len(open_), freq="h", tz="UTC")
    return Market(times, ("BTC/USDT",), (bars,))


@dataclass
class Case:
    name: str
    market: Market
    equity: list[float]
    net_pnl: list[float] = field(default_factory=list)


LEVEL = [100.0] * 4
CASES = [
    Case("flat", market(LEVEL, LEVEL, [0, 0, 0, 0]), [1, 1, 1, 1]),
    Case(
        "bought at row 1's open, sold at row 2's: a cost each",
        market([100, 100, 120, 120], [100, 110, 120, 120], [1, 0, 0, 0]),
        [1, 1.1 / 1.01, 1.2 * 0.99 / 1.01, 1.2 * 0.99 / 1.01],
        [1.2 * 0.99 / 1.01 - 1],
    ),
    Case(
        "half a sleeve short: 1.5 in cash, less what half a unit costs to buy back",
        market([100, 100, 80, 80], [100, 90, 80, 80], [-0.5, 0, 0, 0]),
        [1, 1.05 / 1.005, (1.5 - 0.4 * 1.01) / 1.005, (1.5 - 0.4 * 1.01) / 1.005],
        [(1.5 - 0.4 * 1.01) / 1.005 - 1],
    ),
    Case(
        "a flip pays for both legs",
        market([100, 100, 100, 50], [100, 100, 100, 50], [1, -1, -1, -1]),
        [1, 1 / 1.01, 0.99 / 1.01**2, 1.5 * 0.99 / 1.01**2],
        [0.99 / 1.01 - 1, 1.5 / 1.01 - 1],
    ),
    Case(
        "from half to full: only the difference is traded",
        market(LEVEL, LEVEL, [0.5, 1, 1, 1]),
        [1, 1 / 1.005, 1 / 1.01, 1 / 1.01],
        [1 / 1.01 - 1],
    ),
    Case(
        "a hole: its decision is none, the fill waits, the mark stands",
        market([100, 100, 7, 200], [100, 100, 7, 200], [0, 1, 0, 0], holes=(2,)),
        [1, 1, 1, 1 / 1.01],
        [1 / 1.01 - 1],
    ),
    Case(
        "a short that costs more than there is: lost for good",
        market([100, 100, 100, 50], [100, 100, 210, 50], [-1, -1, -1, -1]),
        [1, 1 / 1.01, 0, 0],
        [-1],
    ),
    Case(
        "a fill beyond ruin",
        market([100, 100, 300, 50], [100, 100, 100, 50], [-1, 0, 0, 1]),
        [1, 1 / 1.01, 0, 0],
        [-1],
    ),
    Case(
        "funding on what was held before the fill, and inside on what is held then",
        market(LEVEL, LEVEL, [1, 0, 0, 0], due=({1: 9, 2: 10}, {1: 20, 2: 9})),
        [1, 80 / 101, 69 / 101, 69 / 101],
        [69 / 101 - 1],
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_equity_and_trades(case: Case) -> None:
    book = keep_book(case.market, C)
    np.testing.assert_allclose(book.equity["equity"], case.equity, rtol=1e-14)
    np.testing.assert_allclose(book.trades["net_pnl"].to_numpy(float), case.net_pnl, rtol=1e-13)


def test_topping_up_a_short_beyond_full_at_10000_bp_costs_all_there_is() -> None:
    """Cost 1 on 1.29 of equity: no division by 1 - 1, which is what is left of each unit sold."""
    rising = market([100, 100, 150, 40], [100, 100, 150, 40], [-0.6, -1, -1, 0])
    assert keep_book(rising, 1.0).equity["equity"].tolist() == [1, 0.625, 0, 0]


def funded() -> Book:
    return keep_book(CASES[-1].market, C)


def test_what_a_bar_cost_and_received_is_a_share_of_the_equity_before_it() -> None:
    frame = funded().equity
    np.testing.assert_allclose(frame["cost"], [0, 1 / 101, 1 / 80, 0], atol=1e-15)
    np.testing.assert_allclose(frame["funding"], [0, -20 / 101, -10 / 80, 0], atol=1e-15)
    np.testing.assert_allclose(frame["gross_return"], 0, atol=1e-15)


def test_a_trade_splits_its_return() -> None:
    trade = funded().trades.iloc[0]
    assert trade["costs"] == pytest.approx(2 / 101)
    assert trade["funding"] == pytest.approx(-30 / 101)
    assert trade["gross_pnl"] == pytest.approx(0, abs=1e-15)
    assert (trade["side"], trade["weight"], trade["bars"], trade["closed"]) == (1, 1, 1, True)


def test_turnover_and_exposure_are_means_over_the_bars() -> None:
    book = keep_book(CASES[2].market, C)
    bought, share = 0.5 / 1.005, 0.45 / 1.05
    sold = 0.4 / (1.5 - 0.4)
    assert book.traded.mean() == pytest.approx((bought + sold) / 4, rel=1e-13)
    assert book.exposed.mean() == pytest.approx(share / 4, rel=1e-13)


def test_the_benchmark_buys_at_row_1_and_never_sells() -> None:
    rising = market([100, 100, 120, 120], [100, 110, 120, 60], [0, 0, 0, 0])
    frame = keep_book(rising, C).equity
    np.testing.assert_allclose(frame["benchmark"] * 1.01, [1.01, 1.1, 1.2, 0.6], rtol=1e-14)


EVENTS = [
    ("at the open", "02:00", 50.0, [0, 0, 0.5, 0], [0, 0, 0, 0]),
    ("29 s after the open: at the open", "02:00:29", 50.0, [0, 0, 0.5, 0], [0, 0, 0, 0]),
    ("inside a bar", "02:30", 50.0, [0, 0, 0, 0], [0, 0, 0.5, 0]),
    ("without a mark price, at the open: the open", "02:00", None, [0, 0, 1.1, 0], [0, 0, 0, 0]),
    ("without a mark price, inside: that bar's open", "02:30", None, [0, 0, 0, 0], [0, 0, 1.1, 0]),
    ("in a hole: at the next open", "04:30", 50.0, [0, 0, 0, 0.5], [0, 0, 0, 0]),
    ("in a hole, without a mark price: the next open", "03:00", None, [0, 0, 0, 1.3], [0] * 4),
    ("rounded up to the next open", "01:59:31", 50.0, [0, 0, 0.5, 0], [0, 0, 0, 0]),
    ("after the last bar: never", "06:00", 50.0, [0, 0, 0, 0], [0, 0, 0, 0]),
]
"""Events of a rate of 0.01 on hourly bars from 00:00 to 05:00; 03:00 and 04:00 are missing."""


@pytest.mark.parametrize(
    ("time", "mark", "at_open", "inside"),
    [case[1:] for case in EVENTS],
    ids=[case[0] for case in EVENTS],
)
def test_funding_is_charged(
    time: str, mark: float | None, at_open: list[float], inside: list[float]
) -> None:
    panel = one([90.0, 100, 110, 120, 125, 130], holes=(3, 4))
    row = {
        "time": [pd.Timestamp(f"2024-01-01 {time}", tz="UTC")],
        "symbol": ["S0/USDT"],
        "funding_rate": [0.01],
        "mark_price": [np.nan if mark is None else mark],
    }
    files = files_of(Play(panel, column(*[0.0] * 6), 0))
    files["funding.parquet"] = as_parquet(pd.DataFrame(row))
    bars = market_of(read(files)).sleeves[0]
    np.testing.assert_allclose(bars.due_at_open, at_open)
    np.testing.assert_allclose(bars.due_inside, inside)


def test_folds_are_cut_as_evenly_as_whole_bars_allow() -> None:
    assert numbers_of(10, 3).tolist() == [0] * 3 + [1] * 3 + [2] * 4


@pytest.mark.parametrize(
    ("trials", "skew", "kurtosis", "expected"),
    [(100, -3, 10, 0.9004), (46, -3, 10, 0.9505), (88, 0, 3, 0.9505)],
    ids=["100 trials", "46 trials", "88 trials, normal returns"],
)
def test_the_published_deflated_sharpe_ratios(
    trials: int, skew: float, kurtosis: float, expected: float
) -> None:
    """Annual 2.5 over 1250 of 250 bars a year, variance 0.5: Bailey & López de Prado (2014)."""
    luck = significance.luckiest(trials, 0.5 / 250)
    sharpe = 2.5 / 250**0.5
    assert significance.psr(sharpe, 1250, skew, kurtosis, luck) == pytest.approx(expected, abs=5e-5)
    if trials == 100:
        assert luck == pytest.approx(0.1132, abs=5e-5)


@pytest.mark.parametrize(
    ("above", "expected"), [(0.5, 1.0), (1.5, 0.0)], ids=["above the benchmark", "below it"]
)
def test_an_estimate_without_any_spread_is_certain(above: float, expected: float) -> None:
    """Of returns with two values, skew 2 and kurtosis 5, and a ratio of 1: 1 - 2 + 1 is 0."""
    assert significance.psr(1, 100, 2, 5, above) == expected


def test_after_the_minimum_track_record_the_probability_is_95_percent() -> None:
    bars = significance.min_track_record(0.05, -0.5, 6)
    assert significance.psr(0.05, round(bars), -0.5, 6) == pytest.approx(0.95, abs=1e-4)


@pytest.mark.parametrize(
    ("wins", "trials", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1)],
    ids=["8 of 10", "none of 10", "all of 10"],
)
def test_wilson_interval(wins: int, trials: int, low: float, high: float) -> None:
    assert significance.wilson(wins, trials) == pytest.approx((low, high), abs=5e-5)
