"""A replay reads the account's fills with its own key, keeps them, and compares them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import stamina

from clm_api import environment
from clm_api.replay import ReplayReport, ReplayTask
from clm_trainer.monitoring.orders import Decision, decisions
from clm_trainer.monitoring.stretch import Track
from clm_trainer.serving.model import load
from clm_trainer.serving.newest import newest_bars
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.own_trades import Keys, TradesKey
from clm_trainer.storage import Storage
from tests.support.attempts import change_json, rewrite
from tests.support.fake_exchange import FakeExchange, Fill, Listing, real_bars
from tests.support.fake_exchange.faults import answer
from tests.support.fake_exchange.server import API_KEY, SECRET
from tests.trainer.monitoring.published import (
    CHALLENGER_UNTIL,
    CHAMPION_UNTIL,
    LAST_SLOT,
    folder_of,
    layout_of,
    report_of,
    task_of,
)

SIZE = 50_000.0
BTC, ETH = "BTC/USDT", "ETH/USDT"


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Secret as the pod sees it."""
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "apiKey").write_text(API_KEY)
    (folder / "secret").write_text(SECRET)
    monkeypatch.setenv(environment.EXCHANGE_KEYS, str(folder))
    return folder


def compared(store: Storage, **changes: Any) -> ReplayTask:
    """A month and a half of the champion, whose account's fills are looked at."""
    watch = {
        "drift": {"mode": "Off"}, "performance": {"mode": "Off"}, "maxDrawdown": 1,
        "ownTrades": True, "validUntil": LAST_SLOT + timedelta(days=1),
    }  # fmt: skip
    return task_of(store, challenger=None, watch=watch, slot=LAST_SLOT, **changes)


def decided(store: Storage) -> dict[str, list[Decision]]:
    """What the replay fills since the promotion, by symbol."""
    model = load(store.address(layout_of("champion").manifest))
    panel = newest_bars(model, store, pd.Timestamp(LAST_SLOT))
    track = Track("champion", "0" * 64, model, panel)
    start = pd.Timestamp(CHAMPION_UNTIL)
    result = track.stretch(start, len(panel) - track.row(start)).result
    return {name: decisions(result, i) for i, name in enumerate(panel.symbols)}


def as_rows(found: list[Decision], size: float, bps: float = 0.0) -> pd.DataFrame:
    """The fills of a bot that trades a minute after each close."""
    sides = [1.0 if one.units > 0 else -1.0 for one in found]
    rows = {
        "timestamp": [(one.known + pd.Timedelta("1min")).as_unit("us") for one in found],
        "id": [str(1000 + i) for i in range(len(found))],
        "price": [o.price * (1 + s * bps / 1e4) for o, s in zip(found, sides, strict=True)],
        "quantity": [abs(one.units) * size / 2 for one in found],
        "side": sides,
    }
    return pd.DataFrame(rows)


def keep(store: Storage, account: str, found: dict[str, list[Decision]], **facts: float) -> None:
    for symbol, some in found.items():
        key = TradesKey("binance", "spot", symbol, account)
        BarCache(store).write(key, as_rows(some, **facts), "test")


def mine() -> str:
    return Keys(API_KEY, SECRET).account


def test_a_bot_that_follows_is_found_to_follow(store: Storage, keys: Path) -> None:
    found = decided(store)
    keep(store, mine(), found, size=SIZE, bps=4.0)
    report = report_of(store, compared(store))
    seen = report.execution
    assert seen is not None
    assert report.live is not None
    assert (seen.from_, seen.to) == (report.live.from_, report.live.to)
    assert seen.decisions == seen.fills == sum(map(len, found.values())) > 20
    assert (seen.unexplained, seen.missed) == (0, 0)
    assert seen.shortfall_bps == pytest.approx(4.0, abs=0.01)
    traded = sum(abs(one.units) * one.price / 2 for some in found.values() for one in some)
    assert seen.shortfall_return == pytest.approx(traded * 4e-4, rel=0.05)
    assert report.problems == []


