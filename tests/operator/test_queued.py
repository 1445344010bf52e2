"""Runs in queues of a real Kueue: where they stand, what ends them, when they get their keys."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from tests.operator.rig import Rig
from tests.support.kueue_world import KueueWorld
from tests.support.ports import eventually
from tests.support.queues import PREEMPT, cluster_queue, flavor, local_queue, priority_class
from tests.support.schedules import schedule

pytestmark = pytest.mark.slow
Raw = dict[str, Any]
FLAVOR, LIMIT_S = "queued", 10
SLEEPS = ["sleep", "600"]


def of(queue: str | None, **job: Any) -> Raw:
    named = {} if queue is None else {"queueName": queue}
    return {"job": {"pendingDeadlineSeconds": LIMIT_S} | named | job}


def closed(name: str, **more: Any) -> Raw:
    """A ClusterQueue that admits nobody for now."""
    return cluster_queue(name, FLAVOR, stopPolicy="Hold", **more)


def selects_nobody(name: str) -> Raw:
    found = cluster_queue(name, FLAVOR)
    del found["spec"]["namespaceSelector"]
    return found


def covers_cpu_alone(name: str) -> Raw:
    found = cluster_queue(name, FLAVOR)
    (group,) = found["spec"]["resourceGroups"]
    group["coveredResources"] = ["cpu"]
    group["flavors"][0]["resources"] = group["flavors"][0]["resources"][:1]
    return found


@dataclass(frozen=True)
class Row:
    """What may hold a run, and how it comes about.

    Parameters
    ----------
    spoils
        kubectl's words once the Job waits, with its name, or that of its Workload.
    """

    name: str
    reason: str
    ends: bool
    cluster_queue: Raw | None = None
    queue: bool = True
    job: Raw = field(default_factory=dict)
    spoils: Callable[[str, str], tuple[str, ...]] | None = None

    def objects(self, namespace: str) -> list[Raw]:
        made = [] if self.cluster_queue is None else [self.cluster_queue]
        return [*made, *([local_queue(self.name, namespace, f"q-{self.name}")] * self.queue)]


def _deactivate(_: str, workload: str) -> tuple[str, ...]:
    patch = '{"spec": {"active": false}}'
    return ("patch", "workloads.kueue.x-k8s.io", workload, "--type=merge", "-p", patch)


def _unlabel(job: str, _: str) -> tuple[str, ...]:
    return ("label", "job", job, "kueue.x-k8s.io/queue-name-")


ROWS = [
    Row("no-queue", "LocalQueueMissing", ends=True, queue=False),
    Row("no-cluster-queue", "ClusterQueueMissing", ends=True),
    Row("no-flavor", "ClusterQueueInactive", ends=True,
        cluster_queue=cluster_queue("q-no-flavor", "not-there")),
    Row("on-hold", "QueueStopped", ends=False, cluster_queue=closed("q-on-hold")),
    Row("not-selected", "NamespaceNotSelected", ends=True,
        cluster_queue=selects_nobody("q-not-selected")),
    Row("not-covered", "ResourceNotCovered", ends=True,
        cluster_queue=covers_cpu_alone("q-not-covered")),
    Row("too-large", "TooLarge", ends=True,
        cluster_queue=cluster_queue("q-too-large", FLAVOR, cpus=0)),
    Row("no-match", "NoFlavorMatches", ends=True,
        cluster_queue=cluster_queue("q-no-match", "elsewhere"),
        job={"nodeSelector": {"zone": "a"}}),
    Row("put-away", "Deactivated", ends=True, cluster_queue=closed("q-put-away"),
        spoils=_deactivate),
    Row("unlabelled", "LabelRemoved", ends=True, cluster_queue=closed("q-unlabelled"),
        spoils=_unlabel),
    Row("no-class", "NoWorkload", ends=True, cluster_queue=cluster_queue("q-no-class", FLAVOR),
        job={"priorityClassName": "not-there"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def rig(queued_rig: Rig) -> Rig:
    """An operator beside Kueue, which may read ClusterQueues as in a release for all namespaces."""
    place, policy = queued_rig.namespace, queued_rig.config()["jobPolicy"]
    rules = [{"apiGroups": ["kueue.x-k8s.io"], "resources": ["clusterqueues"], "verbs": ["get"]}]
    group = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": place}}
    binding = role | {
        "kind": "ClusterRoleBinding",
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": place},
        "subjects": [{"kind": "ServiceAccount", "name": "clm-operator", "namespace": place}],
    }
    elsewhere = flavor("elsewhere") | {"spec": {"nodeLabels": {"zone": "b"}}}
    queued_rig.plane.apply(
        role | {"rules": rules}, binding, flavor(FLAVOR), elsewhere, priority_class("urgent", 100)
    )
    allowed = {"nodeSelector": ["zone"], "priorityClasses": ["not-there"]}
    queued_rig.config_overrides = {"jobPolicy": policy | allowed}
    queued_rig.start_operator()
    return queued_rig


def the_version(rig: Rig, name: str) -> Raw:
    def look() -> Raw | None:
        found = rig.versions(name)
        return found[0] if found else None

    return eventually(look, f"a version of {name}", 40)


def wait(rig: Rig, name: str, holds: Callable[[Raw], object], what: str) -> Raw:
    """Wait until the status of a schedule's version fulfils a condition."""

    def look() -> Raw | None:
        status = the_version(rig, name).get("status", {})
        return status if holds(status) else None

    return eventually(look, f"{name}: {what}", 90)


