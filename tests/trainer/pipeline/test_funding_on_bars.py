"""Which bar is charged which funding event, and which pauses are too long."""

from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_api.errors import ClmError
from clm_trainer.panel import Panel
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.funding import FundingKey
from clm_trainer.stages.funding import at_opens, dues, funding_events
from clm_trainer.storage import Storage
from tests.trainer.evaluation.markets import NAN, one, panel_of
from tests.trainer.pipeline.perpetuals import perpetual_run

START = pd.Timestamp("2024-01-01", tz="UTC")
"""Open of the first bar of the panels here."""
SYMBOL = "S0/USDT"


def events(*rows: tuple[str, float, float]) -> pd.DataFrame:
    """Events of the first symbol: time of day of the first day, rate, mark price."""
    return pd.DataFrame(
        {
            "time": pd.to_datetime([f"2024-01-01 {time}" for time, _, _ in rows], utc=True),
            "symbol": [SYMBOL] * len(rows),
            "funding_rate": [rate for _, rate, _ in rows],
            "mark_price": [mark for _, _, mark in rows],
        }
    )


@dataclass
class Due:
    name: str
    events: pd.DataFrame
    at_open: list[float] = field(default_factory=lambda: [0.0] * 4)
    inside: list[float] = field(default_factory=lambda: [0.0] * 4)
    holes: tuple[int, ...] = ()


OPENS = [100.0, 110.0, 120.0, 130.0]
DUES = [
    Due("at an open: before that bar's fills", events(("01:00", 0.01, 200)), [0, 2, 0, 0]),
    Due("at the first open", events(("00:00", 0.01, 200)), [2, 0, 0, 0]),
    Due("inside a bar", events(("01:30", -0.01, 200)), inside=[0, -2, 0, 0]),
    Due("in the last minute of a bar", events(("01:59", 0.01, 200)), inside=[0, 2, 0, 0]),
    Due("several inside one bar add up",
        events(("01:00", 0.01, 200), ("01:20", 0.01, 200), ("01:40", 0.02, 200)),
        [0, 2, 0, 0], [0, 6, 0, 0]),
    Due("no mark price: the bar's open", events(("01:00", 0.01, NAN), ("02:30", 0.01, NAN)),
        [0, 1.1, 0, 0], [0, 0, 1.2, 0]),
    Due("no mark price and no bar: the open of the next bar, which is charged",
        events(("01:00", 0.01, NAN), ("01:30", 0.02, NAN)), [0, 1.3, 0, 0], [0, 2.6, 0, 0],
        holes=(1, 2)),
    Due("no mark price and no bar any more: never charged", events(("03:00", 0.01, NAN)),
        holes=(3,)),
    Due("a mark price is enough in a hole", events(("01:00", 0.01, 200)), [0, 2, 0, 0],
        holes=(1,)),
    Due("before and after the window", pd.concat([
        events(("04:00", 0.01, 200)),
        events(("00:00", 0.01, 200)).assign(time=START - pd.Timedelta("1min")),
    ])),
]  # fmt: skip


@pytest.mark.parametrize("case", DUES, ids=attrgetter("name"))
def test_which_bar_is_charged(case: Due) -> None:
    found = dues(case.events, one(OPENS, holes=case.holes))
    np.testing.assert_allclose(found.at_open[:, 0], case.at_open, rtol=1e-15)
    np.testing.assert_allclose(found.inside[:, 0], case.inside, rtol=1e-15)


def test_each_symbol_is_charged_its_own() -> None:
    prices = np.full((4, 2), 100.0)
    both = pd.concat(
        [events(("01:00", 0.01, 200)), events(("01:00", 0.03, 50)).assign(symbol="S1/USDT")]
    )
    found = dues(both, panel_of(prices, prices))
    np.testing.assert_allclose(found.at_open[1], [2, 1.5])
    rate, mark = at_opens(both, panel_of(prices, prices))
    np.testing.assert_array_equal(rate, [[NAN, NAN], [0.01, 0.03], [NAN, NAN], [NAN, NAN]])
    np.testing.assert_array_equal(mark[1], [200, 50])