def test_fills_of_another_account_do_not_mix_in(store: Storage, keys: Path) -> None:
    found = decided(store)
    keep(store, mine(), {BTC: found[BTC]}, size=SIZE)
    keep(store, Keys("another key", "s").account, found, size=7.0, bps=300.0)
    seen = report_of(store, compared(store)).execution
    assert seen is not None
    assert (seen.fills, seen.missed) == (len(found[BTC]), len(found[ETH]))
    assert seen.shortfall_bps == pytest.approx(0.0, abs=1e-6)


def problems(report: ReplayReport) -> list[tuple[str, str]]:
    return [(one.version, one.reason) for one in report.problems]


def test_without_a_key_the_figures_stand(store: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(environment.EXCHANGE_KEYS, raising=False)
    report = report_of(store, compared(store))
    assert report.execution is None
    assert report.live is not None
    assert report.live.bars
    assert problems(report) == [("champion", "ExchangeDenied")]
    assert "no exchange key" in report.problems[0].message


def test_nothing_is_read_unless_asked(store: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(environment.EXCHANGE_KEYS, raising=False)
    report = report_of(store, task_of(store, challenger=None))
    assert (report.execution, report.problems) == (None, [])


def test_a_bar_that_has_not_closed_has_no_execution(store: Storage, keys: Path) -> None:
    task = compared(store)
    assert task.champion is not None
    later = task.champion.having(since=LAST_SLOT + timedelta(hours=1))
    report = report_of(store, task.having(champion=later))
    assert (report.execution, report.problems) == (None, [])


@pytest.fixture
def exchange(store: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeExchange]:
    """The exchange of a champion whose run may ask it."""
    fresh = change_json(lambda run: run | {"spec": _refreshing(run["spec"])})
    rewrite(folder_of(store, "champion"), "run.json", fresh)
    listings = [Listing(base, real_bars(base)) for base in ("BTC", "ETH")]
    with FakeExchange(listings, LAST_SLOT).serve() as fake:
        monkeypatch.setenv(environment.EXCHANGE_URL, fake.url)
        stamina.set_testing(True, attempts=2, cap=True)
        yield fake
        stamina.set_testing(False)


def _refreshing(spec: dict[str, Any]) -> dict[str, Any]:
    return spec | {"data": spec["data"] | {"refresh": "Auto"}}


def listed(found: list[Decision], first: int) -> list[Fill]:
    """The same fills as the exchange lists them."""
    return [
        Fill(first + i, _milliseconds(one), one.price, abs(one.units) * SIZE / 2, one.units > 0)
        for i, one in enumerate(found)
    ]


def _milliseconds(one: Decision) -> int:
    return int(one.known.timestamp() * 1000) + 60_000


def test_fills_are_fetched_and_kept(exchange: FakeExchange, store: Storage, keys: Path) -> None:
    found = decided(store)
    for listing, symbol in zip(exchange.listings, (BTC, ETH), strict=True):
        listing.fills = listed(found[symbol], 1000)
    report = report_of(store, compared(store))
    assert report.execution is not None, report.problems
    assert report.execution.fills == sum(map(len, found.values()))
    assert (report.execution.unexplained, report.execution.missed) == (0, 0)
    assert [path for path in store.list("bars") if f"/trades-{mine()}/" in path]
    assert not [path for path in store.list("") if API_KEY in path]


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "ExchangeDenied"), (503, "DataUnavailable")],
    ids=["the key is refused", "the exchange is away"],
)  # fmt: skip
def test_an_exchange_that_refuses_leaves_the_figures(
    status: int, reason: str, exchange: FakeExchange, store: Storage, keys: Path
) -> None:
    exchange.faults.append(answer("myTrades", status))
    report = report_of(store, compared(store))
    assert report.execution is None
    assert report.live is not None
    assert problems(report) == [("champion", reason)]
    assert API_KEY not in report.model_dump_json()
    assert report.live.to > CHALLENGER_UNTIL
