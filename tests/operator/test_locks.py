"""What keeps two operators, or one that was cut off, from doubling or undoing anything."""

import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from obstore.store import MemoryStore

from clm_operator.clock import SystemClock
from clm_operator.cluster.api import Api, ConflictError, ExistsError, WriteBudget, connect
from clm_operator.cluster.resources import Cluster
from clm_operator.mirror.objects import Key
from clm_operator.mirror.world import Mirror
from clm_operator.round.creating import Creator
from clm_operator.round.launch import Launcher
from clm_operator.round.refusals import Refusals
from clm_operator.round.retire import Undertaker
from clm_operator.round.round import Reconciler
from clm_operator.round.writing import Writer
from clm_operator.store.lender import Lender
from clm_operator.store.pointer import PointerWriter
from clm_operator.store.results import ArtifactReader
from clm_operator.store.runs import RunStore
from clm_operator.store.standing import Standing
from clm_operator.telling.kube_events import KubeEvents
from clm_operator.telling.prometheus import Metrics
from clm_operator.telling.teller import Teller
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
async def requests() -> AsyncIterator[Api]:
    """The operator's own client, as the administrator."""
    client = await connect()
    assert client.rest_client.maxsize == 0, "every watch holds a connection: there is no limit"
    api = Api(client, WriteBudget(50, time.monotonic, lambda: True), lambda *_: None)
    try:
        yield api
    finally:
        await api.close()


@contextlib.asynccontextmanager
async def cluster() -> AsyncIterator[Cluster]:
    """An operator that has seen nothing yet."""
    async with requests() as api:
        yield Cluster(api, Mirror())


def rounds(api: Api, mirror: Mirror) -> Reconciler:
    """The rounds of an operator whose watches bring nothing, with an empty store."""
    settings, clock, metrics, store = b.settings(), SystemClock(), Metrics(), MemoryStore()
    reached = Cluster(api, mirror)
    launcher = Launcher(reached, Lender(settings.store), settings.trainer)
    refusals = Refusals(clock, settings.progress_poll_seconds)
    return Reconciler(
        cluster=reached,
        reader=ArtifactReader(store),
        writer=Writer(reached, Teller(KubeEvents(api)), metrics),
        pointers=PointerWriter(store),
        creator=Creator(reached, launcher, refusals, metrics, lambda _: None),
        undertaker=Undertaker(reached, RunStore(store)),
        standing=Standing(settings.store, store, clock),
        settings=settings,
        clock=clock,
        metrics=metrics,
    )


async def test_no_run_begins_of_a_schedule_that_was_suspended_unseen(served: ControlPlane) -> None:
    served.apply(schedule("rested", NAMESPACE))
    seen, mirror = served.get(NAMESPACE, "tsched", "rested"), Mirror()
    assert seen is not None
    mirror.put("TrainingSchedule", seen)
    served.apply(schedule("rested", NAMESPACE, suspend=True))
    async with requests() as api:
        await rounds(api, mirror)(Key(NAMESPACE, "rested"))
    assert served.list(NAMESPACE, "mv") == []


async def test_a_round_decides_on_nothing_that_is_older_than_its_own_writes(
    served: ControlPlane, caplog: pytest.LogCaptureFixture
) -> None:
    served.apply(schedule("new", NAMESPACE))
    seen, mirror = served.get(NAMESPACE, "tsched", "new"), Mirror()
    assert seen is not None
    mirror.put("TrainingSchedule", seen)
    with caplog.at_level(logging.INFO):
        async with requests() as api:
            await rounds(api, mirror)(Key(NAMESPACE, "new"))
    (version,) = served.list(NAMESPACE, "mv")
    assert version["status"]["jobRef"]["name"] == version["metadata"]["name"]
    assert "changed meanwhile" not in caplog.text
    served.kubectl("-n", NAMESPACE, "delete", "mv,jobs", "--all")


def due_version() -> Raw:
    """The version that an operator makes of the slot that is due; nobody owns it here."""
    (manifest,) = b.plan(b.seen(), b.settings()).create_versions
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
