"""The operator before, during and after many Simulations."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.support.kwok_world import KwokWorld

from bench.scale.admin import Call
from bench.scale.meter import OPERATOR_CPU, memory_mb
from bench.scale.progress import say
from bench.scale.subject import Subject, running
from bench.scale.world import CLM, NAMESPACE, World
from bench.simulations.load import Load
from bench.simulations.pods import PlayedPods

Raw = dict[str, Any]
_SIMULATIONS = f"{CLM}/simulations"
_LOOK_S = 1.0
_ENDED = {"Succeeded", "Failed"}
_REQUESTS_PER_S = 1000
"""What the Job controller may ask: its default makes 20 pods a second."""


class KwokServers(World):
    """The servers of the scale bench; pods are scheduled, run and end by kwok."""

    def __init__(self, repo: Path, load: Load) -> None:
        super().__init__(repo)
        self.load = load

    def _control(self) -> None:
        self.plane.start_controllers(kube_api_qps=_REQUESTS_PER_S, kube_api_burst=_REQUESTS_PER_S)
        KwokWorld(self.plane).play(self.load.run_s, nodes=10, gpus=0)
        for name in ("kube-scheduler", "kwok"):
            self._owned.callback(self.plane.processes.stop, name)


def measure(repo: Path, load: Load, idle_s: float, limit_s: float) -> Raw:
    """Apply the load to an idle operator and wait for its end.

    Parameters
    ----------
    limit_s
        The longest wait.
    """
    with KwokServers(repo, load) as world, running(world) as subject:
        subject.rested(0, limit_s)
        before = subject.reading()
        time.sleep(idle_s)
        idle = subject.used(before, subject.reading())
        say("idle", idle)
        pods = PlayedPods(world, load)
        pods.start()
        try:
            found = _busy(world, subject, load, limit_s)
        finally:
            pods.stop()
    span: float = found["wall_s"]
    return found | {
        "idle_cpu_percent": round(100 * idle["operator_cpu_s"] / idle["wall_s"], 2),
        "idle_rss_mb": idle["rss_mb"],
        "cpu_percent": round(100 * found["operator_cpu_s"] / span, 2),
        "more_mb": round(found["most_mb"] - idle["rss_mb"], 1),
        "pods": load.pods,
        "most_pods_at_once": pods.most,
        "objects_written_for_pods": pods.written,
    }


def _busy(world: World, subject: Subject, load: Load, limit_s: float) -> Raw:
    """Return what was used from the first object until all have ended."""
    start, end = subject.reading(), time.monotonic() + limit_s
    world.admin.all(Call("POST", _SIMULATIONS, item) for item in load.objects())
    most, phases = 0.0, Counter[str]()
    while time.monotonic() < end:
        time.sleep(_LOOK_S)
        most = max(most, memory_mb(subject.pid)["rss_mb"])
        phases = Counter(
            item.get("status", {}).get("phase", "") for item in world.admin.items(_SIMULATIONS)
        )
        if set(phases) <= _ENDED:
            break
    used = subject.used(start, subject.reading())
    say(f"{dict(phases)} in {NAMESPACE}", used)
    return used | {"phases": dict(phases), "most_mb": most, OPERATOR_CPU: used["operator_cpu_s"]}
