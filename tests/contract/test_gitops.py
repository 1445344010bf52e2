"""Flux and Argo CD see every state as what it is: objects as the API server returns them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import pytest

from clm_api import API_VERSION
from clm_api.training_schedule import TrainingScheduleResource
from tests.operator.units import builders as b
from tests.operator.units.world import World, ended
from tests.support.control_plane import ControlPlane
from tests.support.gitops import argo, examples, kstatus

Raw = dict[str, Any]
NAMESPACE = "gitops"
IN_PRODUCTION: Raw = {
    "production": {
        "version": "btc-1", "since": b.stamp(b.NOW), "approvedBy": "alice", "reason": "why not",
        "artifact": {"uri": "s3://models/btc-1/manifest.json", "sha256": "1" * 64},
    },
}  # fmt: skip


def scheduled(status: Raw | None = None, **spec: Any) -> Raw:
    """Return a schedule with what the operator writes about it."""
    owner = b.schedule_object(status=status, runOnCreate=False, **spec)
    decided = b.plan(b.seen(schedule=owner), b.settings()).schedule_status
    assert decided is not None
    return owner.raw | {"status": b.plain(decided)}


def halted(by: str) -> Raw:
    """Return the status of a schedule whose production was emptied."""
    now = b.stamp(b.NOW)
    return {"halted": {"version": "btc-1", "since": now, "by": by, "reason": "why not"}}


def training(phase: str) -> Raw:
    """Return a version whose run goes on."""
    version, pod = b.version(), b.pod(phase)
    seen = b.seen(version, jobs={version.name: b.job(version.name, pod)})
    ((_, status),) = b.plan(seen, b.settings()).version_statuses
    assert status.phase == phase
    return version.raw | {"status": b.plain(status)}


def stands(stage: str) -> Raw:
    """Return a version whose run has ended."""
    world = World.of(ended("btc-1", stage), status=IN_PRODUCTION if stage == "PRODUCTION" else {})
    world.settle()
    assert world.stages() == {"btc-1": stage}
    return world.version("btc-1")


@dataclass(frozen=True)
class Case:
    name: str
    made: Callable[[], Raw]
    flux: str
    argo: str
    edit: Raw | None = None
    """A change of the spec that the operator has not seen yet."""


WISH = {"request": {"stage": "PRODUCTION", "by": "admin", "reason": "why not"}}
CASES = [
    Case("a schedule that nobody has looked at", lambda: b.schedule_object().raw,
         "InProgress", "Progressing"),
    Case("a valid schedule", scheduled, "Current", "Healthy"),
    Case("a schedule that was just edited", scheduled, "InProgress", "Progressing",
         {"interval": "12h"}),
    Case("a suspended schedule", lambda: scheduled(suspend=True), "Current", "Suspended"),
    Case("an invalid schedule", lambda: scheduled(interval=None, schedule="61 * * * *"),
         "Failed", "Degraded"),
    Case("an invalid schedule that is suspended",
         lambda: scheduled(timeZone="Mars/Olympus", suspend=True), "Failed", "Degraded"),
    Case("an invalid schedule that was corrected",
         lambda: scheduled(status=scheduled(timeZone="Mars/Olympus")["status"]),
         "Current", "Healthy"),
    Case("a schedule whose version in production was deleted",
         lambda: scheduled(status=IN_PRODUCTION), "Current", "Degraded"),
    Case("a schedule that a person has halted", lambda: scheduled(status=halted("alice")),
         "Current", "Suspended"),
    Case("a schedule that was stood down", lambda: scheduled(status=halted("clm-operator")),
         "Current", "Degraded"),
    Case("a version that nobody has looked at", lambda: b.version().raw,
         "InProgress", "Progressing"),
    Case("a version whose pod waits", lambda: training("Pending"), "InProgress", "Progressing"),
    Case("a version whose pod works", lambda: training("Running"), "InProgress", "Progressing"),
    *(Case(f"a version in {stage}", lambda s=stage: stands(s), "Current", "Healthy")  # type: ignore[misc]
      for stage in ("REJECTED", "CANDIDATE", "SHADOW", "PRODUCTION", "ARCHIVED")),
    Case("a version whose run failed", lambda: stands("FAILED"), "Failed", "Degraded"),
    Case("a version with a request that nobody has looked at", lambda: stands("CANDIDATE"),
         "InProgress", "Progressing", WISH),
]  # fmt: skip


def stored(plane: ControlPlane, case: Case, number: int) -> Raw:
    """Store an object with its status; return it as the API server does."""
    raw, name = case.made(), f"case-{number}"
    kind = {"TrainingSchedule": "tsched", "ModelVersion": "mv"}[raw["kind"]]
    spec = {k: v for k, v in raw["spec"].items() if v is not None}
    meta = {"name": name, "namespace": NAMESPACE}
    plane.apply({**raw, "metadata": meta, "spec": spec, "status": {}})
    if raw.get("status"):
        written = json.dumps({"status": raw["status"]})
        words = ("--subresource=status", "--type=merge", "-p", written)
        plane.kubectl("-n", NAMESPACE, "patch", kind, name, *words)
    if case.edit:
        edited = json.dumps({"spec": case.edit})
        plane.kubectl("-n", NAMESPACE, "patch", kind, name, "--type=merge", "-p", edited)
    found = plane.get(NAMESPACE, kind, name)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def objects(defined: ControlPlane) -> tuple[Raw, ...]:
    """One object for each case."""
    meta = {"name": NAMESPACE}
    defined.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    return tuple(stored(defined, case, number) for number, case in enumerate(CASES))


@pytest.fixture(scope="module")
def by_kstatus(objects: tuple[Raw, ...]) -> dict[str, str]:
    """What Flux sees, by case."""
    return dict(zip(map(attrgetter("name"), CASES), kstatus(*objects), strict=True))


@pytest.fixture(scope="module")
def by_argo(objects: tuple[Raw, ...], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What Argo CD sees with the manual's scripts, by case."""
    (config,) = [found for found in examples() if found.get("kind") == "ConfigMap"]
    found = {}
    for case, item in zip(CASES, objects, strict=True):
        script = tmp_path_factory.mktemp("argo") / "health.lua"
        key = f"resource.customizations.health.clm.dev_{item['kind']}"
        script.write_text(config["data"][key])
        (found[case.name],) = argo(script, item)
    return found


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_a_tool_sees(case: Case, by_kstatus: dict[str, str], by_argo: dict[str, str]) -> None:
    assert (by_kstatus[case.name], by_argo[case.name]) == (case.flux, case.argo)


def test_trouble_is_a_condition_only_while_it_lasts(objects: tuple[Raw, ...]) -> None:
    for case, item in zip(CASES, objects, strict=True):
        held = {c["type"]: c["status"] for c in item["status"].get("conditions", ())}
        assert held.get("Stalled", "True") == "True", case.name
        assert ("Stalled" in held) == (case.flux == "Failed"), case.name


def test_no_condition_of_a_version_has_a_generation(objects: tuple[Raw, ...]) -> None:
    versions = [item for item in objects if item["kind"] == "ModelVersion"]
    found = [c for item in versions for c in item["status"].get("conditions", ())]
    assert found
    assert not [c for c in found if "observedGeneration" in c]


def test_fluxs_example_waits_for_schedules() -> None:
    flux, part, _ = examples()
    assert flux["apiVersion"] == "kustomize.toolkit.fluxcd.io/v1"
    spec = flux["spec"]
    assert spec["wait"] is True
    assert {"sourceRef", "path", "interval", "timeout", "prune"} <= set(spec)
    (check,) = part["healthChecks"]
    kind = (check["apiVersion"], check["kind"])
    assert kind == (API_VERSION, TrainingScheduleResource.kind)
    assert {"name", "namespace"} <= set(check)
