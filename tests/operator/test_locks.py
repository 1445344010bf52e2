"""What keeps two operators, or one that was cut off, from doubling or undoing anything."""

import contextlib
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from clm_operator.cluster.api import Api, ConflictError, ExistsError, WriteBudget, connect
from clm_operator.cluster.resources import Cluster
from clm_operator.mirror.world import Mirror
from clm_operator.planning.decide import plan
from tests.operator.units import builders as b
from tests.support.control_plane import ControlPlane
from tests.support.schedules import schedule

Raw = dict[str, Any]
NAMESPACE = "locks"


@pytest.fixture
def served(defined: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> ControlPlane:
    defined.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount",
         "metadata": {"name": "clm-trainer", "namespace": NAMESPACE}},
    )  # fmt: skip
    monkeypatch.setitem(os.environ, "KUBECONFIG", str(defined.kubeconfig))
    return defined


@contextlib.asynccontextmanager
async def cluster() -> AsyncIterator[Cluster]:
    """The operator's own client, as the administrator."""
    api = Api(await connect(), WriteBudget(50, time.monotonic), lambda *_: None)
    try:
        yield Cluster(api, Mirror())
    finally:
        await api.close()


def due_version() -> Raw:
    """The version that an operator makes of the slot that is due; nobody owns it here."""
    (manifest,) = plan(b.snapshot(), b.settings()).create_versions
    meta = {**manifest["metadata"], "namespace": NAMESPACE}
    del meta["ownerReferences"]
    return {**manifest, "metadata": meta}


def job(name: str) -> Raw:
    pod = {"restartPolicy": "Never", "containers": [{"name": "trainer", "image": "trainer:none"}]}
    meta = {"name": name, "namespace": NAMESPACE}
    template = {"spec": pod | {"serviceAccountName": "clm-trainer"}}
    spec = {"suspend": True, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec}


async def test_of_two_that_see_a_slot_due_one_makes_its_version(served: ControlPlane) -> None:
    async with cluster() as one, cluster() as other:
        await one.create_version(due_version())
        (made,) = served.list(NAMESPACE, "mv")
        with pytest.raises(ExistsError):
            await other.create_version(due_version())
    assert [v["metadata"]["uid"] for v in served.list(NAMESPACE, "mv")] == [made["metadata"]["uid"]]
    served.kubectl("-n", NAMESPACE, "delete", "mv", "--all")


async def test_of_two_that_make_a_job_the_second_leaves_it_to_the_next_round(
    served: ControlPlane,
) -> None:
    async with cluster() as one, cluster() as other:
        assert await one.create_job(job("twice")) is not None
        assert await other.create_job(job("twice")) is None
    assert len(served.list(NAMESPACE, "jobs")) == 1


async def test_nothing_is_written_over_a_change_that_was_not_seen(served: ControlPlane) -> None:
    served.apply(schedule("changed", NAMESPACE))
    seen = served.get(NAMESPACE, "tsched", "changed")
    assert seen is not None
    served.apply(schedule("changed", NAMESPACE, interval="12h"))
    async with cluster() as late:
        with pytest.raises(ConflictError):
            await late.patch_status(seen, {"observedGeneration": 1})
    now = served.get(NAMESPACE, "tsched", "changed")
    assert now is not None
    assert now.get("status", {}) == seen.get("status", {})


async def test_a_version_that_was_changed_since_it_was_seen_is_not_deleted(
    served: ControlPlane,
) -> None:
    async with cluster() as late:
        await late.create_version(due_version())
        (seen,) = served.list(NAMESPACE, "mv")
        name = seen["metadata"]["name"]
        served.kubectl("-n", NAMESPACE, "annotate", "mv", name, "kept=yes")
        await late.delete_version(seen)
    assert served.get(NAMESPACE, "mv", name) is not None
    served.kubectl("-n", NAMESPACE, "delete", "mv", "--all")
