"""The market in a replay's report: looked at if asked, and never at the figures' cost."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from clm_api import environment
from clm_api.drift import DriftFinding, DriftVerdict, MarketFaultKind
from clm_api.replay import ReplayReport, ReplayTask
from clm_trainer.monitoring.drift_faults import silent
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.storage import Storage
from tests.support.attempts import change_json, rewrite
from tests.support.fake_exchange import FakeExchange, Listing, real_bars
from tests.trainer.monitoring.published import (
    CHALLENGER_UNTIL,
    CHAMPION_UNTIL,
    contender,
    folder_of,
    path_of,
    report_of,
    task_of,
)
from tests.trainer.sources.worlds import btc

SHORT = {"mode": "Warn", "windowBars": 48}
"""Windows that fit the days since the champion's training."""


def task(store: Storage, bars: int = 24, **drift: Any) -> ReplayTask:
    """The champion alone, so many bars after the challenger's training."""
    watch = {"drift": SHORT | drift, "maxDrawdown": 0.9, "validUntil": "2026-01-01T00:00:00Z"}
    champion = contender(store, "champion", CHAMPION_UNTIL + timedelta(minutes=20))
    return task_of(store, bars=bars, champion=champion, challenger=None, watch=watch)


def found(report: ReplayReport) -> DriftFinding:
    assert report.drift is not None
    return report.drift


def quantiles(stored: Any) -> Callable[[bytes], bytes]:
    return change_json(lambda made: made | {"quantiles": stored})


def test_a_report_says_what_the_newest_windows_show(store: Storage) -> None:
    report = report_of(store, task(store))
    looked, slot = found(report), report.task.slot
    assert looked.version == "champion"
    assert looked.verdict in {DriftVerdict.STEADY, DriftVerdict.DRIFTED}
    assert looked.to == slot.replace(minute=0) - timedelta(hours=1)
    assert looked.from_ == looked.to - timedelta(hours=47)
    assert len(looked.worst) == 5


def test_a_market_that_nobody_asks_for_is_not_looked_at(store: Storage) -> None:
    assert report_of(store, task(store, mode="Off")).drift is None
    unasked = task_of(store, bars=25, challenger=None)
    assert report_of(store, unasked).drift is None


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        (change_json(lambda _: {"rows": 1, "features": {}, "score": []}), "train a new version"),
        (quantiles(3), "it has no quantiles"),
        (quantiles({}), "it has no quantiles"),
        (quantiles({"ret1": ["x"] * 49}), "the quantiles of ret1 are none"),
        (quantiles({"ret1": [None] * 49}), "the quantiles of ret1 are none"),
        (quantiles({"ret1": [0.1, 0.2, 0.3]}), "the quantiles of ret1 are none"),
        (quantiles({"ret1": [float(-n) for n in range(49)]}), "the quantiles of ret1 are none"),
        (quantiles({"ret1": [1e308] * 49}), "the quantiles of ret1 are none"),
        (lambda _: b'{"schemaVersion": 2, ', "JSONDecodeError"),
        (lambda _: b"\xff\xfe", "the market can't be compared"),
        (lambda _: b"[1]", "it is no JSON object"),
    ],
    ids=[
        "a release of before stored deciles", "no quantiles", "not one quantile",
        "a quantile that is no number", "quantiles that are null", "too few quantiles",
        "quantiles out of order", "quantiles beyond all measure", "cut off", "no text", "a list",
    ],
)  # fmt: skip
def test_a_reference_that_is_none_costs_no_figure(
    store: Storage, stored: Callable[[bytes], bytes], says: str
) -> None:
    before = report_of(store, task(store, mode="Off"))
    store.remove([path_of(before.task)])
    rewrite(folder_of(store, "champion"), "reference_stats.json", stored)
    report = report_of(store, task(store))
    assert found(report).verdict is DriftVerdict.NO_REFERENCE
    assert says in found(report).message
    assert report.problems == []
    assert report.live is not None
    assert before.live is not None
    assert report.live.metrics == before.live.metrics


def test_a_symbol_that_ended_in_the_store_is_named_and_figures_end_with_it(store: Storage) -> None:
    last = CHALLENGER_UNTIL + timedelta(hours=5)
    drop_after(store, "ETH/USDT", last)
    report = report_of(store, task(store))
    assert_silent(report, last)


