"""Thirty schedules share two GPUs of a real Kueue: who goes when, who is passed, what it costs."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.operator.invariants import Watcher
from tests.operator.rig import Rig, condition
from tests.support.kueue_world import KueueWorld
from tests.support.minio_server import MinioServer
from tests.support.played_pods import PlayedPods
from tests.support.ports import eventually
from tests.support.queues import PREEMPT, cluster_queue, flavor, local_queue, priority_class
from tests.support.schedules import schedule

Raw = dict[str, Any]
NAMESPACE = "queued-fleet"
GPUS, GROUPS, SCHEDULES = 2, 3, 10
"""Places, and the fleet: so many schedules come at once, so many times."""
RUN_S = 0.5
PLACES = {"checks": 10, "training": 100, "production": 1000}
RETRAINED = "s-0-0"
FILLER = "s-0-1"


@dataclass
class Fleet:
    """The operator's surroundings, the queue and the pods."""

    rig: Rig
    kueue: KueueWorld
    pods: PlayedPods

    def add(self, group: int) -> None:
        """Apply schedules; wait until all their Jobs are in the queue, and its clock moves on.

        Kueue orders by whole seconds, and those of one second as it likes.
        """
        self.rig.apply(*(_schedule(group, number) for number in range(SCHEDULES)))
        wanted = (group + 1) * SCHEDULES
        eventually(lambda: len(self.workloads) >= wanted, f"{wanted} Jobs are in the queue", 120)
        newest = max(one["metadata"]["creationTimestamp"] for one in self.workloads.values())
        eventually(lambda: _now() > newest, "the next second")

    @property
    def workloads(self) -> dict[str, Raw]:
        """Kueue's Workloads by the names of their Jobs."""
        found = self.kueue.workloads(NAMESPACE)
        return {one["metadata"]["ownerReferences"][0]["name"]: one for one in found}

    @property
    def ended(self) -> int:
        """How many versions have ended."""
        phases = [v.get("status", {}).get("phase") for v in self.rig.versions()]
        return phases.count("Succeeded") + phases.count("Failed")

    def run_now(self, name: str) -> None:
        """Ask for a run by hand."""
        words = ("annotate", "tsched", name, f"clm.dev/run-now=again-{name}")
        self.rig.plane.kubectl("-n", NAMESPACE, *words)


def _schedule(group: int, number: int) -> Raw:
    name = f"s-{group}-{number}"
    place = "production" if name == RETRAINED else "training"
    job = {"queueName": "gpus", "priorityClass": place, "gpu": {"count": 1}, "backoffLimit": 0}
    return schedule(name, NAMESPACE, interval="24h", job=job)


@pytest.fixture
def fleet(kueue: KueueWorld, minio: MinioServer, tmp_path: Path) -> Iterator[Fleet]:
    """A queue with two GPUs, and CPUs for two pods; the operator runs."""
    with pytest.MonkeyPatch.context() as environment:
        for key, value in minio.environment().items():
            environment.setenv(key, value)
        rig = Rig.build(kueue.plane, minio, NAMESPACE, tmp_path)
        rig.kubelet.stop()
        rig.config_overrides = {
            "jobPolicy": {"workloadPriorityClasses": list(PLACES)},
            "replays": {"queueName": "gpus", "priorityClass": "checks"},
        }
        # Strictly: else a run that found no place may be passed by all that come later.
        strict = {"preemption": PREEMPT, "queueingStrategy": "StrictFIFO"}
        kueue.plane.apply(
            *itertools.starmap(priority_class, PLACES.items()),
            flavor("fleet"),
            cluster_queue("fleet", "fleet", gpus=GPUS, cpus=1, **strict),
            local_queue("gpus", NAMESPACE, "fleet"),
        )
        pods = PlayedPods(kueue.plane, minio, NAMESPACE, RUN_S)
        rig.start_operator()
        watcher = Watcher(rig)
        try:
            yield Fleet(rig, kueue, pods)
            watcher.finish()
        finally:
            pods.stop()
            rig.close()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _admitted(workload: Raw) -> str:
    found = condition(workload["status"], "Admitted")
    assert found["status"] == "True", workload["status"]
    return str(found["lastTransitionTime"])


@pytest.mark.slow
def test_a_fleet_goes_by_slot_and_production_goes_before_a_replay(fleet: Fleet) -> None:
    rig, pods = fleet.rig, fleet.pods
    for group in range(GROUPS):
        fleet.add(group)
    total = GROUPS * SCHEDULES
    eventually(lambda: pods.succeeded == total, "all pods have ended", 240)
    eventually(lambda: fleet.ended == total, "all runs have ended")

    # Nobody is passed by a later slot: a run waits for those before it, two at a time, no longer.
    turns = [(name.split("-")[1], _admitted(one)) for name, one in fleet.workloads.items()]
    passed = [(a, b) for a, b in itertools.permutations(turns, 2) if a[0] < b[0] and a[1] > b[1]]
    assert passed == []
    assert pods.most_gpus == GPUS
    assert {v["status"]["stage"] for v in rig.versions()} == {"CANDIDATE"}

    # A replay and a run have the two places; production's retraining takes the replay's.
    (version,) = rig.versions(RETRAINED)
    pods.held = {"replays", FILLER}
    rig.ask(version["metadata"]["name"])
    replaying = partial(pods.running, RETRAINED, replay=True)
    eventually(replaying, "the replay runs")
    fleet.run_now(FILLER)
    eventually(partial(pods.running, FILLER), "a run beside it")
    fleet.run_now(RETRAINED)
    rig.wait_ended(RETRAINED, 2)
    assert rig.ended(FILLER, 2) is None, "a run of the usual place stays"

    # It comes back, and ends.
    eventually(replaying, "the replay runs again")
    pods.held = set()
    rig.wait_ended(FILLER, 2)
    ended = rig.wait_status(
        RETRAINED, lambda s: s.get("replay", {}).get("phase") == "Succeeded", "the replay ends"
    )
    assert ended["replay"]["queue"]["preemptions"] == 1
    assert [p.succeeded for p in pods.pods.values() if p.is_replay] == [False, True]

    trained = [p for p in pods.pods.values() if p.gpus]
    assert len(trained) == total + 2
    assert sum(p.gpu_s for p in trained) <= 1.1 * sum(p.gpu_s for p in trained if p.succeeded)
