"""Own fills of exchanges whose ids are only names: every one is found once, whatever the paging."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clm_api import environment
from clm_api.errors import ClmError
from clm_trainer.sources.allowance import Pacer
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.exchange import Exchange
from clm_trainer.sources.fills import fetch_own_trades
from clm_trainer.sources.ledger import Span, read_ledger
from clm_trainer.sources.own_trades import Keys, TradesKey
from clm_trainer.sources.trade_pages import Fills, identity, trade_pages
from clm_trainer.storage import Storage
from tests.support.fake_exchange.venues import HOUR, Bybit, World, now_ms
from tests.support.fake_exchange.venues.world import Query

DAY = 24 * HOUR
KEY = TradesKey("bybit", "usdm", "BTC/USDT:USDT", "account")
RANDOM = np.random.default_rng(9)


def name(number: int) -> str:
    return str(uuid.UUID(int=number * 2**90 + 7))


def fill(number: int, time: int) -> dict[str, Any]:
    return {"id": name(number), "timestamp": time, "price": 1.0, "amount": 1.0, "side": "buy"}


def spread(count: int, days: int) -> Fills:
    """Fills at odd times, some of them in bursts and some at the same instant."""
    times = np.sort(RANDOM.integers(0, days * DAY, count))
    times[count // 3 : count // 2] = times[count // 3] + np.arange(count // 2 - count // 3) // 3
    return [fill(i, int(t)) for i, t in enumerate(np.sort(times))]


Server = Callable[[Fills, int, int], Fills]


def oldest(found: Fills, _: int, __: int) -> Fills:
    return found[:50]


def newest(found: Fills, _: int, __: int) -> Fills:
    return found[-50:][::-1]


def whole(found: Fills, _: int, __: int) -> Fills:
    return found


@pytest.mark.parametrize("serve", [oldest, newest, whole], ids=lambda f: str(f.__name__))
@pytest.mark.parametrize("window", [7 * DAY, None, 1 * DAY], ids=["7 days", "any range", "a day"])
@pytest.mark.parametrize("count", [0, 1, 40, 1000])
def test_every_fill_comes_once(serve: Server, window: int | None, count: int) -> None:
    there = spread(count, 30) if count > 1 else [fill(i, 5 * DAY) for i in range(count)]

    def ask(since: int, until: int) -> Fills:
        assert window is None or until - since <= window
        return serve([one for one in there if since <= one["timestamp"] <= until], since, until)

    found = [one for page in trade_pages(0, 30 * DAY, window, ask) for one in page]
    assert sorted(one["id"] for one in found) == sorted(one["id"] for one in there)


def test_an_answer_that_never_changes_comes_to_an_end() -> None:
    asked = []

    def ask(since: int, until: int) -> Fills:
        asked.append((since, until))
        return [fill(1, 40)]

    assert [len(page) for page in trade_pages(0, 100, 10, ask)] == [1]
    assert len(asked) < 20


@pytest.mark.parametrize(
    ("id_", "wanted"),
    [("2b0e0d8e-5b1e", "2b0e0d8e-5b1e"), (12345, "12345"), ("T:1/2", "T:1/2"),
     (None, "7:o1:buy:1.0:2.0"), ("", "7:o1:buy:1.0:2.0")],
    ids=["a UUID", "a number", "other signs", "no id", "an empty one"],
)  # fmt: skip
def test_what_tells_a_fill_apart(id_: object, wanted: str) -> None:
    one = {"id": id_, "timestamp": 7, "order": "o1", "side": "buy", "price": 1.0, "amount": 2.0}
    assert identity(one) == wanted


class Account(Bybit):
    """Bybit's executions: at most 100, the newest first, of seven days at a time."""

    fills: list[tuple[int, str, float]]

    def answer(self, path: str, query: Query) -> Any:
        if not path.endswith("/execution/list"):
            return super().answer(path, query)
        start = int(query["startTime"])
        end = int(query.get("endTime", start + 7 * DAY))
        found: dict[str, Any] = {"retCode": 0, "retMsg": "OK", "time": now_ms(), "result": {}}
        if end - start > 7 * DAY:
            return found | {"retCode": 10001, "retMsg": "range is longer than 7 days"}
        there = [one for one in self.fills if start <= one[0] <= end]
        found["result"] = {
            "category": "linear", "nextPageCursor": "",
            "list": [
                {"symbol": "BTCUSDT", "side": "Buy", "execTime": str(time), "execId": id_,
                 "execPrice": str(price), "execQty": "0.5", "execType": "Trade", "orderId": "o",
                 "execFee": "0", "feeRate": "0", "isMaker": False}
                for time, id_, price in there[-int(query["limit"]) :][::-1]
            ],
        }  # fmt: skip
        return found


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    defaults = Pacer.__init__.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "sleep", lambda _: None)
    server = Account(World(now_ms() - 400 * DAY))
    with server.serve():
        monkeypatch.setenv(environment.EXCHANGE_URL, server.url)
        yield server


