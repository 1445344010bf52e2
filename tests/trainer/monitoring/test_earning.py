"""The replay's finding of the results, from the files of a real run."""

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from clm_api.replay import ReplayTask
from clm_trainer.monitoring.promise import promise_of
from clm_trainer.serving.model import load
from clm_trainer.storage import Storage
from tests.support.attempts import rewrite
from tests.trainer.monitoring.published import (
    CHALLENGER_UNTIL,
    CHAMPION_UNTIL,
    contender,
    folder_of,
    layout_of,
    report_of,
    task_of,
)


def watched(store: Storage, bars: int = 24, **watch: Any) -> ReplayTask:
    """The champion alone, its results looked at."""
    told = {
        "drift": {"mode": "Off"},
        "maxDrawdown": 0.5,
        "validUntil": CHALLENGER_UNTIL + timedelta(days=60),
        **watch,
    }
    return task_of(store, bars=bars, challenger=None, watch=told)


def test_the_results_since_the_promotion_are_held_against_the_backtest(store: Storage) -> None:
    report = report_of(store, watched(store))
    live, seen = report.live, report.performance
    assert live is not None
    assert seen is not None
    assert (seen.version, seen.from_, seen.to) == ("champion", live.from_, live.to)
    assert seen.bars == live.bars == 15 * 24
    assert seen.sharpe == pytest.approx(live.metrics["sharpe"], abs=1e-3)
    assert seen.drawdown == pytest.approx(live.metrics["maxDrawdown"], abs=1e-4)
    equity = next(folder_of(store, "champion").rglob("equity.parquet"))
    returns = pd.read_parquet(equity)["net_return"]
    promised = max(0.0, returns.mean() / returns.std() * 8766**0.5)
    assert seen.promised_sharpe == pytest.approx(promised, abs=1e-3)
    assert seen.cusum_limit is not None
    assert "CUSUM" in seen.message or "known since" in seen.message
    assert report.problems == []


def test_a_drawdown_beyond_the_schedules_limit_is_found_at_once(store: Storage) -> None:
    seen = report_of(store, watched(store, maxDrawdown=0.0001)).performance
    assert seen is not None
    assert (seen.verdict, seen.cause, seen.max_drawdown) == ("Degraded", "Drawdown", 0.0001)


@pytest.mark.parametrize(
    "watch", [None, {"performance": {"mode": "Off"}}], ids=["not asked for", "turned off"]
)
def test_nothing_is_found_unless_asked(watch: dict[str, Any] | None, store: Storage) -> None:
    task = watched(store, **watch) if watch else task_of(store, challenger=None)
    report = report_of(store, task)
    assert report.performance is None
    assert report.live is not None


def test_before_the_first_bar_it_is_too_early(store: Storage) -> None:
    champion = contender(store, "champion", CHALLENGER_UNTIL + timedelta(hours=24, minutes=3))
    task = watched(store).having(champion=champion)
    seen = report_of(store, task).performance
    assert seen is not None
    assert (seen.bars, seen.verdict, seen.sharpe) == (0, "TooEarly", None)
    assert seen.to < seen.from_


@pytest.mark.parametrize("damage", ["other bytes", "no returns", "not a parquet file"])
def test_a_backtest_that_cant_be_read_leaves_the_figures(damage: str, store: Storage) -> None:
    run = folder_of(store, "champion")
    if damage == "other bytes":
        next(run.rglob("equity.parquet")).write_bytes(b"PAR1")
    else:
        empty = pd.DataFrame({"time": [1]}).to_parquet() if damage == "no returns" else b"PAR1"
        rewrite(run, "equity.parquet", lambda _: empty)
    report = report_of(store, watched(store))
    assert report.performance is None
    assert report.live is not None
    assert [(one.version, one.reason) for one in report.problems] == [
        ("champion", "ArtifactCorrupt")
    ]
    assert "equity.parquet" in report.problems[0].message


def test_an_artifact_without_new_files_has_all_that_is_needed(store: Storage) -> None:
    model = load(store.address(layout_of("champion").manifest))
    promise = promise_of(contender(store, "champion", CHAMPION_UNTIL), model.spec.trials)
    assert promise is not None
    assert len(promise.returns) == 10 * 24
