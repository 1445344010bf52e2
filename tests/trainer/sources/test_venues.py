"""Bars and funding of ten exchanges, each asked by its own documented rules, through ccxt."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import stamina

from clm_api import environment
from clm_api.errors import ClmError
from clm_api.run import RunData
from clm_trainer.sources.allowance import Pacer
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.funding import FundingKey
from clm_trainer.sources.venues import VENUES
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage
from tests.support.fake_exchange import venues as rules
from tests.support.fake_exchange.venues import HOUR, Error, VenueServer, World, bar, rate
from tests.support.repository import ROOT
from tests.trainer.pipeline.sheets import run_spec

DAY = 24 * HOUR


@dataclass(frozen=True)
class Case:
    """One market of an exchange.

    Parameters
    ----------
    bars, funding
        Requests that a cold fetch may cost.
    newest
        Bars that the exchange gives, the open one with them.
    paid_days
        Days of funding that the exchange gives.
    """

    server: type[VenueServer]
    exchange: str
    market: str
    bars: int
    funding: int = 0
    symbol: str = "BTC/USDT"
    days: int = 120
    timeframe: str = "1h"
    pause: int = 8 * HOUR
    newest: int | None = None
    paid_days: int | None = None

    def __str__(self) -> str:
        return f"{self.exchange} {self.market}"

    def data(self, until: int, days: int | None = None) -> RunData:
        """Return a run on the bars up to a time."""
        names = {"exchange": self.exchange, "market": self.market, "symbols": [self.symbol]}
        more = {"timeframe": self.timeframe, "refresh": "Auto"}
        spec = run_spec(data={**names, **more}).data
        to = pd.Timestamp(until, unit="ms", tz="UTC")
        return spec.having(to=to, from_=to - pd.Timedelta(days or self.days, "D"))


PERPETUAL: Any = {"market": "usdm", "symbol": "BTC/USDT:USDT"}
CASES = [
    Case(rules.Binance, "binance", "spot", 3),
    Case(rules.Binance, "binance", bars=6, funding=1, **PERPETUAL),
    Case(rules.Bybit, "bybit", "spot", 3),
    Case(rules.Bybit, "bybit", bars=3, funding=3, **PERPETUAL),
    Case(rules.Okx, "okx", "spot", 24),
    Case(rules.Okx, "okx", bars=24, funding=5, paid_days=92, **PERPETUAL),
    Case(rules.Kraken, "kraken", "spot", 1, newest=720),
    Case(rules.KrakenFutures, "krakenfutures", "usdm", 2, 1, "BTC/USD:USD", pause=HOUR),
    Case(rules.Kucoin, "kucoin", "spot", 2),
    Case(rules.Kucoin, "kucoin", bars=15, funding=5, **PERPETUAL),
    Case(rules.Gate, "gate", "spot", 11, timeframe="15m", newest=9_990),
    Case(rules.Gate, "gate", bars=6, funding=1, timeframe="15m", newest=9_990, **PERPETUAL),
    Case(rules.Htx, "htx", "spot", 3),
    Case(rules.Htx, "htx", bars=2, funding=5, **PERPETUAL),
    Case(rules.Bitget, "bitget", "spot", 16),
    Case(rules.Bitget, "bitget", bars=16, funding=5, **PERPETUAL),
    Case(
        rules.Hyperliquid, "hyperliquid", "spot", 1, symbol="HYPE/USDC", timeframe="30m",
        newest=5000,
    ),
    Case(
        rules.Hyperliquid, "hyperliquid", "usdm", 1, 7, "BTC/USDC:USDC", timeframe="30m",
        pause=HOUR, newest=5000,
    ),
    Case(rules.Coinbase, "coinbase", "spot", 10),
]  # fmt: skip
UNLISTED = [
    Case(rules.Binance, "aster", bars=3, funding=7, **PERPETUAL),
    Case(rules.Binance, "binanceusdm", bars=6, funding=1, **PERPETUAL),
]
"""Exchanges that the table says nothing of, or of which it knows another name."""
CLOCK = ("/time", "Time", "timestamp", "exchangeStatus")
LISTS = (
    "exchangeInfo", "instruments", "AssetPairs", "/symbols", "allTickers", "contracts", "products",
    "currency_pairs", "swap_contract_info", "currencies", "AssetCtxs",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The servers have no allowance: nobody waits between requests."""
    defaults = Pacer.__init__.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "sleep", lambda _: None)
    stamina.set_testing(True, attempts=2, cap=True)
    yield
    stamina.set_testing(False)


def world(case: Case, until: int, days: float, **more: object) -> World:
    return World(until - int(days * DAY), pause=case.pause, **more)  # type: ignore[arg-type]


def present(case: Case) -> int:
    step = BarKey("", "", "", case.timeframe).step // pd.Timedelta("1ms")
    return rules.now_ms() // step * step


def data_requests(server: VenueServer) -> tuple[int, int]:
    """Return how many requests were for bars, and how many for funding."""
    paths = [path for path, _ in server.asked if not path.endswith(CLOCK)]
    paths = [path for path in paths if not any(name in path for name in LISTS)]
    paid = sum("fund" in path for path in paths)
    return len(paths) - paid, paid


