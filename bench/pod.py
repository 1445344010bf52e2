"""A run on the demo's bars, as its pod makes it: CPU and memory, beside those of another build.

``python -m bench.pod --other ../before`` runs both builds in turns, each with the environment in
its own ``.venv``. Every run is a process of its own with one thread; numba's cache is warm, as an
image brings it, and the first run of each build is not counted.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.cost import Cost, cost_of
from bench.machine import cpu
from bench.sides import ONE, ROOT
from clm_api import environment
from clm_api.layout import RunLayout

TIMES = 5
MOST = 0.5
"""Of the other build's CPU seconds."""
LAYOUT = RunLayout("bench", "btc-eth", "0b53b0d6-2f0c-4b7e-9a53-5a2c6a1b9f6e")
PREPARE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import pandas as pd
from clm_api.resolve import resolve
from clm_api.run import RunTrials
from clm_cli.manifests import schedule_of
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.importer import import_file
from clm_trainer.storage import Storage
_, repository, store = sys.argv
now, examples = datetime(2026, 1, 1, tzinfo=UTC), Path(repository, "examples")
for coin in ("BTC", "ETH"):
    file = examples / "data" / f"binance-spot-{coin.lower()}usdt-1h.parquet"
    key = BarKey("binance", "spot", f"{coin}/USDT", "1h")
    import_file(file, key, BarCache(Storage(store)), now=pd.Timestamp(now))
_, spec = schedule_of(examples / "xgboost.yaml")
pod = {"image": "bench", "gpu": {"count": 0}, "resources": {}}
made = resolve(spec, slot=now, trials=RunTrials(), pod_defaults=pod)
print(made.model_dump_json(by_alias=True, exclude_none=True))
"""


class Build:
    """A checkout with an environment of its own, and a store with the demo's bars."""

    def __init__(self, checkout: Path, folder: Path) -> None:
        self.folder, self.store = folder, folder / "store"
        self.python = checkout / ".venv/bin/python"
        if not self.python.exists():
            raise SystemExit(f"bench: {checkout} has no .venv: run make setup there")
        folder.mkdir()
        told = subprocess.run(
            [self.python, "-c", PREPARE, str(checkout), str(self.store)],
            check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.spec = told.stdout

    def run(self) -> Cost:
        """Make one run and return what it took."""
        subprocess.run(["rm", "-rf", self.store / "runs"], check=True)
        told = {
            environment.RUN_SPEC: self.spec,
            environment.RUN_NAMESPACE: LAYOUT.namespace,
            environment.RUN_SCHEDULE: LAYOUT.schedule,
            environment.RUN_NAME: "btc-eth-1",
            environment.RUN_UID: LAYOUT.uid,
            environment.ATTEMPT: "pod-1",
            environment.STORE_URL: str(self.store),
            environment.TERMINATION_LOG: str(self.folder / "termination-log"),
            "NUMBA_CACHE_DIR": str(self.folder / "numba"),
            "MPLCONFIGDIR": str(self.folder),
        }
        command = [str(self.python), "-m", "clm_trainer", "train"]
        cost = cost_of(command, cwd=self.folder, told=os.environ | ONE | told)
        if not (self.store / LAYOUT.manifest).exists():
            raise SystemExit("bench: the run ended without a result")
        return cost


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.pod", description=__doc__)
    parser.add_argument("--other", type=Path, help="a checkout of another build")
    parser.add_argument("--times", type=int, default=TIMES)
    asked = parser.parse_args()
    checkouts = {"this build": ROOT}
    if asked.other:
        checkouts["the other"] = asked.other.resolve()
    with tempfile.TemporaryDirectory(prefix="clm-bench-pod-") as folder:
        places = enumerate(checkouts.items())
        builds = {name: Build(at, Path(folder, str(i))) for i, (name, at) in places}
        for build in builds.values():
            build.run()
        rounds = [{n: build.run() for n, build in builds.items()} for _ in range(asked.times)]
    print(f"{cpu()}, load {os.getloadavg()[0]:.1f}")
    best = {name: min(costs[name].cpu_s for costs in rounds) for name in builds}
    for name, seconds in best.items():
        most = max(costs[name].peak_bytes for costs in rounds) / 2**20
        every = json.dumps([round(costs[name].cpu_s, 2) for costs in rounds])
        print(f"{name:10}  {seconds:6.2f} s of CPU  {most:6.0f} MB at most  {every}")
    if not asked.other:
        return 0
    ratio = best["this build"] / best["the other"]
    print(f"ratio {ratio:.2f}, required <= {MOST:g}")
    return int(ratio > MOST)


if __name__ == "__main__":
    sys.exit(main())
