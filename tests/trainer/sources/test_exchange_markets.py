"""Bars of a market come from that market, through the real ccxt."""

from pathlib import Path

import pytest

from clm_api.errors import ClmError
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.exchange import Exchange
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage
from tests.support.fake_exchange import Listing, noise
from tests.trainer.sources.conftest import Open
from tests.trainer.sources.worlds import btc, eth, perpetual, run_data


@pytest.mark.parametrize(
    ("market", "api", "page"), [("spot", "api", 1000), ("usdm", "fapi", 499)], ids=["spot", "usdm"]
)
def test_every_request_of_a_market_goes_to_its_own_api(
    opened: Open, tmp_path: Path, market: str, api: str, page: int
) -> None:
    fake = opened(btc(), perpetual())
    panel, report = fetch(run_data(280, market=market), Storage(str(tmp_path)))
    assert {one.api for one in fake.asked} == {api}
    assert report.bars == 280 * 24
    assert panel.symbols == ("BTC/USDT" if market == "spot" else "BTC/USDT:USDT",)
    pages = fake.of("klines")
    assert max(int(one.query["limit"]) for one in pages) == page
    assert len(pages) == -(-280 * 24 // page), "no page is asked for twice"


@pytest.mark.parametrize(
    ("market", "symbol", "said"),
    [
        ("usdm", "SYNA/USDT:USDT", 'binance has no "SYNA/USDT:USDT"'),
        ("usdm", "BTC/USDT", 'binance has no "BTC/USDT"; near: BTC/USDT:USDT'),
        ("spot", "ETH/USDT", 'binance has no "ETH/USDT"'),
    ],
    ids=["only on spot", "a spot name is no perpetual", "only a perpetual"],
)
def test_a_symbol_of_another_market_is_refused(
    opened: Open, market: str, symbol: str, said: str
) -> None:
    spot_only = Listing("SYNA", noise(1, interval="1h", start="2025-01-01", bars=10))
    fake = opened(btc(), spot_only, perpetual(), perpetual("ETH"))
    exchange = Exchange("binance", market)
    with pytest.raises(ClmError) as caught:
        exchange.market(symbol, "1h")
    exchange.close()
    assert caught.value.reason == "SymbolUnknown"
    assert said in caught.value.message
    assert fake.of("klines") == []


def test_an_exchange_that_lists_all_markets_at_once_gives_no_spot_bars_for_a_perpetual(
    opened: Open,
) -> None:
    opened(btc(), eth(), perpetual())
    exchange = Exchange("binance", "usdm")
    exchange._client.options["fetchMarkets"] = {"types": ["spot", "linear"]}
    with pytest.raises(ClmError, match=r"BTC/USDT is no linear perpetual on binance"):
        exchange.market("BTC/USDT", "1h")
    assert exchange.market("BTC/USDT:USDT", "1h")["id"] == "BTCUSDT"
    exchange.close()


@pytest.mark.parametrize(
    ("name", "market", "sandbox", "said"),
    [
        ("binanec", "spot", False, '"binanec" is no ccxt exchange; near: binance'),
        ("hitbtc", "spot", False, ""),
        ("binance", "spot", True, ""),
        ("bitvavo", "spot", True, "spec.data.sandbox: bitvavo has no testnet"),
    ],
    ids=["a slip of the pen", "another exchange", "a testnet", "no testnet"],
)
def test_which_exchanges_there_are(name: str, market: str, *, sandbox: bool, said: str) -> None:
    if not said:
        exchange = Exchange(name, market, sandbox=sandbox)
        assert ("testnet" in str(exchange._client.urls["api"])) == sandbox
        exchange.close()
        return
    with pytest.raises(ClmError) as caught:
        Exchange(name, market, sandbox=sandbox)
    assert caught.value.reason == "SpecInvalid"
    assert said in caught.value.message


def test_another_exchange_is_asked_in_its_own_page_size_and_at_its_own_pace(
    opened: Open, tmp_path: Path
) -> None:
    """binance.us has pages of its own in ccxt's description, and no allowance in ours."""
    fake, key = opened(btc()), BarKey("binanceus", "spot", "BTC/USDT", "1h")
    _, report = fetch(run_data(60, exchange="binanceus"), Storage(str(tmp_path)))
    assert (report.bars, report.missing) == (60 * 24, 0)
    exchange = Exchange("binanceus", "spot")
    page = exchange.page_bars
    exchange.close()
    assert len(fake.of("klines")) == -(-60 * 24 // page)
    assert Storage(str(tmp_path)).list(key.layout.folder)


def test_bars_of_a_testnet_are_kept_apart(opened: Open, tmp_path: Path) -> None:
    opened(btc())
    store, key = Storage(str(tmp_path)), BarKey("binance-sandbox", "spot", "BTC/USDT", "1h")
    fetch(run_data(10, sandbox=True), store)
    stored = [path for path in store.list("bars") if path.endswith(".parquet")]
    assert stored
    assert all(path.startswith(key.layout.folder) for path in stored)