def test_only_events_at_an_open_are_shown_beside_the_bar() -> None:
    shown = at_opens(events(("01:00", 0.01, NAN), ("02:30", 0.02, 200)), one(OPENS))
    np.testing.assert_array_equal(np.concatenate(shown, axis=1)[:, 0], [NAN, 0.01, NAN, NAN])
    assert np.isnan(shown[1]).all(), "a mark price that is not known stays so"
    assert np.isnan(at_opens(None, one(OPENS))).all()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    minutes=st.lists(st.integers(0, 20 * 60 - 1), unique=True, max_size=40),
    seed=st.integers(0, 2**32 - 1),
    cut=st.integers(1, 19),
)
def test_every_event_is_charged_once_and_a_part_of_the_window_charges_its_own(
    minutes: list[int], seed: int, cut: int
) -> None:
    rng, count = np.random.default_rng(seed), len(minutes)
    drawn = pd.DataFrame(
        {
            "time": START + pd.to_timedelta(minutes, unit="min"),
            "symbol": [SYMBOL] * count,
            "funding_rate": rng.normal(0, 0.001, count),
            "mark_price": rng.uniform(90, 110, count),
        }
    )
    panel = one([100.0] * 20)
    found = dues(drawn, panel)
    total = (drawn["funding_rate"] * drawn["mark_price"]).sum()
    assert (found.at_open + found.inside).sum() == pytest.approx(total, abs=1e-12)
    later = dues(drawn, panel.window(cut, 20))
    np.testing.assert_array_equal(later.at_open, found.at_open[cut:])
    np.testing.assert_array_equal(later.inside, found.inside[cut:])


def daily(first: int = 0, halt: range = range(0)) -> Panel:
    """Four days of one symbol whose first bar is row ``first``, and that was halted in between."""
    return one([100.0] * 96, holes=(*range(first), *halt))


@dataclass(frozen=True)
class Pause:
    name: str
    hours: tuple[float, ...]
    first_bar: int = 0
    halt: range = range(0)
    reason: str | None = None


PAUSES = [
    Pause("every 24 h, at both edges", (24, 48, 72)),
    Pause("exactly 24 h to the first and from the last event", (24, 47, 70, 72)),
    Pause("more than 24 h before the first", (24.1, 48, 72), reason="DataGap"),
    Pause("more than 24 h between two", (0, 24, 48.1, 72), reason="DataGap"),
    Pause("more than 24 h after the last", (0, 24, 48, 71.9), reason="DataUnavailable"),
    Pause("more than 24 h, and again after the last", (0, 30, 54), reason="DataGap"),
    Pause("no event", (), reason="DataUnavailable"),
    Pause("pauses before the symbol's first bar don't matter", (2, 60, 80), first_bar=40),
    Pause("more than 24 h after the symbol's first bar", (10, 70, 80), first_bar=40,
          reason="DataGap"),
    Pause("two days in which nobody could trade", (8, 72, 90), halt=range(16, 64)),
    Pause("a day of trading beside such a time", (8, 74, 90), halt=range(36, 60),
          reason="DataGap"),
    Pause("nobody can trade since two days", (24, 47), halt=range(48, 96)),
    Pause("a symbol without a bar needs none", (), first_bar=96),
]  # fmt: skip


@pytest.mark.parametrize("case", PAUSES, ids=attrgetter("name"))
def test_how_long_a_pause_may_be(case: Pause, tmp_path: Path) -> None:
    store = Storage(str(tmp_path))
    hours = np.array([-30.0, -1.0, *case.hours, 96.0, 120.0])
    stored = pd.DataFrame(
        {
            "timestamp": (START + pd.to_timedelta(hours * 60, unit="min")).as_unit("us"),
            "funding_rate": 0.0001,
            "mark_price": NAN,
        }
    )
    BarCache(store).write(FundingKey("binance", "usdm", SYMBOL), stored, "test")
    panel = daily(case.first_bar, case.halt)
    if case.reason is None:
        found = funding_events(perpetual_run(), panel, store)
        assert found is not None
        assert len(found) == len(case.hours), "those outside the window are not read"
        return
    with pytest.raises(ClmError) as caught:
        funding_events(perpetual_run(), panel, store)
    assert caught.value.reason == case.reason
