"""A run as the tests start it: in this process, or as a pod would, in its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from clm_api import environment
from clm_api.layout import RunLayout
from clm_api.report import Manifest, TerminationMessage
from clm_api.run import RunSpec
from clm_trainer import pipeline
from clm_trainer.host import Host
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.importer import import_file
from clm_trainer.storage import Storage
from tests.support.store_server import ACCESS_KEY, SECRET_KEY
from tests.trainer.pipeline.sheets import BARS, NOW, run_spec

LAYOUT = RunLayout("trading", "btc-eth", "0b53b0d6-2f0c-4b7e-9a53-5a2c6a1b9f6e")
SYMBOLS = {"BTC/USDT": "btcusdt", "ETH/USDT": "ethusdt"}
SMALL: dict[str, Any] = {
    "data": {"lookbackDays": 260},
    "evaluation": {"periodDays": 30, "folds": 2},
    "target": {"calibrationDays": 30},
}
"""A run that is quick: 260 days of bars, 30 of them out of sample."""


def small_run(**overrides: Any) -> RunSpec:
    groups = {**SMALL, **{n: {**SMALL.get(n, {}), **g} for n, g in overrides.items()}}
    return run_spec(**groups)


def import_bars(store: Storage, folder: Path, *, without: tuple[str, str] | None = None) -> None:
    """Import the newest year of real bars, with a hole if one is asked for."""
    for symbol, name in SYMBOLS.items():
        frame = pd.read_parquet(BARS / f"binance-spot-{name}-1h.parquet").iloc[-24 * 300 :]
        if without is not None:
            first, last = (pd.Timestamp(t, tz="UTC") for t in without)
            hole = frame["timestamp"].between(first, last)
            frame = frame[~hole]
        path = folder / f"{name}.parquet"
        frame.to_parquet(path)
        key = BarKey("binance", "spot", symbol, "1h")
        import_file(path, key, BarCache(store), now=pd.Timestamp(NOW))


def run_here(
    store: Storage,
    spec: RunSpec,
    *,
    layout: RunLayout = LAYOUT,
    attempt: str = "pod-1",
    should_stop: Callable[[], bool] = lambda: False,
    data: Storage | None = None,
) -> str:
    who = pipeline.Identity(layout, "btc-eth-29410920", attempt)
    return pipeline.run(spec, who, Host(store, lambda: datetime.now(UTC), should_stop, data))


def manifest_of(store: Storage, layout: RunLayout = LAYOUT) -> Manifest:
    content = store.get(layout.manifest)
    assert content is not None, "there is no manifest"
    return Manifest.model_validate_json(content)


def content_of(store: Storage, name: str, layout: RunLayout = LAYOUT) -> bytes:
    path = manifest_of(store, layout).file(name).path
    content = store.get(layout.file(path))
    assert content is not None
    return content


@dataclass
class Pod:
    """A process of its own, told by the environment as the operator tells a pod."""

    store: str
    folder: Path
    spec: RunSpec | None = None
    attempt: str = "pod-1"
    extra: dict[str, str] = field(default_factory=dict)
    command: str = "train"

    def environment(self) -> dict[str, str]:
        """Return what the process is told."""
        spec = self.spec or small_run()
        variables = {
            environment.RUN_SPEC: spec.model_dump_json(by_alias=True, exclude_none=True),
            environment.RUN_NAMESPACE: LAYOUT.namespace,
            environment.RUN_SCHEDULE: LAYOUT.schedule,
            environment.RUN_NAME: "btc-eth-29410920",
            environment.RUN_UID: LAYOUT.uid,
            environment.ATTEMPT: self.attempt,
            environment.STORE_URL: self.store,
            environment.TERMINATION_LOG: str(self.folder / "termination-log"),
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }
        return {**os.environ, **variables, **self.extra}

    def start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "clm_trainer", self.command],
            env=self.environment(),
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self) -> tuple[int, list[dict[str, Any]]]:
        """Return exit code and log lines."""
        with self.start() as process:
            try:
                _, errors = process.communicate(timeout=180)
            finally:
                process.kill()
        return process.returncode, [json.loads(line) for line in errors.splitlines()]

    def last_words(self) -> TerminationMessage:
        text = (self.folder / "termination-log").read_text()
        return TerminationMessage.model_validate_json(text)
