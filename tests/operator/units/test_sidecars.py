"""The trainer is told from what is injected beside it, and its words from theirs."""

import json
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_operator.jobs.state import state_of
from clm_operator.mirror.objects import Pod
from tests.operator.units import builders as b
from tests.operator.units.test_outcomes import HAD_JOB

Raw = dict[str, Any]
T0 = b.NOW

WORDS = json.dumps({"code": 65, "reason": "DataGap", "message": "a hole in BTC/USDT"})
RUNS: Raw = {"running": {"startedAt": b.stamp(T0)}}


def ended_with(code: int, message: str = "", reason: str = "Error") -> Raw:
    time = b.stamp(T0)
    return {
        "terminated": {
            "exitCode": code, "reason": reason, "message": message,
            "startedAt": time, "finishedAt": time,
        }
    }  # fmt: skip


def crowded(
    phase: str,
    trainer: Raw | None,
    proxy: Raw,
    init: Raw | None = None,
    **status: Any,
) -> Pod:
    """Build a pod with what a mesh injects; the kubelet sorts containers by name."""
    containers = [{"name": "istio-proxy", "state": proxy}]
    if trainer is not None:
        containers.append({"name": "trainer", "state": trainer})
    first = [{"name": "istio-init", "state": init}] if init else []
    return Pod.read(
        {
            "metadata": {"uid": "p", "creationTimestamp": b.stamp(T0)},
            "status": {
                "phase": phase, "containerStatuses": containers, "initContainerStatuses": first,
            } | status,
        }
    )  # fmt: skip


@dataclass(frozen=True)
class Crowd:
    name: str
    pod: Pod
    stands: str
    says: str = ""
    condition: tuple[str, str] | None = None
    has_result: bool = False
    after: float = 120


FAILED = ("Failed", "BackoffLimitExceeded")
PULL: Raw = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
STARTS: Raw = {"waiting": {"reason": "PodInitializing"}}
CROWDS = [
    Crowd("the trainer's last words count, not the sidecar's",
          crowded("Failed", ended_with(65, WORDS), ended_with(0)), "Failed DataGap",
          "a hole in BTC/USDT", ("Failed", "PodFailurePolicy")),
    Crowd("the trainer was killed for memory, the sidecar ended well",
          crowded("Failed", ended_with(137, "", "OOMKilled"), ended_with(0)), "Failed OOMKilled",
          condition=FAILED),
    Crowd("a sidecar that was killed for memory is not the trainer",
          crowded("Failed", ended_with(70, "boom"), ended_with(137, "", "OOMKilled")),
          "Failed TrainingFailed", "exit code 70: boom", FAILED),
    Crowd("a result counts though the sidecar goes on", crowded("Running", ended_with(0), RUNS),
          "Succeeded CriteriaPassed", has_result=True, after=1),
    Crowd("a pod that ended well while its Job does not say so yet",
          crowded("Succeeded", ended_with(0), ended_with(0)), "Succeeded CriteriaPassed",
          has_result=True, after=1),
    Crowd("the same without a result", crowded("Succeeded", ended_with(0), ended_with(0)),
          "Failed ArtifactCorrupt", "its trainer ended but the store holds no result", after=61),
    Crowd("a trainer that just ended without a result may yet be followed by its pod",
          crowded("Running", ended_with(65, WORDS), RUNS), "Running DataGap",
          "its pod ended: a hole in BTC/USDT", after=60),
    Crowd("a trainer that failed for good while the sidecar goes on",
          crowded("Running", ended_with(65, WORDS), RUNS), "Failed DataGap", after=61),
    Crowd("one that would be tried again says why it is not",
          crowded("Running", ended_with(70, "boom"), RUNS), "Failed TrainingFailed",
          "another container keeps its pod alive", after=61),
    Crowd("one that ended well without a result is corrupt",
          crowded("Running", ended_with(0), RUNS), "Failed ArtifactCorrupt", after=61),
    Crowd("an image that can't be pulled beside a sidecar that runs",
          crowded("Pending", PULL, RUNS), "Pending ImagePullBackOff",
          "ImagePullBackOff: no such image"),
    Crowd("the same in the words of a pod that calls itself Running",
          crowded("Running", PULL, RUNS), "Pending ImagePullBackOff",
          "ImagePullBackOff: no such image"),
    Crowd("a sidecar whose image can't be pulled", crowded("Pending", STARTS, PULL),
          "Pending ImagePullBackOff", "container istio-proxy: ImagePullBackOff: no such image"),
    Crowd("an init container that fails again and again",
          crowded("Pending", STARTS, STARTS, {"waiting": {"reason": "CrashLoopBackOff"}}),
          "Pending PodNotStarted", "container istio-init: CrashLoopBackOff"),
    Crowd("an init container that ended the pod",
          crowded("Failed", STARTS, STARTS, ended_with(1, "iptables: no such table")),
          "Failed TrainingFailed", "container istio-init ended with 1: iptables: no such table",
          FAILED),
    Crowd("a native sidecar that runs is no trouble",
          crowded("Running", RUNS, RUNS, RUNS), "Running TrainingStarted"),
    Crowd("a pod that was evicted before the kubelet had said a word",
          crowded("Failed", None, {}, reason="Evicted", message="low on memory"),
          "Failed TrainingFailed", "Evicted: low on memory", FAILED),
]  # fmt: skip


@pytest.mark.parametrize("case", CROWDS, ids=attrgetter("name"))
def test_the_trainer_is_told_from_what_is_injected_beside_it(case: Crowd) -> None:
    version = b.version(status=HAD_JOB)
    found = {"btc-1": b.job("btc-1", case.pod, condition=case.condition)}
    reports = {"btc-1": b.report()} if case.has_result else {}
    seen = b.seen(version, now=T0 + timedelta(seconds=case.after), jobs=found, reports=reports)
    got = b.came_of(version, seen, b.settings()).status
    assert f"{got.phase} {got.reason}" == case.stands
    assert case.says in got.message


@pytest.mark.parametrize(
    ("pod", "over"),
    [
        (crowded("Succeeded", ended_with(0), ended_with(0)), True),
        (crowded("Running", ended_with(0), RUNS), True),
        (crowded("Failed", ended_with(70), ended_with(0)), False),
        (crowded("Running", RUNS, RUNS), False),
    ],
    ids=["it ended well", "a sidecar goes on", "it failed and is tried again", "it works"],
)
def test_a_result_is_looked_for_as_soon_as_the_trainer_has_ended(pod: Pod, *, over: bool) -> None:
    assert state_of(b.job("btc-1", pod), None, 600, T0).over is over
