"""Whole runs as a pod makes them, on seeded bars: CPU seconds and the largest memory.

``python -m bench.runs`` measures this checkout. ``--before FOLDER`` runs another checkout in turns,
with this one's libraries, and compares both builds' metrics and predictions.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.cost import cost_of
from clm_api import environment
from clm_api.layout import RunLayout
from clm_api.report import Manifest
from clm_api.resolve import resolve
from clm_api.run import RunSpec, RunTrials
from clm_api.training_schedule import TrainingScheduleSpec
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.storage import Storage

ROOT = Path(__file__).parents[1]
END = datetime(2026, 1, 1, tzinfo=UTC)
LAYOUT = RunLayout("bench", "lean", "0b53b0d6-2f0c-4b7e-9a53-5a2c6a1b9f6e")
ONE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""As in a pod of one CPU."""
SAME = ("metrics.json", "folds.json", "predictions.parquet", "trades.parquet")
"""What both builds must write byte for byte."""


@dataclass(frozen=True)
class Load:
    """A run's data.

    Parameters
    ----------
    days
        Length of the history.
    """

    symbols: int
    timeframe: str
    days: int
    family: str = "xgboost"

    @property
    def names(self) -> list[str]:
        return [f"S{number:02d}/USDT" for number in range(self.symbols)]

    @property
    def step(self) -> pd.Timedelta:
        return pd.Timedelta(self.timeframe)

    def spec(self) -> RunSpec:
        schedule = TrainingScheduleSpec.model_validate(
            {
                "interval": "6h",
                "model": {"family": self.family},
                "data": {
                    "symbols": self.names,
                    "timeframe": self.timeframe,
                    "lookbackDays": self.days,
                    "refresh": "Never",
                },
            }
        )
        pod = {"image": "clm-trainer:bench", "gpu": {"count": 0}, "resources": {}}
        return resolve(schedule, slot=END, trials=RunTrials(), pod_defaults=pod)


FINE = Load(5, "5m", 730)
"""What stands in the table: five symbols, two years of five-minute bars."""


@dataclass(frozen=True)
class Measured:
    """What one process took.

    Parameters
    ----------
    cpu_s
        User and system time.
    peak_mb
        Largest resident memory, in MB (10⁶ bytes).
    """

    cpu_s: float
    peak_mb: float
    files: Mapping[str, bytes]


def store_bars(load: Load, url: str) -> None:
    """Write seeded bars: a common and an own random walk, bursts of volatility, no hole."""
    cache, start = BarCache(Storage(url)), END - timedelta(days=load.days)
    times = pd.date_range(start, END, freq=load.step, inclusive="left").as_unit("us")
    common = _returns(np.random.default_rng(1), len(times), load)
    for number, name in enumerate(load.names):
        random = np.random.default_rng(100 + number)
        moves = 0.6 * common + 0.8 * _returns(random, len(times), load)
        close = 100 * np.exp(np.cumsum(moves))
        open_ = np.concatenate([[100.0], close[:-1]])
        wick = np.abs(random.normal(0, 3e-4, (2, len(times))))
        frame = pd.DataFrame(
            {
                "timestamp": times,
                "open": open_,
                "high": np.maximum(open_, close) * (1 + wick[0]),
                "low": np.minimum(open_, close) * (1 - wick[1]),
                "close": close,
                "volume": random.lognormal(3, 1, len(times)),
            }
        )
        cache.write(BarKey("binance", "spot", name, load.timeframe), frame, "bench")


def _returns(random: np.random.Generator, bars: int, load: Load) -> Any:
    slow = np.exp(0.5 * np.sin(np.arange(bars) / 5000))
    return 0.01 * np.sqrt(load.step / pd.Timedelta("1D")) * slow * random.normal(size=bars)


@contextmanager
def stored(load: Load) -> Iterator[str]:
    """A folder store with a load's bars."""
    with tempfile.TemporaryDirectory() as folder:
        store_bars(load, folder)
        yield folder


def measure(load: Load, store: str, checkout: Path = ROOT, attempt: str = "pod") -> Measured:
    """Run ``clm_trainer train`` in a process of its own.

    Raises
    ------
    RuntimeError
        The run failed.
    """
    told = {
        environment.RUN_SPEC: load.spec().model_dump_json(by_alias=True),
        environment.ATTEMPT: attempt,
        environment.RUN_NAME: "lean-1",
        environment.RUN_NAMESPACE: LAYOUT.namespace,
        environment.RUN_SCHEDULE: LAYOUT.schedule,
        environment.RUN_UID: LAYOUT.uid,
        environment.STORE_URL: store,
        environment.TERMINATION_LOG: os.devnull,
        "PYTHONPATH": os.pathsep.join(str(checkout / p / "src") for p in ("crds", "trainer-image")),
    }
    manifest = Path(store) / LAYOUT.manifest
    manifest.unlink(missing_ok=True)
    command = [str(ROOT / ".venv/bin/python"), "-m", "clm_trainer", "train"]
    cost = cost_of(command, cwd=checkout, told=os.environ | ONE | told)
    found = Manifest.model_validate_json(manifest.read_bytes())
    files = {
        one.path.rpartition("/")[2]: (Path(store) / LAYOUT.file(one.path)).read_bytes()
        for one in found.files
    }
    return Measured(cost.cpu_s, cost.peak_bytes / 1e6, files)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="another checkout, measured in turns")
    parser.add_argument("--symbols", type=int, default=FINE.symbols)
    parser.add_argument("--timeframe", default=FINE.timeframe)
    parser.add_argument("--days", type=int, default=FINE.days)
    parser.add_argument("--family", default=FINE.family)
    parser.add_argument("--times", type=int, default=3, help="runs of each build; the least counts")
    given = parser.parse_args()
    load = Load(given.symbols, given.timeframe, given.days, given.family)
    builds = {"now": ROOT} | ({"before": given.before.resolve()} if given.before else {})
    taken: dict[str, list[Measured]] = {name: [] for name in builds}
    with stored(load) as store:
        for _ in range(given.times):
            for name, checkout in builds.items():
                taken[name].append(measure(load, store, checkout))
                one = taken[name][-1]
                print(f"{name:8} {one.cpu_s:7.1f} CPU s {one.peak_mb:8.0f} MB", flush=True)
    least = {
        name: {"cpuSeconds": min(r.cpu_s for r in runs), "megabytes": min(r.peak_mb for r in runs)}
        for name, runs in taken.items()
    }
    print(json.dumps(least))
    differ = [
        file
        for file in SAME
        if any(run.files[file] != taken["now"][0].files[file] for r in taken.values() for run in r)
    ]
    print(f"differ: {', '.join(differ)}" if differ else "equal results")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
