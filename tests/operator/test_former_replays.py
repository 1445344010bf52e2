"""From definitions and an operator of before to those of today, while a replay runs."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from clm_api.layout import replay_report
from clm_operator.jobs.manifest import Part, Work, manifest
from clm_operator.settings import Settings
from tests.operator.rig import Rig
from tests.operator.test_older_definitions import CRD, wait_served
from tests.operator.units import builders as b
from tests.support.control_plane import ControlPlane
from tests.support.repository import ROOT
from tests.support.schedules import schedule

Raw = dict[str, Any]
NAME = "old"
SLOT = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTES = int(SLOT.timestamp()) // 60
JOB = f"{NAME}-{MINUTES}-e"
TASK = json.dumps({"slot": "2026-01-05T12:00:00Z"})
NEWEST = {"name": JOB, "slot": "2026-01-05T12:00:00Z", "phase": "Running"}


@pytest.fixture
def before(defined: ControlPlane) -> Iterator[ControlPlane]:
    """The API server with the definition of the time when a replay was called an evaluation."""
    path = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/replay"
    patch = json.dumps([{"op": "remove", "path": path}])
    defined.kubectl("patch", "crd", CRD, "--type=json", "-p", patch)
    wait_served(defined)
    yield defined
    today(defined)


def today(plane: ControlPlane) -> None:
    """Bring the definition of today, as an upgrade does."""
    plane.kubectl("apply", "-f", ROOT / "crds" / "trainingschedules.yaml")
    wait_served(plane)


def job_of_before(rig: Rig, owner: Raw) -> Raw:
    """Return the Job that the operator of before made for the slot."""
    settings, version = Settings.model_validate(rig.config()), b.version().spec
    assert version is not None
    held = {"controller": True, "name": NAME, "uid": owner["metadata"]["uid"]}
    meta = {
        "name": JOB,
        "namespace": rig.namespace,
        "labels": {"clm.dev/schedule": NAME, "clm.dev/evaluation": str(MINUTES)},
        "ownerReferences": [held | {"apiVersion": owner["apiVersion"], "kind": owner["kind"]}],
    }
    told = {
        "CLM_EVALUATION_TASK": TASK, "CLM_RUN_NAMESPACE": rig.namespace, "CLM_RUN_SCHEDULE": NAME,
        "CLM_RUN_NAME": JOB, "CLM_RUN_UID": owner["metadata"]["uid"],
    }  # fmt: skip
    pod = version.run.pod
    work = Work([Part("trainer", pod.image, "evaluate", told, settings.store.secret_name)])
    return manifest(meta, pod, work, settings)


@pytest.mark.slow
def test_a_replay_that_runs_during_an_upgrade_is_found_and_not_made_twice(
    before: ControlPlane, rig: Rig
) -> None:
    assert before is rig.plane
    ends = rig.folder / "ends"
    waits = (
        f"while [ ! -e {ends} ]; do sleep 0.1; done; exec {sys.executable} -m clm_trainer evaluate"
    )
    rig.kubelet.replace_command = ["sh", "-c", waits]
    rig.apply(schedule(NAME, rig.namespace, runOnCreate=False))
    owner = rig.schedule(NAME)
    rig.plane.apply(job_of_before(rig, owner))
    rig.write_status(NAME, {"evaluation": NEWEST})
    assert rig.schedule(NAME)["status"]["evaluation"] == NEWEST

    today(rig.plane)
    assert rig.schedule(NAME)["status"]["evaluation"] == NEWEST, "nothing is lost until it is read"
    rig.start_operator()
    moved = rig.wait_status(NAME, lambda s: "replay" in s, "the operator has read it")
    assert (moved["replay"]["name"], moved["replay"]["phase"]) == (JOB, "Running")
    assert "evaluation" not in moved
    rig.settle()
    ends.touch()
    found = rig.wait_status(NAME, lambda s: s["replay"]["phase"] != "Running", "it has ended")
    assert (found["replay"]["phase"], found["replay"]["reason"]) == ("Succeeded", "Replayed")
    path = replay_report(rig.namespace, NAME, owner["metadata"]["uid"], MINUTES)
    assert rig.minio.keys(rig.namespace, "evaluations") == [path]
    rig.settle()
    jobs = [job["metadata"]["name"] for job in rig.plane.list(rig.namespace, "jobs")]
    assert jobs == [JOB]
    assert len(rig.kubelet.started) == 1
