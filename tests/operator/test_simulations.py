"""A Simulation becomes Jobs, a report and an answer, on a real API server, with played pods."""

import json
import sys
from typing import Any

import pytest

from clm_api import API_VERSION
from clm_api.layout import SimulationLayout
from clm_api.simulation_task import SimulationTask
from tests.operator.rig import Rig, condition
from tests.support import played_pod
from tests.support.ports import eventually
from tests.support.schedules import schedule, schedule_spec

Raw = dict[str, Any]
PLAYED = [sys.executable, "-m", "tests.support.played_pod"]
DEEP = {"name": "deep", "patch": {"model": {"xgboost": {"maxDepth": 5}}}}
SPAN = {"from": "2025-01-01T00:00:00Z", "to": "2025-01-02T00:00:00Z"}


@pytest.fixture
def sims(rig: Rig) -> Rig:
    """A rig whose pods are played."""
    rig.kubelet.replace_command, rig.kubelet.ready = PLAYED, True
    return rig


def simulation(name: str, **spec: Any) -> Raw:
    made = {"schedule": schedule_spec(runOnCreate=True)} | SPAN | {"parallelism": 3} | spec
    made = {key: value for key, value in made.items() if value is not None}
    return {
        "apiVersion": API_VERSION,
        "kind": "Simulation",
        "metadata": {"name": name},
        "spec": made,
    }


def status_of(rig: Rig, name: str) -> Raw:
    found = rig.plane.get(rig.namespace, "sim", name)
    return dict((found or {}).get("status", {}))


def wait_phase(rig: Rig, name: str, phase: str, seconds: float = 90) -> Raw:
    def look() -> Raw | None:
        status = status_of(rig, name)
        return status if status.get("phase") == phase else None

    return eventually(look, f"{name} is {phase}", seconds)


def test_a_simulation_ends_in_a_verified_answer_and_its_jobs_go(sims: Rig) -> None:
    sims.start_operator()
    variants = [{"name": "as-is"}, DEEP]
    sims.apply(simulation("two", variants=variants, ttlSecondsAfterFinished=3))
    status = wait_phase(sims, "two", "Succeeded")
    uid = str((sims.plane.get(sims.namespace, "sim", "two") or {})["metadata"]["uid"])
    layout = SimulationLayout(sims.namespace, "two", uid)

    task = SimulationTask.model_validate_json(sims.storage.get(layout.task) or b"")
    assert [(v.name, v.indices) for v in task.variants] == [("as-is", 2), ("deep", 1)]
    assert getattr(task.variants[1].schedule.model.parameters, "max_depth") == 5  # noqa: B009
    assert (status["slots"], status["trained"], status["percent"]) == (8, 8, 100)
    assert [(v["phase"], v["slots"], v["passed"]) for v in status["variants"]] == [
        ("Succeeded", 4, 0), ("Succeeded", 4, 1),
    ]  # fmt: skip
    assert (status["best"], status["sharpe"]) == ("deep", played_pod.SHARPE + 1)
    assert status["overfittingProbability"] == played_pod.OVERFITTING
    assert status["reportUri"].endswith("/report.html")
    assert condition(status, "Ready")["reason"] == "Simulated"

    def gone() -> bool:
        left = sims.plane.list(sims.namespace, "jobs")
        return not left and not sims.storage.list(layout.variants)

    eventually(gone, "Jobs and slots are gone")
    assert sims.storage.get(layout.manifest)
    reasons = [e["reason"] for e in sims.plane.list(sims.namespace, "events")
               if e["involvedObject"]["kind"] == "Simulation"]  # fmt: skip
    assert reasons == ["Simulating", "Simulated"]
    sims.settle()
    before = sims.writes()
    sims.plane.kubectl("-n", sims.namespace, "label", "sim", "two", "poke=1")
    sims.settle()
    assert sims.writes() == before, "a look without news writes nothing"


def test_a_job_that_fails_ends_the_simulation_with_its_pods_words(sims: Rig) -> None:
    sims.kubelet.replace_command = [*PLAYED, "fail"]
    sims.start_operator()
    sims.apply(simulation("bad"))
    status = wait_phase(sims, "bad", "Failed")
    assert status["reason"] == "SimulationFailed"
    assert "DataGap: a hole of 99 bars" in status["message"]


def test_a_schedule_that_does_not_exist_yet_is_waited_for(sims: Rig) -> None:
    sims.start_operator()
    sims.apply(simulation("named", schedule=None, scheduleName="btc"))

    def said() -> bool:
        return 'no TrainingSchedule "btc"' in status_of(sims, "named").get("message", "")

    eventually(said, "it says what it waits for")
    sims.apply(schedule("btc", sims.namespace, suspend=True, runOnCreate=True))
    assert wait_phase(sims, "named", "Succeeded")["slots"] == 4


def test_what_can_not_be_simulated_names_variant_and_field(sims: Rig) -> None:
    sims.start_operator()
    wrong = {"name": "deep", "patch": {"model": {"xgboost": {"maxDepth": "very"}}}}
    sims.apply(simulation("wrong", variants=[wrong]), simulation("late", to="2999-01-01T00:00:00Z"))
    text = wait_phase(sims, "wrong", "Failed")["message"]
    assert "spec.variants[deep].patch.model.xgboost.maxDepth" in text
    late = wait_phase(sims, "late", "Failed")
    assert (late["reason"], "spec.to" in late["message"]) == ("SpecInvalid", True)


def test_a_spec_never_changes(defined: Any, sims: Rig) -> None:
    sims.apply(simulation("fixed"), schedule("btc", sims.namespace, suspend=True))
    path = f"/apis/clm.dev/v1alpha1/namespaces/{sims.namespace}/simulations/fixed"
    swapped = {"schedule": None, "scheduleName": "btc"}
    for change in ({"parallelism": 4}, swapped, {"variants": [DEEP]}):
        with pytest.raises(AssertionError, match="a Simulation never changes"):
            defined.request("PATCH", path, {"spec": change}, "application/merge-patch+json")
    labels = json.dumps({"metadata": {"labels": {"team": "a"}}})
    assert defined.request("PATCH", path, json.loads(labels), "application/merge-patch+json")
