"""Runs on perpetuals: shorts, funding charged event by event, and what happens without it."""

import io
import json
import shutil
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_api.layout import RunLayout
from clm_trainer.recompute import verify_files
from clm_trainer.storage import Storage
from tests.trainer.pipeline.perpetuals import (
    PERPETUALS,
    import_perpetual_bars,
    import_synthetic_funding,
    perpetual_run,
)
from tests.trainer.pipeline.runs import LAYOUT, content_of, manifest_of, run_here

FUNDING = "funding.parquet"
FREE = {"feeBps": 0, "slippageBps": 0}
NUMBERS = ("metrics.json", "folds.json", "equity.parquet", "trades.parquet", FUNDING)


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder store with stand-in bars of the perpetuals, to be copied."""
    folder = tmp_path_factory.mktemp("perpetuals")
    import_perpetual_bars(Storage(str(folder / "store")), folder)
    return folder / "store"


@pytest.fixture(scope="module")
def funded(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with synthetic funding."""
    folder = tmp_path_factory.mktemp("funded")
    shutil.copytree(bars, folder / "store")
    for symbol in PERPETUALS:
        import_synthetic_funding(Storage(str(folder / "store")), folder, symbol)
    return folder / "store"


@pytest.fixture(scope="module")
def charged(funded: Path) -> Storage:
    """A store with a published run, without fees, so that only funding is between the legs."""
    store = Storage(str(funded))
    run_here(store, perpetual_run(costs=FREE))
    return store


@pytest.fixture(scope="module")
def uncharged(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Storage:
    """A store with the same run, but that no funding is charged and none is stored."""
    folder = tmp_path_factory.mktemp("uncharged") / "store"
    shutil.copytree(bars, folder)
    store = Storage(str(folder))
    run_here(store, perpetual_run(costs=FREE | {"funding": "None"}))
    return store


@pytest.fixture
def store(bars: Path, tmp_path: Path) -> Storage:
    """A store of the test's own, with bars and no funding."""
    shutil.copytree(bars, tmp_path / "store")
    return Storage(str(tmp_path / "store"))


def frame_of(store: Storage, name: str, layout: RunLayout = LAYOUT) -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(content_of(store, name, layout)))


def total_of(store: Storage) -> float:
    """Funding of a run in units of the equity at its start."""
    equity = frame_of(store, "equity.parquet")
    return float((equity["funding"] * equity["equity"].shift(fill_value=1.0)).sum())


def test_a_run_on_perpetuals_goes_long_and_short(charged: Storage) -> None:
    trades = frame_of(charged, "trades.parquet")
    assert set(trades["side"]) == {1, -1}
    assert trades["closed"].sum() >= 10
    run = json.loads(content_of(charged, "run.json"))
    assert run["spec"]["data"]["symbols"] == list(PERPETUALS)
    assert run["spec"]["target"]["entryPercentile"] == 0.85


def by_hand(predictions: pd.DataFrame, events: pd.DataFrame) -> float:
    """Funding of one sleeve that pays no costs, in units of its start: bar by bar."""
    cash, units, wanted, held, total = 1.0, 0.0, 0.0, 0.0, 0.0
    of_bar = dict(list(events.groupby(events["time"].dt.floor("h"))))
    for bar in predictions.to_dict("records"):
        due, open_ = {"open": 0.0, "inside": 0.0}, bar["open"]
        falling = of_bar.get(bar["time"], events[:0])
        for event in falling.to_dict("records"):
            price = open_ if np.isnan(event["mark_price"]) else event["mark_price"]
            moment = "open" if event["time"] == bar["time"] else "inside"
            due[moment] += price * event["funding_rate"]
        cash, total = cash - units * due["open"], total - units * due["open"]
        if wanted != held:
            worth = cash + units * open_
            units, held = wanted * worth / open_, wanted
            cash = worth - units * open_
        cash, total = cash - units * due["inside"], total - units * due["inside"]
        wanted = bar["position"]
    return total


def test_the_funding_is_what_a_hand_works_out_from_the_attempt_alone(charged: Storage) -> None:
    predictions, events = frame_of(charged, "predictions.parquet"), frame_of(charged, FUNDING)
    trades, total = frame_of(charged, "trades.parquet"), total_of(charged)
    sleeves = [
        by_hand(predictions[predictions["symbol"] == s], events[events["symbol"] == s])
        for s in PERPETUALS
    ]
    assert total == pytest.approx(sum(sleeves) / 2, rel=1e-10)
    assert abs(total) > 1e-4, "the synthetic funding moves something"
    for side in (1, -1):
        assert (trades.loc[trades["side"] == side, "funding"] != 0).any()
    np.testing.assert_allclose(trades["net_pnl"], trades["gross_pnl"] + trades["funding"])


