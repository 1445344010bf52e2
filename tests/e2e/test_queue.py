"""A run waits in a real Kueue on the node, is admitted by it, trains and is judged."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import NAMESPACE, Node, cluster
from tests.support.ports import eventually
from tests.support.queues import cluster_queue, flavor, local_queue
from tests.support.schedules import schedule

Raw = dict[str, Any]
QUEUE = "e2e"


@pytest.fixture
def queued(release: Node) -> Iterator[Node]:
    """The release, and a LocalQueue ``training`` that is held until it is let go."""
    cluster("kueue")
    made = (
        flavor(QUEUE),
        cluster_queue(QUEUE, QUEUE, stopPolicy="Hold"),
        local_queue("training", NAMESPACE, QUEUE),
    )
    for item in made:
        release.apply(item)
    yield release
    for item in reversed(made):
        release.kubectl("delete", item["kind"], item["metadata"]["name"], "--timeout=60s")


def _place(node: Node, name: str, state: str) -> Raw | None:
    """Return what a schedule's version says of its queue, once it stands there so."""
    for version in node.json("mv")["items"]:
        place = version.get("status", {}).get("queue", {})
        if version["spec"]["scheduleRef"]["name"] == name and place.get("state") == state:
            return dict(place)
    return None


def _has_left(node: Node, label: str) -> bool:
    """Whether Kueue has seen the end of the Job of a label."""
    (workload,) = node.json("workloads", "-l", label)["items"]
    states = {c["type"]: c["status"] for c in workload["status"]["conditions"]}
    return states.get("Finished") == "True"


@pytest.mark.slow
def test_a_run_waits_in_its_queue_and_is_judged_once_it_is_admitted(queued: Node) -> None:
    item = schedule("queued", NAMESPACE, job={"queueName": "training"})
    del item["metadata"]["namespace"]
    queued.apply(item)
    held = eventually(lambda: _place(queued, "queued", "Held"), "the run is held")
    assert (held["name"], held["reason"]) == ("training", "QueueStopped")
    assert "inactive" in held["message"]
    assert queued.json("pods", "-l", "clm.dev/schedule=queued")["items"] == []
    go = '{"spec": {"stopPolicy": "None"}}'
    queued.kubectl("patch", "clusterqueue", QUEUE, "--type=merge", "-p", go)
    version = queued.wait_ended("queued")
    assert version["status"]["phase"] == "Succeeded", version["status"]
    assert version["status"]["queue"]["clusterQueue"] == QUEUE
    (job,) = queued.json("jobs", "-l", "clm.dev/schedule=queued")["items"]
    label = f"kueue.x-k8s.io/job-uid={job['metadata']['uid']}"
    eventually(lambda: _has_left(queued, label), "Kueue takes its place back")