def queue(status: Raw) -> Raw:
    return dict(status.get("queue", {}))


def held_by(reason: str, status: Raw) -> bool:
    return queue(status).get("reason") == reason


def begin(rig: Rig, name: str, spec: Raw) -> str:
    rig.apply(schedule(name, rig.namespace, **spec))
    return str(the_version(rig, name)["metadata"]["name"])


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_what_holds_runs_for_ever_ends_them_and_what_passes_does_not(
    rig: Rig, kueue: KueueWorld
) -> None:
    namespace = rig.namespace
    rig.plane.apply(*(one for row in ROWS for one in row.objects(namespace)))
    rig.apply(*(schedule(row.name, namespace, **of(row.name, **row.job)) for row in ROWS))
    for row in ROWS:
        if row.spoils is not None:
            wait(rig, row.name, lambda s: queue(s).get("workload"), "is known to Kueue")
            found = the_version(rig, row.name)
            words = row.spoils(found["metadata"]["name"], found["status"]["queue"]["workload"])
            rig.plane.kubectl("-n", namespace, *words)
    for row in ROWS:
        held = wait(rig, row.name, partial(held_by, row.reason), row.reason)
        assert queue(held)["state"] == "Held"
    for row in (row for row in ROWS if row.ends):
        (version,) = rig.wait_ended(row.name, seconds=60)
        status = version["status"]
        assert (row.name, status["phase"], status["reason"]) == (
            row.name,
            "Failed",
            "NotAdmissible",
        )
        assert f"could not be admitted for {LIMIT_S} s" in status["message"]
    (waits,) = (the_version(rig, row.name)["status"] for row in ROWS if not row.ends)
    assert (waits["phase"], waits["reason"]) == ("Pending", "Queued")


def test_a_run_that_waited_longer_than_for_a_node_is_let_go_and_judged(
    rig: Rig, kueue: KueueWorld
) -> None:
    """The queue on hold of the table before: its run has waited for its whole deadline."""
    name = str(the_version(rig, "on-hold")["metadata"]["name"])
    assert rig.secrets(name) == [], "a queue holds it back: it has no keys"
    controllers = rig.plane.processes.pid("kube-controller-manager")
    assert controllers is not None
    with stopped(controllers):
        rig.plane.apply(closed("q-on-hold") | {"spec": cluster_queue("q-on-hold", FLAVOR)["spec"]})
        rig.plane.kubectl("patch", "clusterqueue", "q-on-hold", "--type=merge", "-p",
                          '{"spec": {"stopPolicy": "None"}}')  # fmt: skip
        wait(rig, "on-hold", lambda s: queue(s).get("state") == "Admitted", "admitted")
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert rig.version(name)["status"]["phase"] == "Pending", "its pod can't be there yet"
    status = wait(rig, "on-hold", lambda s: s.get("phase") in ("Succeeded", "Failed"), "its end")
    assert status["phase"] == "Succeeded"
    assert queue(status)["clusterQueue"] == "q-on-hold"
    (secret,) = rig.secrets(name)
    (pod,) = (p for p in rig.plane.list(rig.namespace, "pods")
              if p["metadata"]["labels"]["clm.dev/schedule"] == "on-hold")  # fmt: skip
    assert [o["uid"] for o in secret["metadata"]["ownerReferences"]] == [pod["metadata"]["uid"]]