def test_the_independent_recomputation_agrees(charged: Storage) -> None:
    parts = [file.path for file in manifest_of(charged).files]
    files = {p.split("/", 2)[2]: charged.get(f"{LAYOUT.prefix}/{p}") or b"" for p in parts}
    groups = verify_files(files)
    assert {group.name for group in groups} >= {"equity", "trades", "metrics"}
    assert [group.differences for group in groups] == [[]] * len(groups)


def test_every_event_of_the_window_is_in_the_attempt(charged: Storage) -> None:
    events, predictions = frame_of(charged, FUNDING), frame_of(charged, "predictions.parquet")
    assert list(events.columns) == ["time", "symbol", "funding_rate", "mark_price"]
    assert (events["time"] == events["time"].dt.floor("min")).all()
    assert events["time"].between(predictions["time"].min(), predictions["time"].max()).all()
    assert set(events["symbol"]) == set(PERPETUALS)
    assert events["time"].dt.minute.value_counts().loc[30] > 100, "some fall inside a bar"
    at_opens = predictions.loc[predictions["funding_rate"].notna()]
    expected = events[events["time"].dt.minute == 0]
    columns = ["time", "symbol", "funding_rate", "mark_price"]
    pd.testing.assert_frame_equal(
        at_opens[columns].reset_index(drop=True), expected.reset_index(drop=True)
    )
    assert FUNDING in {file.path.rsplit("/", 1)[1] for file in manifest_of(charged).files}


def test_the_report_shows_the_total(charged: Storage) -> None:
    page = content_of(charged, "report.html").decode()
    shown = f"{total_of(charged) * 100:.2f} %".replace("-", "−")
    assert f"Funding of the perpetuals, included in all figures: {shown}" in page
    assert "<th>funding</th>" in page


def test_both_spellings_are_one_perpetual(charged: Storage) -> None:
    layout = RunLayout("local", "in-full", "another-uid")
    spec = perpetual_run(data={"symbols": list(PERPETUALS)}, costs=FREE)
    run_here(charged, spec, layout=layout, attempt="pod-9")
    for name in NUMBERS:
        assert content_of(charged, name) == content_of(charged, name, layout), name


def test_without_charging_no_funding_is_needed_and_none_is_in_the_files(
    uncharged: Storage,
) -> None:
    assert (frame_of(uncharged, "equity.parquet")["funding"] == 0).all()
    assert frame_of(uncharged, "predictions.parquet")["funding_rate"].isna().all()
    assert not any(file.path.endswith(FUNDING) for file in manifest_of(uncharged).files)
    assert b"Funding of the perpetuals" not in content_of(uncharged, "report.html")


def test_funding_counts_in_every_figure(charged: Storage, uncharged: Storage) -> None:
    with_, without = (
        json.loads(content_of(store, "metrics.json"))["metrics"] for store in (charged, uncharged)
    )
    same = {name for name in with_ if with_[name] == without.get(name)}
    assert same <= {"trades", "winRate", "winRateLow", "winRateHigh"}
    assert "buyAndHoldSharpe" in with_.keys() & without.keys()


@dataclass(frozen=True)
class Missing:
    name: str
    without: tuple[str, str] | None
    reason: str
    said: str


MISSING = [
    Missing("none at all", None, "DataUnavailable",
            "from 2025-11-02 06:00 to 2025-12-02 06:00"),
    Missing("none in the last 24 h and more", ("2025-12-01 06:20", "2026-01-01"),
            "DataUnavailable", "from 2025-12-01 02:30 to 2025-12-02 06:00"),
    Missing("none in the first 24 h and more", ("2025-01-01", "2025-11-03 14:01"), "DataGap",
            "from 2025-11-02 06:00 to 2025-11-03 22:00"),
    Missing("a pause of 32 h", ("2025-11-10 05:00", "2025-11-11 07:00"), "DataGap",
            "from 2025-11-09 22:00 to 2025-11-11 14:00"),
]  # fmt: skip


@pytest.mark.parametrize("case", MISSING, ids=attrgetter("name"))
def test_missing_funding_names_the_pause_and_the_import(
    store: Storage, tmp_path: Path, case: Missing
) -> None:
    import_synthetic_funding(store, tmp_path, "ETH/USDT:USDT")
    if case.without is not None:
        import_synthetic_funding(store, tmp_path, "BTC/USDT:USDT", without=case.without)
    with pytest.raises(ClmError) as caught:
        run_here(store, perpetual_run())
    assert caught.value.reason == case.reason
    message = caught.value.message
    assert f"no binance usdm BTC/USDT:USDT funding {case.said}" in message
    command = (
        "clm data import FILE --funding --exchange binance --market usdm --symbol BTC/USDT:USDT "
        f"--store {store.url}"
    )
    assert command in message
    assert store.get(LAYOUT.manifest) is None


def test_missing_bars_of_a_perpetual_name_its_import(tmp_path: Path) -> None:
    with pytest.raises(ClmError) as caught:
        run_here(Storage(str(tmp_path)), perpetual_run())
    assert caught.value.reason == "DataUnavailable"
    assert "--market usdm --symbol BTC/USDT:USDT --timeframe 1h" in caught.value.message
