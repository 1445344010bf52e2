"""Two published versions, made a fortnight apart, in a store whose bars go on after both."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from clm_api.layout import RunLayout, replay_report
from clm_api.replay import Contender, ReplayReport, ReplayTask
from clm_api.run import RunSpec
from clm_api.timing import slot_of
from clm_trainer.host import Host
from clm_trainer.monitoring import job
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.importer import import_file
from clm_trainer.storage import Storage
from tests.trainer.pipeline.runs import SYMBOLS, run_here
from tests.trainer.pipeline.sheets import BARS, run_spec

SCHEDULE_UID = "6c1d1a35-7f0f-4f2e-8d8e-2b9a4a7f7d11"
CHAMPION_UNTIL = datetime(2025, 10, 20, tzinfo=UTC)
CHALLENGER_UNTIL = datetime(2025, 11, 3, tzinfo=UTC)
LAST_SLOT = datetime(2025, 12, 2, 6, tzinfo=UTC)
"""Ends of the two versions' bars, and of all bars: 702 after the challenger's."""
TINY: dict[str, Any] = {
    "data": {"lookbackDays": 200},
    "evaluation": {"periodDays": 10, "folds": 1},
    "target": {"calibrationDays": 14, "entryPercentile": 0.7},
}
"""A run of a second."""


def tiny_run(**overrides: Any) -> RunSpec:
    groups = {**TINY, **{n: {**TINY.get(n, {}), **g} for n, g in overrides.items()}}
    return run_spec(**groups)


def layout_of(name: str) -> RunLayout:
    """Where a version of that name lies."""
    return RunLayout("trading", "btc-eth", f"{name}-uid")


def folder_of(store: Storage, name: str) -> Path:
    """The folder of its manifest, in a folder store."""
    return Path(store.url.removeprefix("file://")) / layout_of(name).prefix


def import_until(
    store: Storage, folder: Path, stop: datetime, *, market: str = "spot", suffix: str = ""
) -> None:
    """Import the real bars that closed by then, from 230 days before the champion's end on."""
    for symbol, name in SYMBOLS.items():
        frame = pd.read_parquet(BARS / f"binance-spot-{name}-1h.parquet")
        times, end = frame["timestamp"], pd.Timestamp(stop)
        first = pd.Timestamp(CHAMPION_UNTIL) - pd.Timedelta(days=230)
        path = folder / f"{name}.parquet"
        frame[(times >= first) & (times < end)].to_parquet(path)
        key = BarKey("binance", market, f"{symbol}{suffix}", "1h")
        import_file(path, key, BarCache(store), now=end)


def publish(store: Storage, name: str, spec: RunSpec) -> None:
    """Train on what the store has now."""
    run_here(store, spec, layout=layout_of(name))


@cache
def _made(session: Path) -> Path:
    folder = session / "two-versions"
    folder.mkdir()
    store = Storage(str(folder / "store"))
    import_until(store, folder, CHAMPION_UNTIL)
    publish(store, "champion", tiny_run(model={"xgboost": {"rounds": 20}}))
    import_until(store, folder, CHALLENGER_UNTIL)
    publish(store, "challenger", tiny_run(model={"seed": 5}))
    import_until(store, folder, LAST_SLOT)
    return folder / "store"


def two_versions(session: Path, folder: Path) -> Storage:
    """A store of the test's own with both versions and all bars; made once a session."""
    shutil.copytree(_made(session), folder / "store")
    return Storage(str(folder / "store"))


def contender(store: Storage, name: str, since: datetime) -> Contender:
    """The version as the operator names it."""
    manifest = layout_of(name).manifest
    content = store.get(manifest)
    assert content is not None
    digest = hashlib.sha256(content).hexdigest()
    return Contender(version=name, uri=store.address(manifest), sha256=digest, since=since)


def task_of(store: Storage, *, bars: int = 24, **changes: Any) -> ReplayTask:
    """Both versions, so many bars after the challenger's training; looks at 12, 24 and 48."""
    facts: dict[str, Any] = {
        "slot": CHALLENGER_UNTIL + timedelta(hours=bars, minutes=7),
        "shadow": {"minBars": 12, "maxDays": 2},
    }
    for name, until in (("champion", CHAMPION_UNTIL), ("challenger", CHALLENGER_UNTIL)):
        if name not in changes:
            facts[name] = contender(store, name, until + timedelta(minutes=20))
    return ReplayTask.model_validate({**facts, **changes})


def path_of(task: ReplayTask) -> str:
    return replay_report("trading", "btc-eth", SCHEDULE_UID, slot_of(task.slot))


def report_of(
    store: Storage, task: ReplayTask, should_stop: Callable[[], bool] = lambda: False
) -> ReplayReport:
    """Run the Job here and return its report."""
    job.run(task, path_of(task), Host(store, lambda: datetime.now(UTC), should_stop))
    return stored_report(store, task)


def stored_report(store: Storage, task: ReplayTask) -> ReplayReport:
    content = store.get(path_of(task))
    assert content is not None, "there is no report"
    return ReplayReport.model_validate_json(content)


@dataclass(frozen=True)
class Interrupts:
    """Tells to stop at the n-th question."""

    asked: list[int]
    after: int

    def __call__(self) -> bool:
        self.asked.append(1)
        return len(self.asked) > self.after
