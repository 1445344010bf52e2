"""What a simulation's pod costs beside the training itself: CPU seconds of one slice of slots.

``python -m bench.simulate`` lets one pod of two train its share of weekly versions of XGBoost on
the bundled bars: two symbols, hourly, two years each. The training itself is what a process that
has loaded everything, and has trained once, takes for the same versions.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from bench.cost import cost_of
from bench.machine import cpu
from bench.sides import ONE, ROOT
from clm_api import environment
from clm_api.layout import SimulationLayout
from clm_api.past import covering_run, past_slots, share
from clm_api.simulation_task import SimulationTask, TaskVariant
from clm_api.training_schedule import TrainingScheduleSpec
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.importer import import_file
from clm_trainer.storage import Storage

MOST = 0.15
"""Of the training itself."""
INDICES = 2
START = datetime(2024, 1, 1, tzinfo=UTC)
LAYOUT = SimulationLayout("bench", "weekly", "5f0b1a66-3c1f-4a43-9d1d-0d6e5f6f7a10")
POD = {"image": "bench", "gpu": {"count": 0}, "resources": {}}
SCHEDULE = TrainingScheduleSpec.model_validate(
    {
        "interval": "7d",
        "model": {"family": "xgboost"},
        "data": {"symbols": ["BTC/USDT", "ETH/USDT"], "refresh": "Never"},
    }
)
TRAIN = """
import json, sys, time
from datetime import UTC, datetime
from clm_api.layout import SimulationLayout
from clm_api.past import share
from clm_trainer.host import Host
from clm_trainer.simulation.told import Told
from clm_trainer.storage import Storage
_, url, sha256, place = sys.argv
host = Host(Storage(url), lambda: datetime.now(UTC), lambda: False)
told = Told.read(host.store, SimulationLayout(*json.loads(place)), sha256)
(variant,) = told.task.variants
made = told.prepare(variant, host)
slots = share(made.asked, 0, variant.indices)
made.work.train(slots[0])
before = time.process_time()
for slot in slots:
    made.work.train(slot)
print(time.process_time() - before)
"""


@dataclass(frozen=True)
class Slice:
    """A store with a simulation's task, what its first pod is told, and what runs it."""

    store: str
    sha256: str
    slots: int
    python: str

    def pod(self) -> float:
        """Return the CPU seconds of the pod."""
        store = Storage(self.store)
        store.remove(store.list(f"{LAYOUT.variant('as-is')}/"))
        told = {
            environment.RUN_NAMESPACE: LAYOUT.namespace,
            environment.RUN_SCHEDULE: LAYOUT.name,
            environment.RUN_UID: LAYOUT.uid,
            environment.TASK_SHA256: self.sha256,
            environment.VARIANT: "as-is",
            environment.INDEX: "0",
            environment.ATTEMPT: "pod-1",
            environment.STORE_URL: self.store,
            environment.TERMINATION_LOG: os.devnull,
        }
        # One CPU, as a pod has it: versions are trained in the process itself.
        command = ["taskset", "-c", "0", self.python, "-m", "clm_trainer", environment.SIMULATE]
        made = cost_of(command, cwd=ROOT, told=_inherited() | told)
        trained = len(store.list(f"{LAYOUT.slots('as-is')}/"))
        if trained != self.slots:
            raise SystemExit(f"bench: the pod trained {trained} of {self.slots} slots")
        return made.cpu_s

    def training(self) -> float:
        """Return the CPU seconds that training the same versions takes."""
        place = json.dumps([LAYOUT.namespace, LAYOUT.name, LAYOUT.uid])
        command = [self.python, "-c", TRAIN, self.store, self.sha256, place]
        done = subprocess.run(
            command, env=_inherited() | ONE, check=True, stdout=subprocess.PIPE, text=True
        )
        return float(done.stdout)


def _inherited() -> dict[str, str]:
    """Return the environment, in which Python keeps what it compiles: an image brings that."""
    left_out = "PYTHONDONTWRITEBYTECODE"
    return {name: value for name, value in os.environ.items() if name != left_out}


def prepared(folder: str, slots: int, python: str) -> Slice:
    """Import the bundled bars and write the task."""
    store, stop = Storage(folder), START + timedelta(days=7 * slots * INDICES)
    for coin in ("BTC", "ETH"):
        file = ROOT / "examples" / "data" / f"binance-spot-{coin.lower()}usdt-1h.parquet"
        key = BarKey("binance", "spot", f"{coin}/USDT", "1h")
        import_file(Path(file), key, BarCache(store), now=pd.Timestamp("2026-01-01T00:00Z"))
    run = covering_run(SCHEDULE, START, stop, POD)
    variant = TaskVariant(name="as-is", schedule=SCHEDULE, run=run, indices=INDICES)
    task = SimulationTask(from_=START, to=stop, variants=[variant])
    content = task.model_dump_json(by_alias=True).encode()
    store.create(LAYOUT.task, content)
    mine = share(past_slots(SCHEDULE, START, stop), 0, INDICES)
    return Slice(folder, hashlib.sha256(content).hexdigest(), len(mine), python)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.simulate", description=__doc__)
    parser.add_argument("--slots", type=int, default=50, help="of the pod: half of the versions")
    parser.add_argument("--times", type=int, default=3, help="runs of each; the least counts")
    parser.add_argument(
        "--python",
        default=sys.executable,
        help="an interpreter with the libraries of a pod's image; this one has more",
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clm-bench-simulate-") as folder:
        made = prepared(folder, asked.slots, asked.python)
        made.pod()  # the first one writes the caches of numba and of Python
        rounds = [(made.pod(), made.training()) for _ in range(asked.times)]
    whole, training = (min(times) for times in zip(*rounds, strict=True))
    beside = whole / training - 1
    print(f"{cpu()}, load {os.getloadavg()[0]:.1f}")
    print(f"{made.slots} slots: the pod {whole:.2f} s of CPU, training itself {training:.2f} s")
    print(
        f"a slot {training / made.slots:.3f} s; beside them the pod takes {whole - training:.2f} s"
    )
    print(f"beside the training {beside:.1%}, required <= {MOST:.0%}")
    return int(beside > MOST)


if __name__ == "__main__":
    sys.exit(main())
