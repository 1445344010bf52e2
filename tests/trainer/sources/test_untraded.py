"""Bars that nobody could trade are no bars; a market that is only quiet is none of that."""

from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.gate import Hole
from clm_trainer.sources.untraded import halts_of, require_traded, without_untraded
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage
from tests.support.fake_exchange import Listing, real_bars
from tests.trainer.sources.conftest import Open
from tests.trainer.sources.worlds import BTC, HOUR, STOP, run_data

START = pd.Timestamp("2025-11-01", tz="UTC")


def killed(frame: pd.DataFrame, *parts: slice) -> pd.DataFrame:
    """Let rows have no volume and the last price, as an exchange sends after a delisting."""
    dead = frame.copy()
    for rows in parts:
        index = dead.index[rows]
        before = range(len(dead))[rows].start - 1
        last = dead["close"].iloc[max(before, 0)]
        dead.loc[index, ["open", "high", "low", "close"]] = last
        dead.loc[index, "volume"] = 0.0
    return dead


def bars(count: int, step: str = "1h") -> pd.DataFrame:
    close = 100 + np.random.default_rng(2).normal(0, 1, count).cumsum() * 0.1
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(START, periods=count, freq=step),
            "open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 5.0,
        }
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    name: str
    frame: pd.DataFrame
    step: str
    found: list[tuple[int, int]]


def thin(share: float) -> pd.DataFrame:
    """A market in which a share of the hours see no trade, at random."""
    quiet = np.random.default_rng(3).random(4000) < share
    frame = bars(4000)
    return killed(frame, *(slice(int(i), int(i) + 1) for i in np.flatnonzero(quiet)))


