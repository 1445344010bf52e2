"""The account's fills against the replay's decisions, on a market that rises by 1 an hour."""

from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_api.execution import ExecutionStatus
from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.backtest import Backtest
from clm_trainer.evaluation.play import Play
from clm_trainer.monitoring.execution import execution
from clm_trainer.monitoring.orders import Fill, decisions
from clm_trainer.panel import Panel

START = pd.Timestamp("2025-03-01 07:00", tz="UTC")
SINCE = START + pd.Timedelta("20min")
HOUR = pd.Timedelta("1h")
BARS, SIZE = 60, 10_000.0
BTC, ETH = "BTC/USDT", "ETH/USDT"
Changes = tuple[tuple[int, float], ...]
ROUND_TRIPS: Changes = ((9, 0.5), (19, 0.0), (29, 0.5), (39, 0.0))
"""Decided at the close of these bars, filled at the open of the next ones: 110, 120, 130, 140."""


def replay(
    changes: Changes = ROUND_TRIPS,
    *,
    holes: tuple[int, ...] = (),
    symbols: tuple[str, ...] = (BTC,),
) -> Backtest:
    """All symbols trade alike. The open of bar t is 100 + t, and its close that of the next."""
    column = 100.0 + np.arange(BARS + 1)
    targets = np.zeros(BARS)
    for row, weight in changes:
        targets[row:] = weight
    shape = (BARS, len(symbols))
    gap = np.zeros(shape, np.bool_)
    gap[list(holes)] = True
    prices = {
        name: np.where(gap, np.nan, np.broadcast_to(values[:, None], shape))
        for name, values in (("open", column[:-1]), ("close", column[1:]))
    }
    times = pd.date_range(START, periods=BARS, freq=HOUR)
    window = Panel(
        times=times, symbols=symbols, timeframe=HOUR, gap=gap, volume=np.ones(shape),
        high=prices["close"], low=prices["open"], open=prices["open"], close=prices["close"],
    )  # fmt: skip
    return backtest.run(Play(window, np.tile(targets[:, None], shape[1]), 0.0))


@dataclass(frozen=True)
class Order:
    """Bought (or sold, where negative) so many units at an hour since the first bar's open."""

    hour: float
    units: float
    price: float | None = None
    """Without one, the open of its bar."""

    @property
    def fill(self) -> Fill:
        price = 100.0 + int(self.hour) if self.price is None else self.price
        side = 1 if self.units > 0 else -1
        return Fill(START + self.hour * HOUR, side, price, abs(self.units))


FIRST = 0.5 * SIZE / 110
SECOND = 0.5 * (SIZE + FIRST * 10) / 130
"""Half of the account at 110; half of what it was worth after the first round trip at 130."""
FAITHFUL = (Order(10.01, FIRST), Order(20.01, -FIRST), Order(30.01, SECOND), Order(40.01, -SECOND))
IN, OUT, AGAIN, GONE = FAITHFUL


def worse(order: Order, bps: float) -> Order:
    price = order.fill.price * (1 + bps / 1e4 * order.fill.side)
    return Order(order.hour, order.units, price)


def parts(order: Order, count: int, apart_hours: float = 0.01) -> tuple[Order, ...]:
    return tuple(
        Order(order.hour + i * apart_hours, order.units / count, order.fill.price)
        for i in range(count)
    )


def compared(orders: tuple[Order, ...], made: Backtest | None = None) -> ExecutionStatus:
    return execution(made or replay(), {BTC: [one.fill for one in orders]}, SINCE)


@dataclass(frozen=True)
class Case:
    name: str
    orders: tuple[Order, ...]
    unexplained: int = 0
    missed: int = 0
    bps: float | None = 0.0
    shortfall: float | None = 0.0
    """What the account earned less than the replay; None: its size can't be told."""
    changes: Changes = ROUND_TRIPS
    holes: tuple[int, ...] = ()