def check(case: Case, there: World, store: Storage, data: RunData) -> None:
    """Compare what is stored with what the exchange has."""
    since, until = (int(t.timestamp() * 1000) for t in (data.from_, data.to))
    key = BarKey(case.exchange, case.market, case.symbol, case.timeframe)
    step = key.step // pd.Timedelta("1ms")
    given = there.bars(step, 0, until)[-(case.newest or 1 << 30) :]
    wanted = [t for t in given if since <= t < until]
    got = BarCache(store).read(key, pd.Timestamp(data.from_), pd.Timestamp(data.to))
    assert milliseconds(got) == wanted
    assert got.drop(columns="timestamp").to_numpy().tolist() == [list(bar(t)) for t in wanted]
    if case.market == "usdm":
        told = there.payments(rules.now_ms() - (case.paid_days or 10_000) * DAY, until)
        paid = [t for t in told if since <= t // 60_000 * 60_000 < until]
        funding = FundingKey(case.exchange, case.market, case.symbol)
        kept = BarCache(store).read(funding, pd.Timestamp(data.from_), pd.Timestamp(data.to))
        assert milliseconds(kept) == [t // 60_000 * 60_000 for t in paid]
        assert kept["funding_rate"].tolist() == pytest.approx([rate(t) for t in paid])


def milliseconds(frame: pd.DataFrame) -> list[int]:
    return (frame["timestamp"].astype("int64") // 1000).tolist()


@pytest.mark.parametrize("case", CASES + UNLISTED, ids=str)
def test_all_that_an_exchange_has_is_fetched_by_its_rules_and_not_twice(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    until, store = present(case), Storage(str(tmp_path))
    there, data = world(case, until, case.days + 50), case.data(until)
    with case.server(there).serve() as server:
        monkeypatch.setenv(environment.EXCHANGE_URL, server.url)
        _, report = fetch(data, store, funding=case.market == "usdm")
        check(case, there, store, data)
        told = any("gives only its newest" in note for note in report.notes)
        assert told == (case.newest is not None)
        bars, funding = data_requests(server)
        assert bars <= case.bars
        assert funding <= case.funding
        server.asked.clear()
        fetch(data, store, funding=case.market == "usdm")
        bars, funding = data_requests(server)
    assert bars == 0, "what an exchange has not is not asked for again"
    assert funding <= 1, "the newest may come late"


@pytest.mark.parametrize("case", CASES + UNLISTED, ids=str)
def test_a_symbol_listed_within_the_range_with_a_hole_of_the_exchanges_own(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    until, store = present(case), Storage(str(tmp_path))
    lacking = frozenset(range(until - 9 * DAY, until - 9 * DAY + 3 * HOUR, 900_000))
    there, data = world(case, until, 17.25, lacking=lacking), case.data(until, 40)
    data = data.having(max_gap_bars=12)
    with case.server(there).serve() as server:
        monkeypatch.setenv(environment.EXCHANGE_URL, server.url)
        fetch(data, store, funding=case.market == "usdm")
    check(case, there, store, data)


@pytest.mark.parametrize("case", [c for c in CASES + UNLISTED if c.newest is None], ids=str)
def test_answers_that_are_shorter_than_documented_are_paged_as_they_come(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    until, store = present(case), Storage(str(tmp_path))
    there, data = world(case, until, 50), case.data(until, 40)
    with case.server(there, most=70).serve() as server:
        monkeypatch.setenv(environment.EXCHANGE_URL, server.url)
        fetch(data, store, funding=case.market == "usdm")
    check(case, there, store, data)


class Failing(rules.Bybit):
    """Answers two requests for funding."""

    def answer(self, path: str, query: dict[str, str]) -> object:
        if self.count("funding") > 2:
            return Error(503, {})
        return super().answer(path, query)


def test_what_came_backwards_before_an_exchange_went_away_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = next(c for c in CASES if (c.exchange, c.market) == ("bybit", "usdm"))
    until, store = present(case), Storage(str(tmp_path))
    there, data = world(case, until, 300), case.data(until, 250)
    with Failing(there).serve() as server:
        monkeypatch.setenv(environment.EXCHANGE_URL, server.url)
        with pytest.raises(ClmError, match="bybit: it is out of order"):
            fetch(data, store, funding=True)
    assert server.count("funding") == 4, "503 is asked about again"
    funding = FundingKey(case.exchange, case.market, case.symbol)
    span = pd.Timestamp(data.from_), pd.Timestamp(data.to)
    assert len(BarCache(store).read(funding, *span)) == 400
    with rules.Bybit(there).serve() as server:
        monkeypatch.setenv(environment.EXCHANGE_URL, server.url)
        fetch(data, store, funding=True)
        asked = [int(query["startTime"]) for path, query in server.asked if "funding" in path]
    check(case, there, store, data)
    assert len(asked) <= 3, "what came is not asked for again, but for the newest"


def test_the_documentation_says_what_is_proved_and_what_lacks() -> None:
    text = (ROOT / "docs" / "data.md").read_text()
    proved = {(case.exchange, case.market) for case in CASES}
    assert proved == {(name, m) for name, one in VENUES.items() for m in one.proved}
    for name, one in VENUES.items():
        if one.proved:
            markets = ", ".join(one.proved)
            assert f"| `{name}` | {markets} | {one.lacks} |" in text
