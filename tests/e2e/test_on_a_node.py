"""Chart, images and runs by a real kubelet."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import yaml

from clm_api.model_version import Trigger, TriggerType
from clm_api.resolve import resolve
from clm_api.run import RunTrials
from clm_api.timing import floor_to, slot_of
from clm_operator.mirror.objects import ScheduleObject
from clm_operator.slots.ask import Ask
from clm_operator.slots.version import version_manifest
from tests.e2e.conftest import Node
from tests.support.ports import eventually
from tests.support.repository import ROOT
from tests.support.schedules import schedule

Raw = dict[str, Any]
EXAMPLE = ROOT / "examples" / "xgboost.yaml"


def test_helm_test_reaches_the_store(release: Node) -> None:
    command = ("helm", "test", "clm", "-n", "clm-e2e", "--timeout", "60s")
    said = release.run(*command, check=False)
    assert "an object was written, read back and removed" in said
    assert "Phase:          Succeeded" in said
    assert "not found" in release.kubectl("get", "pod", "clm-check-store", check=False)


def test_the_example_is_judged_and_the_command_line_shows_it(release: Node) -> None:
    name = yaml.safe_load(EXAMPLE.read_text())["metadata"]["name"]
    release.kubectl("apply", "-f", EXAMPLE)
    version = release.wait_ended(name)
    status = version["status"]
    assert status["phase"] == "Succeeded", status
    assert len(status["criteria"]) == 5
    assert status["metrics"]["trades"] > 0
    (job,) = release.json("jobs", "-l", f"clm.dev/schedule={name}")["items"]
    assert job["metadata"]["name"] == version["metadata"]["name"]
    shown = release.run(ROOT / ".venv/bin/clm", "status", name, "-n", "clm-e2e")
    assert status["stage"] in shown
    assert "profitFactor" in shown
    told = json.loads(
        release.run(ROOT / ".venv/bin/clm", "status", name, "-n", "clm-e2e", "-o", "json")
    )
    assert version["metadata"]["name"] in json.dumps(told)
    followed = release.run(ROOT / ".venv/bin/clm", "run", name, "-n", "clm-e2e")
    assert status["stage"] in followed
    written = release.run(ROOT / ".venv/bin/clm", "logs", name, "-n", "clm-e2e", "-o", "json")
    told = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    assert {"fetch", "features", "train", "backtest", "report"} <= {t.get("stage") for t in told}
    shown = release.run(ROOT / ".venv/bin/clm", "logs", name, "-n", "clm-e2e", "-f")
    assert len(shown.splitlines()) == len(written.splitlines())
    assert f"  report    {told[-1]['message']}\n" in shown


def _small(name: str, **overrides: Any) -> Raw:
    item = schedule(name, "clm-e2e", **overrides)
    del item["metadata"]["namespace"]
    return item


def _frozen(release: Node, name: str, resources: Raw) -> Raw:
    """Return a version of a schedule that is there, as it was made when no size was refused."""
    owner = ScheduleObject.read(release.json("tsched", name))
    assert owner.spec
    pod = {"image": "clm-trainer:boosting-dev", "gpu": {"count": 0}, "resources": resources}
    slot = floor_to(datetime.now(UTC), 60)
    run = resolve(owner.spec, slot=slot, trials=RunTrials(), pod_defaults=pod)
    ask = Ask(f"{name}-{slot_of(slot)}", slot, Trigger(type=TriggerType.SCHEDULED))
    return version_manifest(owner, owner.spec, ask, run)


def test_the_kernel_kills_a_run_that_needs_too_much_memory(release: Node) -> None:
    little = {"requests": {"memory": "60Mi"}, "limits": {"memory": "60Mi"}}
    release.apply(_small("hungry", suspend=True))
    release.apply(_frozen(release, "hungry", little))
    status = release.wait_ended("hungry")["status"]
    assert status["reason"] == "OOMKilled", status
    assert "60Mi" in status["message"]


def test_the_scheduler_finds_no_gpu(release: Node) -> None:
    release.apply(_small("gpu", job={"gpu": {"count": 4}, "pendingDeadlineSeconds": 10}))
    status = release.wait_ended("gpu")["status"]
    assert status["reason"] == "Unschedulable", status
    assert "Insufficient nvidia.com/gpu" in status["message"]
    selector = ("-l", "clm.dev/schedule=gpu")
    eventually(lambda: not release.json("pods", *selector)["items"], "the waiting pod is gone")


def test_the_deadline_ends_a_run(release: Node) -> None:
    slow = {"activeDeadlineSeconds": 30, "backoffLimit": 0}
    rounds = {"family": "xgboost", "xgboost": {"rounds": 5000, "maxDepth": 12, "rowStride": 1}}
    cpu = {"resources": {"limits": {"cpu": "100m"}}}
    release.apply(_small("slow", job=slow | cpu, model=rounds))
    status = release.wait_ended("slow")["status"]
    assert status["reason"] == "DeadlineExceeded", status
    assert "spec.job.activeDeadlineSeconds (30)" in status["message"]


def _first(release: Node, schedule_name: str, phase: str) -> Callable[[], str | None]:
    def look() -> str | None:
        for pod in release.json("pods", "-l", f"clm.dev/schedule={schedule_name}")["items"]:
            if pod["status"]["phase"] == phase:
                return str(pod["metadata"]["name"])
        return None

    return look


def test_an_evicted_pod_is_replaced_without_counting_as_a_failure(release: Node) -> None:
    long = {"family": "xgboost", "xgboost": {"rounds": 3000}}
    release.apply(_small("drained", job={"backoffLimit": 0}, model=long))
    pod = eventually(_first(release, "drained", "Running"), "a running pod", 90)
    body = {
        "apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": {"name": pod, "namespace": "clm-e2e"},
    }  # fmt: skip
    path = ROOT / ".cluster" / "eviction.json"
    path.write_text(json.dumps(body))
    release.run(
        "kubectl", "create", "--raw",
        f"/api/v1/namespaces/clm-e2e/pods/{pod}/eviction", "-f", path,
    )  # fmt: skip
    status = release.wait_ended("drained")["status"]
    assert status["phase"] == "Succeeded", status
    assert status["attempt"] == 2


def test_a_restarted_operator_writes_nothing_when_nothing_changed(release: Node) -> None:
    before = {
        item["metadata"]["name"]: item["metadata"]["resourceVersion"]
        for item in release.json("tsched,mv")["items"]
    }
    release.kubectl("rollout", "restart", "deployment/clm-operator")
    release.kubectl("rollout", "status", "deployment/clm-operator", "--timeout=60s")
    deadline = time.monotonic() + 5
    eventually(lambda: time.monotonic() > deadline, "five quiet seconds")
    after = {
        item["metadata"]["name"]: item["metadata"]["resourceVersion"]
        for item in release.json("tsched,mv")["items"]
    }
    assert after == before
