"""A real Kueue on this machine: Jobs wait for a quota, in an order that can be asked for."""

import itertools
from functools import partial
from typing import Any

import pytest

from local_cluster import kueue_objects
from tests.support.kueue_world import KueueWorld
from tests.support.ports import eventually
from tests.support.queues import GPU, cluster_queue, flavor, local_queue, priority_class

Raw = dict[str, Any]
_NUMBERS = itertools.count(1)
_LABEL = "kueue.x-k8s.io/queue-name"


@pytest.fixture
def namespace(kueue: KueueWorld) -> str:
    """A namespace whose LocalQueue ``training`` has one GPU."""
    name = f"queues-{next(_NUMBERS)}"
    kueue.plane.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
        flavor(name),
        cluster_queue(name, name, gpus=1),
        local_queue("training", name, name),
    )
    return name


def _job(name: str, namespace: str, **labels: str) -> Raw:
    container = {"name": "c", "image": "x", "resources": {"limits": {GPU: "1"}}}
    pod = {"restartPolicy": "Never", "containers": [container]}
    meta = {"name": name, "namespace": namespace, "labels": {_LABEL: "training"} | labels}
    spec = {"template": {"spec": pod}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec}


def _admitted(kueue: KueueWorld, namespace: str) -> list[str]:
    jobs = kueue.plane.list(namespace, "jobs")
    return [job["metadata"]["name"] for job in jobs if not job["spec"].get("suspend")]


def _are_waiting(kueue: KueueWorld, namespace: str, *names: str) -> bool:
    return kueue.waiting(namespace, "training") == list(names)


def test_jobs_wait_for_a_gpu_by_priority_and_the_next_takes_the_place_of_one_that_goes(
    kueue: KueueWorld, namespace: str
) -> None:
    high = f"{namespace}-high"
    kueue.plane.apply(priority_class(high, 100))
    kueue.plane.apply(_job("first", namespace))
    eventually(lambda: _admitted(kueue, namespace) == ["first"], "the first is admitted")
    kueue.plane.apply(_job("second", namespace))
    eventually(partial(_are_waiting, kueue, namespace, "second"), "the second waits")
    urgent = _job("urgent", namespace, **{"kueue.x-k8s.io/priority-class": high})
    kueue.plane.apply(urgent)
    eventually(partial(_are_waiting, kueue, namespace, "urgent", "second"), "both wait in order")
    uid = kueue.plane.get(namespace, "jobs", "second")["metadata"]["uid"]  # type: ignore[index]
    workload = kueue.workload(namespace, uid)
    assert workload is not None
    (why,) = [c for c in workload["status"]["conditions"] if c["type"] == "QuotaReserved"]
    assert f"insufficient unused quota for {GPU}" in why["message"]
    kueue.plane.kubectl("-n", namespace, "delete", "job", "first")
    eventually(lambda: _admitted(kueue, namespace) == ["urgent"], "the urgent one is admitted")


def test_without_kueue_no_job_is_taken_and_all_goes_on_once_it_is_back(
    kueue: KueueWorld, namespace: str
) -> None:
    kueue.plane.apply(_job("before", namespace))
    eventually(lambda: _admitted(kueue, namespace) == ["before"], "it is admitted")
    kueue.kueue.stop()
    try:
        with pytest.raises(AssertionError, match="failed calling webhook"):
            kueue.plane.apply(_job("after", namespace))
    finally:
        kueue.kueue.start()
    kueue.plane.apply(_job("after", namespace))
    eventually(partial(_are_waiting, kueue, namespace, "after"), "it waits")
    assert _admitted(kueue, namespace) == ["before"]


def test_what_kueue_brings_leads_to_this_machine_without_its_pod() -> None:
    service = {"kind": "Service", "metadata": {"name": kueue_objects.WEBHOOKS}, "spec": {}}
    others = [
        {"kind": "Deployment", "metadata": {"name": "kueue-controller-manager"}, "spec": {}},
        {"kind": "Service", "metadata": {"name": "metrics"}, "spec": {}},
        {"kind": "ConfigMap", "metadata": {"name": "kueue-manager-config"}},
    ]
    hook = {"name": "vjob", "clientConfig": {"service": {"name": kueue_objects.WEBHOOKS}}}
    hooks = {"kind": "ValidatingWebhookConfiguration", "metadata": {"name": "v"}}
    conversion: Raw = {"webhook": {"clientConfig": {"service": {}}}}
    definition = {"kind": "CustomResourceDefinition", "metadata": {"name": "d"}}
    served = {"kind": "APIService", "metadata": {"name": "v1beta2"}, "spec": {"version": "v1beta2"}}
    found = kueue_objects.led_here(
        [hooks | {"webhooks": [hook]}, served, *others, service,
         definition | {"spec": {"conversion": conversion}}], 1, 2,
    )  # fmt: skip
    assert [one["kind"] for one in found] == [
        "CustomResourceDefinition", "Service", "ValidatingWebhookConfiguration", "APIService",
    ]  # fmt: skip
    defined, here, called, passed_on = found
    assert defined["spec"]["conversion"]["webhook"]["clientConfig"]["service"]["port"] == 1
    assert here["spec"] == {"type": "ExternalName", "externalName": "127.0.0.1"}
    assert called["webhooks"][0]["clientConfig"]["service"]["port"] == 1
    assert passed_on["spec"]["service"]["port"] == 2
    assert passed_on["spec"]["version"] == "v1beta2"
