"""What a run costs the exchange: nothing is asked for twice, by no run, at no time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.funding import FundingKey
from clm_trainer.sources.importer import import_file
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage
from tests.support.fake_exchange import Listing, noise
from tests.support.fake_exchange.faults import answer, rows, without
from tests.support.fake_exchange.listings import BARS
from tests.trainer.sources.conftest import Open
from tests.trainer.sources.worlds import (
    BTC,
    HOUR,
    STOP,
    btc,
    eth,
    last_days,
    milliseconds,
    perpetual,
    run_data,
)  # fmt: skip

TWO_YEARS = 730
PAGES = -(-TWO_YEARS * 24 // 1000)


def test_a_cold_fetch_asks_for_each_page_once(opened: Open, tmp_path: Path) -> None:
    fake = opened(btc(), eth())
    data = run_data(TWO_YEARS, symbols=["BTC/USDT", "ETH/USDT"])
    _, report = fetch(data, Storage(str(tmp_path)))
    assert report.bars == 2 * TWO_YEARS * 24
    assert len(fake.of("klines")) == 2 * PAGES
    assert report.requests == len(fake.asked) == 2 * PAGES + 2, "at most two more a symbol"


def test_an_update_of_a_complete_history_costs_two_requests(opened: Open, tmp_path: Path) -> None:
    store, fake = Storage(str(tmp_path)), opened(btc())
    data = run_data(TWO_YEARS)
    earlier = data.having(to=data.to - 6 * HOUR)
    fetch(earlier, store)
    fake.asked.clear()
    _, report = fetch(data, store)
    assert [one.endpoint for one in fake.asked] == ["time", "klines"]
    assert report.requests == 2
    fake.asked.clear()
    _, report = fetch(data, store)
    assert (fake.asked, report.requests) == ([], 0), "what is complete is not asked for"


def test_an_update_of_a_year_of_minutes_costs_two_requests(opened: Open, tmp_path: Path) -> None:
    """A refetch would cost 60 pages."""
    minutes = noise(5, interval="1m", start="2025-10-21 14:00", bars=60_000)
    store, fake = Storage(str(tmp_path)), opened(Listing("SYNM", minutes))
    data = run_data(41, symbols=["SYNM/USDT"], timeframe="1m")
    fetch(data.having(to=data.to - 6 * HOUR), store)
    whole = len(fake.of("klines"))
    fake.asked.clear()
    fetch(data, store)
    assert len(fake.asked) == 2
    assert whole > 57


HOLE = (STOP - 100 * HOUR, STOP - 98 * HOUR)


@pytest.mark.parametrize("what", ["a hole of the exchange's own", "listed later than asked for"])
def test_what_the_exchange_lacks_is_asked_for_once(opened: Open, tmp_path: Path, what: str) -> None:
    first = HOLE if "hole" in what else (STOP - 700 * HOUR, STOP - 500 * HOUR)
    gone = rows(without(*(milliseconds(t) for t in first)))
    store, fake = Storage(str(tmp_path)), opened(btc(), faults=(gone,))
    data = run_data(29)
    if "hole" not in what:
        data = data.having(from_=first[0])
    fetch(data, store)
    fake.asked.clear()
    fetch(data, store)
    assert fake.asked == []


def test_a_hole_in_a_file_is_filled_from_the_exchange(opened: Open, tmp_path: Path) -> None:
    store, fake = Storage(str(tmp_path / "store")), opened(btc())
    frame = pd.read_parquet(BARS / "binance-spot-btcusdt-1h.parquet")
    frame = frame[~frame["timestamp"].between(*HOLE)]
    frame.to_parquet(tmp_path / "bars.parquet")
    import_file(tmp_path / "bars.parquet", BTC, BarCache(store), now=STOP)
    _, report = fetch(run_data(60), store)
    assert report.missing == 0
    assert [int(one.query["limit"]) for one in fake.of("klines")] == [3]


def test_a_late_bar_is_asked_for_again(opened: Open, tmp_path: Path) -> None:
    late = rows(without(milliseconds(STOP - HOUR), milliseconds(STOP)), times=2)
    store, _ = Storage(str(tmp_path)), opened(btc(), faults=(late,))
    assert fetch(run_data(20), store)[1].missing == 1
    assert fetch(run_data(20), store)[1].missing == 0


def test_a_perpetuals_funding_comes_with_its_bars(opened: Open, tmp_path: Path) -> None:
    listing = perpetual()
    store, fake = Storage(str(tmp_path)), opened(listing)
    data = run_data(30, market="usdm")
    fetch(data, store, funding=True)
    span, key = last_days(30), FundingKey("binance", "usdm", "BTC/USDT:USDT")
    found = BarCache(store).read(key, span.start, span.stop)
    assert listing.funding is not None
    wanted = listing.funding[listing.funding["timestamp"].dt.round("min").between(
        span.start, span.stop, inclusive="left")]  # fmt: skip
    assert found["timestamp"].tolist() == wanted["timestamp"].dt.round("min").tolist()
    assert found["mark_price"].isna().sum() == wanted["mark_price"].isna().sum()
    assert len(fake.of("fundingRate")) == 1
    fake.asked.clear()
    fetch(data, store, funding=True)
    assert [one.endpoint for one in fake.asked] == ["fundingRate"], "the newest may come late"


def _fetched(url: str, days: int) -> tuple[int, str]:
    _, report = fetch(run_data(days), Storage(url))
    return report.bars, report.sha256


def test_twenty_runs_at_once_cost_the_requests_of_one(opened: Open, shared: str) -> None:
    fake = opened(btc())
    with ThreadPoolExecutor(20) as runs:
        found = list(runs.map(lambda _: _fetched(shared, 200), range(20)))
    assert len(set(found)) == 1
    assert len(fake.asked) == 5 + 2


def test_twenty_runs_at_once_fail_at_the_price_of_one(opened: Open, shared: str) -> None:
    fake = opened(btc(), faults=(answer("exchangeInfo", 418, delay_s=1.5),))
    with ThreadPoolExecutor(20) as runs:
        found = [runs.submit(_fetched, shared, 60) for _ in range(20)]
        errors = {str(one.exception()) for one in found}
    assert len(errors) == 1
    assert "it has banned this address" in errors.pop()
    assert len(fake.asked) < 5