def test_a_symbol_that_fell_silent_at_the_exchange_is_named(
    store: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = CHALLENGER_UNTIL + timedelta(hours=5)
    for symbol in ("BTC/USDT", "ETH/USDT"):
        drop_after(store, symbol, last)
    rewrite(folder_of(store, "champion"), "run.json", change_json(refreshes))
    asked = task(store)
    with FakeExchange([btc(), until(last)], asked.slot).serve() as fake:
        monkeypatch.setenv(environment.EXCHANGE_URL, fake.url)
        report = report_of(store, asked)
    assert_silent(report, last)


def test_a_market_fault_is_named_though_the_reference_is_none(store: Storage) -> None:
    last = CHALLENGER_UNTIL + timedelta(hours=5)
    drop_after(store, "ETH/USDT", last)
    rewrite(folder_of(store, "champion"), "reference_stats.json", quantiles(3))
    report = report_of(store, task(store))
    assert_silent(report, last)
    assert "it has no quantiles" in found(report).message


@pytest.mark.parametrize("hours", [20, 60])
def test_a_symbol_of_which_the_exchange_goes_on_sending_dead_bars_is_named(
    store: Storage, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    last = CHALLENGER_UNTIL + timedelta(hours=5)
    for symbol in ("BTC/USDT", "ETH/USDT"):
        drop_after(store, symbol, last)
    rewrite(folder_of(store, "champion"), "run.json", change_json(refreshes))
    asked = task(store, bars=5 + hours)
    with FakeExchange([btc(), dead_from(last)], asked.slot).serve() as fake:
        monkeypatch.setenv(environment.EXCHANGE_URL, fake.url)
        report = report_of(store, asked)
    assert [(one.symbol, one.kind) for one in found(report).faults] == [
        ("ETH/USDT", MarketFaultKind.SYMBOL_SILENT)
    ]
    assert report.live is not None
    assert report.problems == []


def dead_from(last: Any) -> Listing:
    """ETH, which nobody trades from a time on, though its bars go on."""
    frames = {}
    for name, real in real_bars("ETH").items():
        frame, later = real.copy(), real["timestamp"] >= pd.Timestamp(last)
        price = frame.loc[~later, "close"].iloc[-1]
        frame.loc[later, ["open", "high", "low", "close"]] = price
        frame.loc[later, "volume"] = 0.0
        frames[name] = frame
    return Listing("ETH", frames)


def assert_silent(report: ReplayReport, last: Any) -> None:
    looked = found(report)
    assert looked.verdict is DriftVerdict.DRIFTED
    assert [(one.symbol, one.kind, one.since) for one in looked.faults] == [
        ("ETH/USDT", MarketFaultKind.SYMBOL_SILENT, last)
    ]
    assert report.live is not None
    assert report.live.to == last - timedelta(hours=1)
    assert any("ETH/USDT" in note for note in report.notes)


def drop_after(store: Storage, symbol: str, last: Any) -> None:
    """Forget the stored bars from a time on."""
    key, cache = BarKey("binance", "spot", symbol, "1h"), BarCache(store)
    start, stop = pd.Timestamp(CHAMPION_UNTIL) - pd.Timedelta("230D"), pd.Timestamp(last)
    kept = cache.read(key, start, stop)
    store.remove(store.list(key.layout.folder))
    cache.write(key, kept, "test")


def until(last: Any) -> Listing:
    """ETH, whose real bars end at a time."""
    frames = {name: f[f["timestamp"] < pd.Timestamp(last)] for name, f in real_bars("ETH").items()}
    return Listing("ETH", frames)


def refreshes(run: dict[str, Any]) -> dict[str, Any]:
    spec = run["spec"]
    return run | {"spec": spec | {"data": spec["data"] | {"refresh": "Auto"}}}


@pytest.mark.parametrize(
    ("hours", "step", "named"),
    [(11, "1h", False), (12, "1h", True), (48, "1D", False), (72, "1D", True), (12, "1min", True)],
)
def test_half_a_day_and_three_bars_of_silence_are_a_fault(
    hours: int, step: str, *, named: bool
) -> None:
    newest = pd.Timestamp("2025-01-10", tz="UTC")
    ends = {"A/USDT": newest, "B/USDT": newest - pd.Timedelta(hours=hours)}
    assert [one.symbol for one in silent(ends, pd.Timedelta(step))] == ["B/USDT"] * named


def test_nobody_is_silent_alone() -> None:
    assert silent({"A/USDT": pd.Timestamp("2025-01-10", tz="UTC")}, pd.Timedelta("1h")) == []
    assert silent({}, pd.Timedelta("1h")) == []
