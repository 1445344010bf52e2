"""What an exchange tells beside bars: fetched, stored and seen as bars are; refused elsewhere."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_trainer.panel import Panel
from clm_trainer.sources.report import DataReport
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage
from tests.support.fake_exchange import Listing, noise
from tests.support.fake_exchange.faults import ALWAYS, Fault, answer, at, rows, without
from tests.support.fake_exchange.listings import INDEX, MARK, taken_of, trades_of
from tests.trainer.sources.conftest import Open
from tests.trainer.sources.worlds import HOUR, STOP, btc, milliseconds, perpetual, run_data

DAYS = 40
KLINES = ["takerBuyVolume", "tradeCount"]
ALL = ["fundingRate", "markPrice", "indexPrice", "openInterest", *KLINES]


def interest() -> pd.DataFrame:
    """Every hour of the last 50 days; synthetic."""
    times = pd.date_range(STOP - pd.Timedelta("50D"), STOP, freq="h")
    return pd.DataFrame({"timestamp": times, "open_interest": 1000.0 + np.arange(len(times))})


def usdm(**more: Any) -> Listing:
    return perpetual(interest=interest(), **more)


def fetched(
    store: Path, market: str = "usdm", columns: list[str] = ALL, **more: Any
) -> tuple[Panel, DataReport]:
    data = run_data(DAYS, market=market, columns=columns, **more)
    return fetch(data, Storage(str(store)))


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_a_kline_s_other_numbers_are_those_of_the_bar(
    opened: Open, tmp_path: Path, market: str
) -> None:
    opened(btc() if market == "spot" else usdm())
    panel, _ = fetched(tmp_path, market, KLINES)
    volume = panel.volume[:, 0]
    assert list(panel.extra) == KLINES
    there = ~panel.gap[:, 0]
    np.testing.assert_allclose(
        panel.extra["takerBuyVolume"][there, 0], [taken_of(v) for v in volume[there]], rtol=1e-9
    )
    np.testing.assert_array_equal(
        panel.extra["tradeCount"][there, 0], [trades_of(v) for v in volume[there]]
    )


def test_mark_and_index_price_are_closes_of_the_same_bar(opened: Open, tmp_path: Path) -> None:
    opened(usdm())
    panel, _ = fetched(tmp_path, columns=["markPrice", "indexPrice"])
    for name, factor in (("markPrice", MARK), ("indexPrice", INDEX)):
        np.testing.assert_allclose(panel.extra[name], panel.close * factor, rtol=1e-8)


def test_funding_is_the_newest_rate_that_was_settled_by_the_close(
    opened: Open, tmp_path: Path
) -> None:
    opened(listing := usdm())
    panel, report = fetched(tmp_path, columns=["fundingRate"])
    assert listing.funding is not None
    times = listing.funding["timestamp"].dt.round("min")
    rates = listing.funding["funding_rate"].round(8)
    for row in (0, 100, 101, 500, len(panel) - 1):
        close = panel.times[row] + HOUR
        settled = rates[(times <= close) & (times > close - pd.Timedelta("24h"))]
        wanted = settled.iloc[-1] if len(settled) else np.nan
        np.testing.assert_allclose(panel.extra["fundingRate"][row, 0], wanted)
    (source,) = report.sources
    assert (source.name, source.oldest_seconds) == ("fundingRate BTC/USDT:USDT", 8 * 3600)


def test_open_interest_is_known_for_a_month_and_missing_before(
    opened: Open, tmp_path: Path
) -> None:
    fake = opened(usdm())
    panel, report = fetched(tmp_path, columns=["openInterest"])
    seen = panel.extra["openInterest"][:, 0]
    first = int(np.flatnonzero(~np.isnan(seen))[0])
    assert STOP - panel.times[first] <= pd.Timedelta("30D")
    assert STOP - panel.times[first] >= pd.Timedelta("29D")
    wanted = interest().set_index("timestamp")["open_interest"]
    np.testing.assert_array_equal(seen[first:], wanted[panel.times[first:] + HOUR])
    (source,) = report.sources
    assert (source.missing, source.oldest_seconds) == (first, 0)
    told = "tells the newest 30 days of BTC/USDT:USDT's open interest alone"
    assert any(told in note for note in report.notes)
    assert all(int(one.query["limit"]) <= 500 for one in fake.of("openInterestHist"))


def test_what_is_stored_of_open_interest_grows_beyond_what_the_exchange_tells(
    opened: Open, tmp_path: Path
) -> None:
    early = STOP - pd.Timedelta("15D")
    opened(usdm(), now=early)
    data = run_data(DAYS, market="usdm", columns=["openInterest"])
    earlier = data.having(from_=data.from_ - (STOP - early), to=early)
    fetch(earlier, Storage(str(tmp_path)))
    opened(usdm())
    panel, _ = fetch(data, Storage(str(tmp_path)))
    known = np.isfinite(panel.extra["openInterest"][:, 0])
    assert known.all(), "30 days from today, and those that an earlier run kept"


def test_open_interest_that_stands_still_is_too_old_after_three_rows(
    opened: Open, tmp_path: Path
) -> None:
    listing = usdm()
    listing.interest = interest().iloc[:-11]
    opened(listing)
    panel, report = fetched(tmp_path, columns=["openInterest"])
    late = np.isnan(panel.extra["openInterest"][-12:, 0])
    assert late.tolist() == [False] * 4 + [True] * 8
    assert report.sources[0].oldest_seconds == 3 * 3600


def test_columns_cost_their_pages_once_and_nothing_when_nobody_asks(
    opened: Open, tmp_path: Path
) -> None:
    fake = opened(usdm())
    fetched(tmp_path, columns=[])
    bare = len(fake.asked)
    fetched(tmp_path)
    asked = [one.endpoint for one in fake.asked[bare:]]
    pages = -(-DAYS * 24 // 499)
    assert {name: asked.count(name) for name in set(asked) - {"time", "exchangeInfo"}} == {
        "klines": pages, "markPriceKlines": pages, "indexPriceKlines": pages,
        "openInterestHist": 2, "fundingRate": 1,
    }  # fmt: skip
    fake.asked.clear()
    fetched(tmp_path)
    assert {one.endpoint for one in fake.asked} <= {"fundingRate"}, "the newest payment may be late"


def test_bars_alone_are_what_they_were(opened: Open, tmp_path: Path) -> None:
    opened(usdm())
    bare, report = fetched(tmp_path, columns=[])
    assert (bare.extra, report.sources) == ({}, ())
    assert "sources" not in report.to_json_dict()
    with_columns, more = fetched(tmp_path)
    np.testing.assert_array_equal(with_columns.close, bare.close)
    assert more.sha256 != report.sha256, "the digest is of all that is trained on"
    assert [one.name.split()[0] for one in more.sources] == ALL
    assert len(more.for_manifest().sources) == len(ALL)


def test_stored_columns_do_without_the_exchange(opened: Open, tmp_path: Path) -> None:
    fake = opened(usdm())
    panel, _ = fetched(tmp_path)
    fake.asked.clear()
    again, report = fetched(tmp_path, refresh="Never")
    assert (fake.asked, report.requests) == ([], 0)
    for name in ALL:
        np.testing.assert_array_equal(again.extra[name], panel.extra[name])


def test_what_an_exchange_says_later_of_a_stored_row_is_told_and_the_first_word_stands(
    opened: Open, tmp_path: Path
) -> None:
    when = STOP - 20 * HOUR
    twice = rows(_again(milliseconds(when)), endpoint="markPriceKlines")
    opened(usdm(), faults=(twice,))
    panel, report = fetched(tmp_path, columns=["markPrice"])
    row = panel.times.get_loc(when)
    assert panel.extra["markPrice"][row, 0] == pytest.approx(panel.close[row, 0] * MARK)
    assert any("mark-1h: 1 stored row differs" in note for note in report.notes)
    assert [(one.column, one.found) for one in report.symbols[0].revisions] == [("close", 7.0)]


def _again(time_ms: int) -> Any:
    def change(page: list[list[Any]]) -> list[list[Any]]:
        return [*page, *([*row[:4], "7", *row[5:]] for row in page if row[0] == time_ms)]

    return change


def test_a_hole_of_a_column_is_a_bar_without_a_value(opened: Open, tmp_path: Path) -> None:
    hole = milliseconds(STOP - 20 * HOUR), milliseconds(STOP - 19 * HOUR)
    opened(usdm(), faults=(rows(without(*hole), endpoint="indexPriceKlines"),))
    panel, report = fetched(tmp_path, columns=["indexPrice"])
    assert np.flatnonzero(np.isnan(panel.extra["indexPrice"][:, 0])).tolist() == [
        len(panel) - 20, len(panel) - 19,
    ]  # fmt: skip
    assert report.sources[0].missing == 2


BROKEN = {
    "a price of 0": (rows(at(milliseconds(STOP - HOUR * 9), 4, "0"), endpoint="markPriceKlines"),
                     "close 0.0 of 2025-12-01 21:00:00+00:00"),
    "a web page": (answer("markPriceKlines", 502, ALWAYS), "it is out of order"),
    "a ban": (answer("markPriceKlines", 418, ALWAYS), "it has banned this address"),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "said"), BROKEN.values(), ids=BROKEN)
def test_answers_that_can_t_be_true_are_refused(
    opened: Open, tmp_path: Path, fault: Fault, said: str
) -> None:
    opened(usdm(), faults=(fault,))
    with pytest.raises(ClmError) as refused:
        fetched(tmp_path, columns=["markPrice"])
    assert said in refused.value.message


def test_a_column_s_open_bar_is_dropped_by_its_time(opened: Open, tmp_path: Path) -> None:
    """The run's range ends after the exchange's clock: nothing of the open bar is stored."""
    opened(usdm(), now=STOP - pd.Timedelta("30min"))
    fetched(tmp_path, columns=["markPrice"])
    later = Storage(str(tmp_path)).list("bars/v1/binance/usdm/BTC-USDT_USDT/mark-1h")
    frame = pd.concat(
        [pd.read_parquet(tmp_path / path) for path in later if path.endswith(".parquet")]
    )
    assert frame["timestamp"].max() == STOP - 2 * HOUR


def test_a_testnet_s_columns_are_kept_apart(opened: Open, tmp_path: Path) -> None:
    opened(usdm())
    panel, _ = fetched(tmp_path, columns=["markPrice", "tradeCount"], sandbox=True)
    assert np.isfinite(panel.extra["markPrice"]).all()
    folders = {path.split("/")[2] for path in Storage(str(tmp_path)).list("bars/v1")}
    assert folders == {"binance-sandbox"}


def test_a_column_of_which_nothing_is_known_ends_the_run(opened: Open, tmp_path: Path) -> None:
    opened(perpetual())
    with pytest.raises(ClmError, match="nothing of openInterest is known at a close"):
        fetched(tmp_path, columns=["openInterest"])


def test_bars_of_minutes_see_the_open_interest_of_five(opened: Open, tmp_path: Path) -> None:
    begin = STOP - pd.Timedelta("2D")
    minutes = noise(3, interval="1m", start=str(begin), bars=2880)
    times = pd.date_range(begin, STOP, freq="5min")
    table = pd.DataFrame({"timestamp": times, "open_interest": np.arange(len(times)) + 1.0})
    opened(Listing("SYNM", minutes, market="usdm", interest=table))
    data = run_data(2, market="usdm", columns=["openInterest"], symbols=["SYNM/USDT"],
                    timeframe="1m")  # fmt: skip
    panel, _ = fetch(data, Storage(str(tmp_path)))
    assert panel.extra["openInterest"][:9, 0].tolist() == [1, 1, 1, 1, 2, 2, 2, 2, 2]