CASES = [
    Case("every decision is filled at its open", FAITHFUL),
    Case("every fill is 10 bp worse than its open", tuple(worse(one, 10) for one in FAITHFUL),
         bps=10, shortfall=(FIRST * (110 + 120) + SECOND * (130 + 140)) * 1e-3 / SIZE),
    Case("every fill is 10 bp better", tuple(worse(one, -10) for one in FAITHFUL),
         bps=-10, shortfall=-(FIRST * (110 + 120) + SECOND * (130 + 140)) * 1e-3 / SIZE),
    Case("one order in twelve parts", (*parts(IN, 12), OUT, AGAIN, *parts(GONE, 3))),
    Case("parts of an order over more than two bars",
         (*parts(IN, 3, apart_hours=1.2), OUT, AGAIN, GONE), bps=-(1 / 110 + 2 / 110) / 3 * 1e4 * (
             FIRST * 110 / (FIRST * (110 + 111 + 112) / 3 + FIRST * 120 + SECOND * 270))),
    Case("a fill two bars late, at its own bar's open", (Order(12.01, FIRST), OUT, AGAIN, GONE),
         shortfall=FIRST * 2 / SIZE),
    Case("a fill stamped a second before the close that decided it",
         (Order(10 - 1 / 3600, FIRST), OUT, AGAIN, GONE), shortfall=-FIRST / SIZE),
    Case("a fill stamped a minute before that close",
         (Order(10 - 1 / 60, FIRST), OUT, AGAIN, GONE), unexplained=2, missed=2, shortfall=None),
    Case("away for a day: in and out were missed, the next ones not", (AGAIN, GONE), missed=2,
         shortfall=None),
    Case("away at the entry, back while the position is in force",
         (Order(17.5, FIRST), OUT, AGAIN, GONE), shortfall=FIRST * 7 / SIZE),
    Case("away at the exit: the position was kept until it came back",
         (IN, Order(26.5, -FIRST), AGAIN, GONE), shortfall=-FIRST * 6 / SIZE),
    Case("an order of nobody's, and its end",
         (IN, OUT, Order(22.5, 3), Order(25.5, -3), AGAIN, GONE),
         unexplained=2, shortfall=-3 * 3 / SIZE),
    Case("the wrong side", (Order(10.01, -FIRST), OUT, AGAIN, GONE), unexplained=2, missed=2,
         shortfall=None),
    Case("an order more, long after its decision was filled",
         (IN, Order(15.1, FIRST), OUT, AGAIN, GONE),
         unexplained=1, shortfall=-FIRST * (160 - 115) / SIZE),
    Case("dust that was sold, and dust that was left",
         (IN, OUT, Order(22.5, -0.001 * FIRST), AGAIN, GONE)),
    Case("dust is no order", (Order(10.01, FIRST / 1000), OUT, AGAIN, GONE), missed=1,
         shortfall=None, bps=0.0),
    Case("fees were taken in coins: a thousandth less is sold",
         (IN, Order(20.01, -FIRST * 0.999), AGAIN, Order(40.01, -SECOND * 0.999)),
         shortfall=-(FIRST * (160 - 120) + SECOND * (160 - 140)) * 0.001 / SIZE),
    Case("what was held before the promotion is sold after it",
         (Order(-3, 7.0), Order(0.4, -5.0), Order(2.5, -2.0), *FAITHFUL)),
    Case("fills before the promotion and after the last bar are not looked at",
         (Order(0.1, 7.0), *FAITHFUL, Order(60.2, 5.0))),
    Case("a position that the model brings along is asked of nobody",
         (Order(20.01, -FIRST), AGAIN, GONE), shortfall=None,
         changes=((0, 0.5), (19, 0.0), (29, 0.5), (39, 0.0))),
    Case("a flip through zero in one order", (IN, Order(20.01, -2 * FIRST), Order(30.01, FIRST)),
         changes=((9, 0.5), (19, -0.5), (29, 0.0)), shortfall=None),
    Case("a flip through zero in two orders",
         (IN, Order(20.01, -FIRST), Order(20.02, -FIRST), Order(30.01, FIRST)),
         changes=((9, 0.5), (19, -0.5), (29, 0.0)), shortfall=None),
    Case("a hole: the exchange traded where there is no bar",
         (Order(10.4, FIRST, 110.0), OUT, AGAIN, GONE), holes=(10, 11),
         bps=-2 / 112 * 1e4 * FIRST * 112 / (FIRST * (112 + 120) + SECOND * 270), shortfall=None),
    Case("the newest decision may still be filled", FAITHFUL, shortfall=0.5 * 2 / 158 * (
             1 + (FIRST * 10 + SECOND * 10) / SIZE), changes=(*ROUND_TRIPS, (57, 0.5))),
    Case("the newest decision was not filled in three bars", FAITHFUL, missed=1,
         changes=(*ROUND_TRIPS, (56, 0.5)), shortfall=0.5 * 3 / 157 * (
             1 + (FIRST * 10 + SECOND * 10) / SIZE)),
    Case("an order that a new decision overtook",
         (*parts(IN, 2, apart_hours=1.1), Order(11.3, -FIRST), AGAIN, GONE),
         changes=((9, 0.5), (10, 0.0), (29, 0.5), (39, 0.0)), shortfall=None,
         bps=-FIRST / 2 / (FIRST * (55 + 55.5 + 111) + SECOND * 270) * 1e4),
    Case("nothing was done at all", (), missed=4, bps=None, shortfall=None),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_fills_against_decisions(case: Case) -> None:
    found = compared(case.orders, replay(case.changes, holes=case.holes))
    assert (found.unexplained, found.missed) == (case.unexplained, case.missed)
    assert found.decisions == len(case.changes)
    if case.bps is not None or found.shortfall_bps is not None:
        assert found.shortfall_bps == pytest.approx(case.bps, abs=0.6)
    if case.shortfall is None:
        return
    assert found.shortfall_return == pytest.approx(case.shortfall, abs=3e-4)


def test_the_span_and_the_words() -> None:
    found = compared(FAITHFUL)
    assert (found.from_, found.to, found.fills) == (START, START + 59 * HOUR, 4)
    said = "4 of 4 decisions after the handover (4 bars) were carried out"
    assert found.message == f"{said}; +0.0 bp against the opens; +0.00% of equity behind the replay"


@pytest.mark.parametrize(
    ("orders", "told"),
    [((IN, OUT), False), ((IN, OUT, AGAIN), True),
     ((IN, Order(20.01, -2 * FIRST), Order(30.01, SECOND / 2), GONE), False)],
    ids=["two orders", "three orders", "orders of any size"],
)  # fmt: skip
def test_the_return_needs_the_accounts_size(orders: tuple[Order, ...], *, told: bool) -> None:
    found = compared(orders)
    assert (found.shortfall_return is not None) is told
    assert ("the account's size can't be told" in found.message) is not told


def test_symbols_are_compared_each_with_its_own_fills() -> None:
    made = replay(symbols=(BTC, ETH))
    half = [Order(one.hour, one.units / 2).fill for one in FAITHFUL]
    both = execution(made, {BTC: half, ETH: half}, SINCE)
    assert (both.decisions, both.unexplained, both.missed) == (8, 0, 0)
    assert both.shortfall_return == pytest.approx(0.0, abs=1e-9)
    other = execution(made, {BTC: half, "SOL/USDT": half}, SINCE)
    assert (other.fills, other.unexplained, other.missed) == (4, 0, 4)


def test_the_decisions_are_the_replays_own_fills() -> None:
    made = replay(((0, 0.2), (9, -0.5), (19, 0.0)), holes=(10,))
    found = decisions(made, 0)
    assert [(one.known, one.price) for one in found] == [
        (START + HOUR, 101.0), (START + 10 * HOUR, 111.0), (START + 20 * HOUR, 120.0)
    ]  # fmt: skip
    assert [(one.before, one.after) for one in found] == [(0, 0.2), (0.2, -0.5), (-0.5, 0)]
    units = np.cumsum([one.units for one in found])
    assert units[-1] == pytest.approx(0.0, abs=1e-12)
    gained = sum(one.units * (120.0 - one.price) for one in found)
    assert gained == pytest.approx(made.sleeves[-1, 0] - 1)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 58), st.sampled_from([0.0, 0.3, 0.6, -0.4])), max_size=12),
    st.floats(100, 1e6),
)
def test_a_faithful_account_of_any_size_has_no_shortfall(
    drawn: list[tuple[int, float]], size: float
) -> None:
    made = replay(tuple(sorted(drawn)))
    decided = decisions(made, 0)
    fills = [
        Fill(one.known, 1 if one.units > 0 else -1, one.price, abs(one.units) * size)
        for one in decided
    ]
    found = execution(made, {BTC: fills}, START)
    assert (found.unexplained, found.missed) == (0, 0)
    if found.shortfall_return is not None:
        assert found.shortfall_return == pytest.approx(0.0, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0.4, 59.9), st.floats(-50, 50).filter(bool)), max_size=20))
def test_every_fill_is_explained_or_not(drawn: list[tuple[float, float]]) -> None:
    orders = tuple(Order(hour, units) for hour, units in sorted(drawn))
    found = compared(orders)
    assert found.fills == len(orders)
    assert 0 <= found.unexplained <= found.fills
    assert 0 <= found.missed <= found.decisions == 4