def urgent(namespace: str) -> Raw:
    """A Job of somebody else that takes all of a queue."""
    container = {"name": "c", "image": "x", "resources": {"requests": {"cpu": "1"}}}
    labels = {"kueue.x-k8s.io/queue-name": "one", "kueue.x-k8s.io/priority-class": "urgent"}
    meta = {"name": "urgent", "namespace": namespace, "labels": labels}
    pod = {"restartPolicy": "Never", "containers": [container], "nodeSelector": {"no": "node"}}
    spec = {"suspend": True, "template": {"spec": pod}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec}


def test_a_run_that_loses_its_place_says_so_and_goes_on_with_keys_of_its_own(
    rig: Rig, kueue: KueueWorld
) -> None:
    small = cluster_queue("q-one", FLAVOR, cpus=1, preemption=PREEMPT)
    other = f"{rig.namespace}-other"
    rig.plane.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}},
        small, local_queue("one", rig.namespace, "q-one"), local_queue("one", other, "q-one"),
    )  # fmt: skip
    rig.kubelet.replace_command = SLEEPS
    asks = {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}
    name = begin(rig, "low", of("one", resources=asks, pendingDeadlineSeconds=600))
    wait(rig, "low", lambda s: s.get("phase") == "Running", "runs")
    (first,) = rig.secrets(name)
    rig.plane.apply(urgent(other))
    lost = wait(rig, "low", lambda s: queue(s).get("preemptions") == 1, "lost its place")
    assert (lost["phase"], lost["reason"], queue(lost)["state"]) == (
        "Pending", "Queued", "Preempted",
    )  # fmt: skip
    assert "Preempted to accommodate a workload" in lost["message"]
    wait(rig, "low", lambda s: queue(s).get("position") == 1, "is the next")
    eventually(lambda: rig.secrets(name) == [], "the keys went with the pod")
    rig.kubelet.replace_command = None
    rig.plane.kubectl("-n", other, "delete", "job", "urgent", "--wait=false")
    status = wait(rig, "low", lambda s: s.get("phase") in ("Succeeded", "Failed"), "its end")
    assert (status["phase"], queue(status)["preemptions"]) == ("Succeeded", 1)
    (second,) = rig.secrets(name)
    assert second["metadata"]["name"] == first["metadata"]["name"]
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    told = rig.plane.kubectl("-n", rig.namespace, "get", "events", "-o", "json")
    of_it = [e for e in json.loads(told)["items"] if e["involvedObject"]["name"] == name]
    assert {"Preempted", "Admitted"} <= {e["reason"] for e in of_it}


def test_while_kueue_is_away_runs_end_and_wait_and_nothing_is_lost(
    rig: Rig, kueue: KueueWorld
) -> None:
    rig.kubelet.replace_command = None
    ends = begin(rig, "ends", of(None))
    wait(rig, "ends", lambda s: s.get("phase") == "Running", "runs")
    kueue.kueue.stop()
    try:
        begin(rig, "late", of(None))
        late = wait(rig, "late", lambda s: s.get("reason") == "AdmissionUnavailable", "waits")
        assert "failed calling webhook" in late["message"]
        told = {"reason": "AdmissionUnavailable"}
        rig.wait_status("late", lambda s: told.items() <= s.get("lastRun", {}).items(), "says so")
        status = wait(rig, "ends", lambda s: s.get("phase") in ("Succeeded", "Failed"), "its end")
        assert status["phase"] == "Succeeded", "its result counts"
        job = rig.plane.get(rig.namespace, "jobs", ends)
        conditions = job["status"].get("conditions", ()) if job else ()
        assert "Complete" not in {c["type"] for c in conditions}, "its Job can't end meanwhile"
    finally:
        kueue.kueue.start()
    rig.kubelet.replace_command = SLEEPS
    wait(rig, "late", lambda s: s.get("phase") == "Running", "goes on by itself")
    assert len(rig.versions("late")) == 1
