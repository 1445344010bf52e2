"""Bars of a market come from that market: the real ccxt against a small server of Binance's API."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest

from clm_api import environment
from clm_api.errors import ClmError
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.exchange import Exchange
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage
from tests.trainer.pipeline.sheets import NOW, run_spec

HOUR_MS = 3_600_000
PRICES = {"api": 100, "fapi": 200}
"""What a bar of each API costs: synthetic, to tell the markets apart."""


@dataclass
class Binance:
    """The server's address, and the API of every request so far."""

    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def pages(self) -> list[dict[str, str]]:
        return [query for path, query in self.asked if path.endswith("klines")]


def _symbol(base: str, **more: str) -> dict[str, Any]:
    pair = {"symbol": f"{base}USDT", "baseAsset": base, "quoteAsset": "USDT"}
    return {**pair, "status": "TRADING", "filters": [], **more}


_PERPETUAL = {
    "contractType": "PERPETUAL", "marginAsset": "USDT", "deliveryDate": "4133404800000"
}  # fmt: skip
SYMBOLS = {
    "api": [_symbol("BTC"), _symbol("SPOT")],
    "fapi": [_symbol("BTC", **_PERPETUAL), _symbol("ETH", **_PERPETUAL)],
}


def _klines(price: int, query: dict[str, str]) -> list[list[Any]]:
    first, now = int(query["startTime"]), int(NOW.timestamp() * 1000)
    times = range(-(-first // HOUR_MS) * HOUR_MS, now, HOUR_MS)[: int(query["limit"])]
    text = str(price)
    return [[t, text, text, text, text, "1", t + HOUR_MS - 1, "1", 1, "1", "1", "0"] for t in times]


@pytest.fixture
def binance(monkeypatch: pytest.MonkeyPatch) -> Iterator[Binance]:
    """A server that knows both APIs, and an environment that sends ccxt there."""
    state = Binance()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            state.asked.append((parts.path, query))
            api, what = parts.path.split("/")[1], parts.path.rsplit("/", 1)[1]
            answer: Any = {"serverTime": int(NOW.timestamp() * 1000)}
            if what == "exchangeInfo":
                answer = {"symbols": SYMBOLS[api]}
            elif what == "klines":
                answer = _klines(PRICES[api], query)
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv(environment.EXCHANGE_URL, state.url)
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("market", "api", "page"), [("spot", "api", 1000), ("usdm", "fapi", 499)], ids=["spot", "usdm"]
)
def test_every_request_of_a_market_goes_to_its_own_api(
    binance: Binance, tmp_path: Path, market: str, api: str, page: int
) -> None:
    spec = run_spec(
        data={"market": market, "symbols": ["BTC/USDT"], "lookbackDays": 280, "refresh": "Auto"}
    )
    panel, report = fetch(spec.data, Storage(str(tmp_path)))
    assert {path.split("/")[1] for path, _ in binance.asked} == {api}
    assert (panel.close == PRICES[api]).all()
    assert report.bars == 280 * 24
    assert panel.symbols == ("BTC/USDT" if market == "spot" else "BTC/USDT:USDT",)
    assert {int(query["limit"]) for query in binance.pages()} == {page}
    assert len(binance.pages()) == -(-280 * 24 // page), "no page is asked for twice"


@pytest.mark.parametrize(
    ("market", "symbol", "said"),
    [
        ("usdm", "SPOT/USDT:USDT", 'binance has no "SPOT/USDT:USDT"'),
        ("usdm", "BTC/USDT", 'binance has no "BTC/USDT"; near: BTC/USDT:USDT'),
        ("spot", "ETH/USDT", 'binance has no "ETH/USDT"'),
    ],
    ids=["only on spot", "a spot name is no perpetual", "only a perpetual"],
)
def test_a_symbol_of_another_market_is_refused(
    binance: Binance, market: str, symbol: str, said: str
) -> None:
    with pytest.raises(ClmError) as caught:
        Exchange("binance", market).check(BarKey("binance", market, symbol, "1h"))
    assert caught.value.reason == "SymbolUnknown"
    assert said in caught.value.message
    assert binance.pages() == []


def test_an_exchange_that_lists_all_markets_at_once_gives_no_spot_bars_for_a_perpetual(
    binance: Binance,
) -> None:
    exchange = Exchange("binance", "usdm")
    exchange._client.options["fetchMarkets"] = {"types": ["spot", "linear"]}
    with pytest.raises(ClmError, match=r"BTC/USDT is no linear perpetual on binance"):
        exchange.check(BarKey("binance", "usdm", "BTC/USDT", "1h"))
    exchange.check(BarKey("binance", "usdm", "BTC/USDT:USDT", "1h"))
    fetched = exchange.bars(
        BarKey("binance", "usdm", "BTC/USDT:USDT", "1h"),
        pd.Timestamp(NOW) - pd.Timedelta("2h"),
        pd.Timestamp(NOW),
    )
    assert fetched["close"].tolist() == [PRICES["fapi"]] * 2