def fetched(store: Storage, days: int) -> pd.DataFrame:
    exchange = Exchange("bybit", "usdm", keys=Keys("k", "s"))
    start = pd.Timestamp.now("UTC") - pd.Timedelta(days, "D")
    fetch_own_trades(BarCache(store), exchange, [KEY], "1h", start)
    exchange.close()
    return BarCache(store).read(KEY, start - pd.Timedelta("400D"), pd.Timestamp.now("UTC"))


def test_bybits_fills_are_stored_once_and_only_new_ones_asked_for(
    account: Account, tmp_path: Path
) -> None:
    store, now = Storage(str(tmp_path)), now_ms()
    account.fills = [
        (now - 40 * DAY + int(one["timestamp"]), one["id"], 100.0 + i)
        for i, one in enumerate(spread(400, 40))
    ]
    found = fetched(store, 41)
    assert sorted(found["id"]) == sorted(id_ for _, id_, _ in account.fills)
    assert found["timestamp"].is_monotonic_increasing
    assert set(found["price"]) == {price for _, _, price in account.fills}
    account.asked.clear()
    account.fills.append((now_ms() - 5, "a new-one/7", 7.0))
    later = fetched(store, 41)
    assert later["id"].tolist() == [*found["id"], "a new-one/7"]
    assert account.count("/execution/list") <= 3
    account.asked.clear()
    fetched(store, 60)
    assert account.count("/execution/list") >= 3, "older ones are asked for once they are of use"


def test_a_fill_that_is_corrected_stands_as_it_was(account: Account, tmp_path: Path) -> None:
    store = Storage(str(tmp_path))
    account.fills = [(now_ms() - HOUR // 2, "x-1", 100.0)]
    fetched(store, 3)
    account.fills = [(account.fills[0][0], "x-1", 101.0)]
    assert fetched(store, 3)["price"].tolist() == [100.0]
    (one,) = read_ledger(store, KEY.layout).revised
    assert (one.column, one.stored, one.found) == ("price", 100.0, 101.0)


def fills(ids: list[Any], prices: float = 5.0) -> pd.DataFrame:
    times = pd.date_range("2025-11-01", periods=len(ids), freq="h", tz="UTC").as_unit("us")
    return pd.DataFrame(
        {"timestamp": times, "id": ids, "price": prices, "quantity": 1.0, "side": 1.0}
    )


def test_fills_that_were_stored_with_numbers_as_ids_are_read_and_not_doubled(
    tmp_path: Path,
) -> None:
    cache = BarCache(Storage(str(tmp_path)))
    path = KEY.layout.month("2025-11")
    (tmp_path / path).parent.mkdir(parents=True)
    fills([7.0, 12345678901.0]).to_parquet(tmp_path / path)
    edges = Span(pd.Timestamp("2025-11-01", tz="UTC"), pd.Timestamp("2025-12-01", tz="UTC"))
    assert cache.read(KEY, edges.start, edges.stop)["id"].tolist() == ["7", "12345678901"]
    new = KEY.cleaned(fills(["7", "12345678901", "c"]), "test")
    assert cache.write(KEY, new, "test").months == 1
    assert cache.read(KEY, edges.start, edges.stop)["id"].tolist() == ["7", "12345678901", "c"]
    assert cache.write(KEY, new, "test").months == 0


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.concat([fills(["a-1"]), fills(["a-1"], 6.0)]), "two different fills have the id a-1"),
        (fills(["a-1"], -1.0), "fill a-1 of bybit usdm BTC/USDT:USDT own trades has no positive"),
    ],
    ids=["one id twice", "a price below 0"],
)
def test_a_fill_that_is_wrong_is_named(frame: pd.DataFrame, said: str) -> None:
    with pytest.raises(ClmError, match=said):
        KEY.cleaned(frame, "test")
