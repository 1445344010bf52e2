"""Own series beside a run's bars: what they see, what is said of it, what ends the run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.panel import Floats, Panel
from clm_trainer.sources import asof
from clm_trainer.sources.asof import Microseconds, Rows, Seen
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.importer import import_file
from clm_trainer.sources.own_series import OwnSeries
from clm_trainer.sources.report import DataReport
from clm_trainer.sources.series_import import import_series
from clm_trainer.stages import beside
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage
from tests.support.fake_exchange.listings import BARS
from tests.trainer.sources.worlds import BTC, HOUR, STOP, run_data

DAYS = 60
START = STOP - pd.Timedelta(DAYS, "D")


@pytest.fixture
def store(shared: str) -> Storage:
    """A store with real bars of BTC."""
    found = Storage(shared)
    import_file(BARS / "binance-spot-btcusdt-1h.parquet", BTC, BarCache(found), now=_later())
    return found


def _later() -> pd.Timestamp:
    return pd.Timestamp("2026-06-01", tz="UTC")


def daily(seed: int = 3, late: str = "25h", days: int = DAYS + 5, **more: Any) -> pd.DataFrame:
    """A number about each day, known an hour after its end."""
    about = pd.date_range(START.floor("D") - pd.Timedelta("5D"), periods=days, freq="D")
    score = np.random.default_rng(seed).normal(size=days)
    known = about + pd.Timedelta(late)
    return pd.DataFrame({"timestamp": about, "available_at": known, "score": score, **more})


def imported(store: Storage, folder: Path, frame: pd.DataFrame, name: str = "mood") -> None:
    path = folder / f"{name}.parquet"
    frame[frame["available_at"] <= _later()].to_parquet(path)
    import_series(path, OwnSeries(store, name), now=_later())


def fetched(store: Storage, *series: dict[str, Any], **more: Any) -> tuple[Panel, DataReport]:
    wanted = [{"name": "mood", "columns": ["score"]}] if not series else list(series)
    return fetch(run_data(DAYS, refresh="Never", series=wanted, **more), store)


def seen(panel: Panel, name: str = "mood.score") -> Floats:
    values: Floats = panel.extra[name][:, 0]
    return values


def test_each_bar_sees_the_newest_day_that_was_known_at_its_close(
    store: Storage, tmp_path: Path
) -> None:
    frame = daily()
    imported(store, tmp_path, frame)
    panel, report = fetched(store)
    for row in (0, 1, 23, 24, 25, 700, len(panel) - 1):
        known = frame[frame["available_at"] <= panel.times[row] + HOUR]
        assert seen(panel)[row] == known["score"].iloc[-1]
    (source,) = report.sources
    assert (source.name, source.missing) == ("mood.score", 0)
    assert source.oldest_seconds == 23 * 3600
    assert source.rows >= DAYS


def test_a_correction_is_seen_from_when_it_is_known_and_the_old_value_before(
    store: Storage, tmp_path: Path
) -> None:
    frame = daily()
    corrected = frame.iloc[[40]].assign(score=99.0)
    corrected["available_at"] += pd.Timedelta("7h")
    imported(store, tmp_path, pd.concat([frame, corrected]))
    panel, _ = fetched(store)
    told = np.flatnonzero(panel.times + HOUR == frame["available_at"].iloc[40])[0]
    assert seen(panel)[told : told + 7].tolist() == [frame["score"].iloc[40]] * 7
    assert seen(panel)[told + 7] == 99.0


def test_a_value_that_is_too_old_is_missing_and_counted(store: Storage, tmp_path: Path) -> None:
    imported(store, tmp_path, daily())
    panel, report = fetched(store, {"name": "mood", "columns": ["score"], "maxAge": "6h"})
    missing = int(np.isnan(seen(panel)).sum())
    assert missing == pytest.approx(len(panel) * 17 / 24, abs=24)
    assert (report.sources[0].missing, report.sources[0].oldest_seconds) == (missing, 6 * 3600)


def test_a_series_may_be_silent_at_the_newest_bars_alone(store: Storage, tmp_path: Path) -> None:
    imported(store, tmp_path, daily(days=DAYS // 2))
    wanted = [{"name": "mood", "columns": ["score"], "maxAge": "6h"}]
    data = run_data(10, refresh="Never", series=wanted)
    panel, report = fetch(data, store, few=True)
    assert np.isnan(seen(panel)).all()
    assert report.sources[0].missing == len(panel)
    with pytest.raises(ClmError, match=r"nothing of mood\.score is known"):
        fetch(data, store)


def test_rows_that_become_known_after_the_run_s_end_change_nothing(
    store: Storage, tmp_path: Path
) -> None:
    frame = daily(days=DAYS + 100)
    past = frame["available_at"] <= STOP
    imported(store, tmp_path, frame[past])
    _, before = fetched(store)
    imported(store, tmp_path, frame)
    _, after = fetched(store)
    assert after.sha256 == before.sha256


def test_each_symbol_sees_its_own_rows(store: Storage, tmp_path: Path) -> None:
    frame = daily(1).assign(symbol="BTC/USDT")
    imported(store, tmp_path, pd.concat([frame, daily(2).assign(symbol="ETH/USDT")]))
    panel, _ = fetched(store)
    known = frame[frame["available_at"] <= STOP]
    assert seen(panel)[-1] == known["score"].iloc[-1]


LACKING: dict[str, tuple[dict[str, Any], str, Reason]] = {
    "a series that was never imported": (
        {"name": "chain", "columns": ["x"]},
        "there is no series chain",
        Reason.DATA_UNAVAILABLE,
    ),
    "a column that it has not": (
        {"name": "mood", "columns": ["buzz"]},
        "spec.data.series: series mood has no column buzz; it has score",
        Reason.SPEC_INVALID,
    ),
    "values that are all too old": (
        {"name": "old", "columns": ["score"], "maxAge": "1d"},
        "nothing of old.score is known at a close of the run's bars",
        Reason.DATA_UNAVAILABLE,
    ),
    "a symbol without rows": (
        {"name": "eth", "columns": ["score"]},
        "series eth has no rows of BTC/USDT",
        Reason.DATA_UNAVAILABLE,
    ),
}


def test_what_a_series_lacks_ends_the_run_and_is_named(store: Storage, tmp_path: Path) -> None:
    imported(store, tmp_path, daily())
    imported(store, tmp_path, daily(days=3), "old")
    imported(store, tmp_path, daily().assign(symbol="ETH/USDT"), "eth")
    for name, (series, said, reason) in LACKING.items():
        with pytest.raises(ClmError) as refused:
            fetched(store, series)
        assert (refused.value.reason, name) == (reason, name)
        assert said in refused.value.message


def _by_timestamp(rows: Rows, closes: Microseconds, max_age: int | None) -> Seen:
    return asof.as_known(Rows.of(rows.about, rows.about, rows.numbers), closes, max_age)


def _newest_word(rows: Rows, closes: Microseconds, max_age: int | None) -> Seen:
    """As if every value had always been what it was corrected to."""
    last = dict(zip(rows.about, rows.numbers, strict=True))
    numbers = np.array([last[about] for about in rows.about])
    return asof.as_known(Rows.of(rows.about, rows.known, numbers), closes, max_age)


def _one_bar_early(rows: Rows, closes: Microseconds, max_age: int | None) -> Seen:
    return asof.as_known(rows, closes + (closes[1] - closes[0]), max_age)


@pytest.mark.parametrize("join", [_by_timestamp, _newest_word, _one_bar_early])
def test_a_join_that_uses_values_before_they_were_available_ends_the_run(
    store: Storage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    join: Callable[[Rows, Microseconds, int | None], Seen],
) -> None:
    frame = daily()
    corrected = frame.iloc[10:50:10].assign(score=lambda f: f["score"] + 1)
    corrected["available_at"] += pd.Timedelta("5D")
    imported(store, tmp_path, pd.concat([frame, corrected]))
    fetched(store)
    monkeypatch.setattr(beside, "as_known", join)
    with pytest.raises(ClmError) as refused:
        fetched(store)
    assert refused.value.reason is Reason.METRICS_REJECTED
    assert "look-ahead: mood.score has a value at the close of 2025-" in refused.value.message


def test_a_file_that_says_that_the_day_is_known_in_the_morning_ends_the_run(
    store: Storage, tmp_path: Path
) -> None:
    bars = BarCache(store).read(BTC, START.floor("D"), STOP.floor("D"))
    days = bars.set_index("timestamp").resample("D").agg({"open": "first", "close": "last"})
    change = np.log(days["close"] / days["open"])
    frame = pd.DataFrame({"timestamp": days.index, "available_at": days.index, "score": change})
    imported(store, tmp_path, frame.reset_index(drop=True), "leak")
    with pytest.raises(ClmError, match=r"look-ahead: leak\.score foretells BTC/USDT") as refused:
        fetched(store, {"name": "leak", "columns": ["score"]})
    assert refused.value.reason is Reason.METRICS_REJECTED
