"""``python -m bench.simulations.cost FILE``: what a Simulation's pods cost beside the training.

It runs on the node, with a kubeconfig: what pods have used is read from their cgroups. Training
itself is measured here, slot by slot in a process that is warm, on the bars of the same store.
"""

import argparse
import json
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from clm_api.model_version import TERMINAL
from clm_api.past import covering_run
from clm_api.simulation import SimulationSpec
from clm_api.variants import patched
from clm_cli.cluster import Cluster
from clm_cli.local import LOCAL_POD
from clm_cli.simulation_manifest import wanted
from clm_operator.names import LABEL_SIMULATION
from clm_trainer.host import Host
from clm_trainer.simulation.prepared import prepare
from clm_trainer.storage import Storage

Raw = dict[str, Any]
BAR = 0.15
_CGROUPS = Path("/sys/fs/cgroup/cpuacct/kubepods")
_LOOK_S = 0.25


@dataclass
class PodsCpu(threading.Thread):
    """CPU seconds of all pods, as their cgroups said last."""

    used: dict[str, float] = field(default_factory=dict)
    """By uid."""
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        """Look until it is stopped."""
        while not self._over.wait(_LOOK_S):
            for folder in (*_CGROUPS.glob("pod*"), *_CGROUPS.glob("*/pod*")):
                try:
                    spent = int((folder / "cpuacct.usage").read_text()) / 1e9
                except OSError:
                    continue
                uid = folder.name.removeprefix("pod")
                self.used[uid] = max(spent, self.used.get(uid, 0.0))

    def stop(self) -> None:
        """End it."""
        self._over.set()
        self.join()


def trained_here(spec: SimulationSpec, store: str) -> tuple[int, float]:
    """Return how many slots there are, and the CPU seconds of training them on one thread."""
    count, spent = 0, 0.0
    assert spec.schedule is not None
    for variant in spec.all_variants:
        schedule = patched(spec.schedule, variant)
        run = covering_run(schedule, spec.from_, spec.to, LOCAL_POD)
        prepared = prepare(schedule, run, spec.from_, spec.to, _host(store))
        prepared.work.train(prepared.slots[0])
        begin = time.process_time()
        for slot in prepared.slots:
            prepared.work.train(slot)
        spent += time.process_time() - begin
        count += len(prepared.slots)
    return count, spent


def _host(store: str) -> Host:
    return Host(Storage(store), partial(datetime.now, UTC), lambda: False)


def in_pods(cluster: Cluster, name: str, limit_s: float) -> tuple[Raw, dict[str, float]]:
    """Wait for a simulation's end; return its status, and the CPU seconds of each pod by name."""
    watch, end = PodsCpu(), time.monotonic() + limit_s
    watch.start()
    try:
        while (view := cluster.simulation(name)).status.phase not in TERMINAL:
            if time.monotonic() > end:
                sys.exit(f"{name} has not ended: {view.status.message}")
            time.sleep(1)
    finally:
        watch.stop()
    pods = cluster.pods_by(f"{LABEL_SIMULATION}={name}")
    return view.raw["status"], {pod.name: watch.used.get(pod.uid, 0.0) for pod in pods}


def main() -> int:
    """Measure; exit 1 if it costs more than the bar, or does not succeed."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulations.cost", description=__doc__)
    parser.add_argument("file", type=Path, help="a Simulation that holds its schedule")
    parser.add_argument("--namespace", "-n")
    parser.add_argument("--store", default="s3://clm")
    parser.add_argument("--limit", type=float, default=3600, help="seconds of the longest wait")
    chosen = parser.parse_args()
    wish = wanted(chosen.file, None, None, None)
    cluster = Cluster(chosen.namespace)
    cluster.create(wish.raw)
    status, pods = in_pods(cluster, wish.name, chosen.limit)
    slots, training = trained_here(wish.spec, chosen.store)
    all_ = sum(pods.values())
    found = {
        "phase": status["phase"],
        "slots": slots,
        "pods": len(pods),
        "cpu_s_of_pods": round(all_, 1),
        "cpu_s_of_training": round(training, 1),
        "cost_beside_training": round(all_ / training - 1, 3),
        "cpu_s_a_pod_beside_training": round((all_ - training) / len(pods), 2),
        "by_pod": {name: round(used, 1) for name, used in sorted(pods.items())},
    }
    print(json.dumps(found, indent=1))
    return int(found["phase"] != "Succeeded" or found["cost_beside_training"] > BAR)


if __name__ == "__main__":
    sys.exit(main())