CASES = [
    Case("every bar is traded", bars(300), "1h", []),
    Case("an hour without a trade", killed(bars(300), slice(100, 101)), "1h", []),
    Case("a quiet night of 10 hours", killed(bars(300), slice(100, 110)), "1h", []),
    Case("a thin market: a third of its hours see no trade", thin(0.33), "1h", []),
    Case("a halt of 24 hours", killed(bars(300), slice(100, 124)), "1h", [(123, 124)]),
    Case("23 hours", killed(bars(300), slice(100, 123)), "1h", []),
    Case("dead at the end", killed(bars(300), slice(200, 300)), "1h", [(223, 300)]),
    Case("dead before the first trade", killed(bars(300), slice(0, 50)), "1h", [(23, 50)]),
    Case("two halts", killed(bars(300), slice(50, 80), slice(120, 200)), "1h",
         [(73, 80), (143, 200)]),
    Case("never traded", killed(bars(300), slice(0, 300)), "1h", [(23, 300)]),
    Case("a hole within a halt", killed(bars(300), slice(100, 150)).drop(range(110, 115)), "1h",
         [(118, 145)]),
    Case("two days without a trade, in days", killed(bars(90, "1D"), slice(40, 42)), "1D", []),
    Case("three days, in days", killed(bars(90, "1D"), slice(40, 43)), "1D", [(42, 43)]),
    Case("23 hours, in minutes", killed(bars(3000, "1min"), slice(100, 1480)), "1min", []),
    Case("a day, in minutes", killed(bars(3000, "1min"), slice(100, 1540)), "1min",
         [(1539, 1540)]),
    Case("prices that move without a volume", bars(300).assign(volume=0.0), "1h", []),
    Case("a volume at one price", bars(300).assign(open=7.0, high=7.0, low=7.0, close=7.0), "1h",
         []),
    Case("no bar at all", bars(0), "1h", []),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_what_nobody_could_trade(case: Case) -> None:
    frame = case.frame.reset_index(drop=True)
    assert halts_of(frame, pd.Timedelta(case.step)) == case.found
    traded, halts = without_untraded(frame, pd.Timedelta(case.step))
    gone = [row for first, stop in case.found for row in range(first, stop)]
    pd.testing.assert_frame_equal(traded, frame.drop(gone).reset_index(drop=True))
    assert [(halt.start, halt.bars) for halt in halts] == [
        (frame["timestamp"][first], stop - first) for first, stop in case.found
    ]


@settings(max_examples=60, deadline=None)
@given(
    ends=st.lists(st.integers(1, 120), max_size=6),
    step=st.sampled_from(["1h", "4h", "1D"]),
    share=st.floats(0.1, 1.0),
)
def test_what_is_known_at_a_bars_close_is_never_taken_back(
    ends: list[int], step: str, share: float
) -> None:
    frame, row = bars(160, step), 1
    for number, length in enumerate(ends):
        if number % 2 == 0:
            frame = killed(frame, slice(row, min(row + length, 160)))
        row += length
    whole = {r for first, stop in halts_of(frame, pd.Timedelta(step)) for r in range(first, stop)}
    known = int(160 * share)
    seen = halts_of(frame.iloc[:known], pd.Timedelta(step))
    assert {r for first, stop in seen for r in range(first, stop)} == {
        r for r in whole if r < known
    }


@pytest.mark.parametrize(
    ("dead", "any_age", "refused"),
    [
        (slice(100, 200), False, False),
        (slice(200, 300), False, True),
        (slice(200, 300), True, False),
        (slice(0, 300), True, True),
    ],
    ids=["traded since", "dead at the end", "stored bars of any age", "dead from the start"],
)
def test_a_symbol_that_is_dead_at_the_end_is_refused(
    dead: slice, *, any_age: bool, refused: bool
) -> None:
    traded, halts = without_untraded(killed(bars(300), dead), HOUR)
    if not refused:
        require_traded(traded, halts, BTC, any_age=any_age)
        return
    with pytest.raises(ClmError, match=r"BTC/USDT has not been traded on binance since") as caught:
        require_traded(traded, halts, BTC, any_age=any_age)
    assert caught.value.reason == Reason.DATA_UNAVAILABLE
    assert "remove it from spec.data.symbols" in caught.value.message


def listing(*hours: tuple[int, int], status: str = "TRADING") -> Listing:
    """Real bars; those between some hours before the end are dead."""
    frame = real_bars("BTC")["1h"]
    frame = frame[frame["timestamp"] < STOP].reset_index(drop=True)
    count = len(frame)
    parts = [slice(count - start, count - stop) for start, stop in hours]
    return Listing("BTC", {"1h": killed(frame, *parts)}, status=status)


@pytest.mark.parametrize(
    ("world", "reason", "said"),
    [
        (listing((480, 0)), "DataUnavailable", "not been traded on binance since 2025-11-13 05:00"),
        (listing((30, 0)), "DataUnavailable", "BTC/USDT has not been traded on binance since"),
        (listing((480, 0), status="BREAK"), "SymbolUnknown", "BTC/USDT is not traded on binance"),
        (listing((5, 0), status="BREAK"), "SymbolUnknown", "BTC/USDT is not traded on binance"),
    ],
    ids=["20 days, listed as traded", "30 hours, listed as traded", "20 days, delisted",
         "5 hours, delisted"],
)  # fmt: skip
@pytest.mark.parametrize("before", [True, False], ids=["after a good run", "with stored bars"])
def test_a_run_names_the_symbol_that_is_not_traded_any_more(
    world: Listing, reason: str, said: str, opened: Open, tmp_path: Path, *, before: bool
) -> None:
    store = Storage(str(tmp_path))
    data = run_data(60)
    if before:
        opened(listing())
        fetch(data.having(to=data.to - 21 * 24 * HOUR), store)
    else:
        BarCache(store).write(BTC, BTC.cleaned(world.bars["1h"], "test"), "test")
    opened(world)
    with pytest.raises(ClmError) as caught:
        fetch(data, store)
    assert caught.value.reason == reason
    assert said in caught.value.message


def test_a_halt_is_masked_and_said_however_long_it_is(opened: Open, tmp_path: Path) -> None:
    opened(listing((400, 280), (60, 55)))
    panel, report = fetch(run_data(60), Storage(str(tmp_path)))
    assert np.flatnonzero(panel.gap[:, 0]).tolist() == list(range(1063, 1160))
    (one,) = report.symbols
    assert (one.halts, one.gaps) == ((Hole(STOP - 377 * HOUR, 97),), ())
    assert (report.bars, report.missing) == (60 * 24 - 97, 0)
    data = report.for_manifest()
    assert (data.symbols[0].untraded, data.symbols[0].halts[0].bars) == (97, 97)
    (note,) = [line for line in data.notes if "nobody" in line]
    assert note.startswith("BTC/USDT: nobody had traded for a day at 97 bars from 2025-11-16 13:00")


def test_a_quiet_market_asks_the_exchange_once_more_and_goes_on(
    opened: Open, tmp_path: Path
) -> None:
    fake = opened(listing((10, 0)))
    _, report = fetch(run_data(20), Storage(str(tmp_path)))
    assert (report.missing, report.symbols[0].halts) == (0, ())
    assert any("exchangeInfo" in str(one) for one in fake.asked)


def test_the_key_is_named_as_the_exchange_names_it() -> None:
    perpetual = BarKey("bybit", "usdm", "PEPE/USDT:USDT", "1h")
    traded, halts = without_untraded(killed(bars(100), slice(50, 100)), HOUR)
    with pytest.raises(ClmError, match="PEPE/USDT:USDT has not been traded on bybit since 2025"):
        require_traded(traded, halts, perpetual, any_age=False)
