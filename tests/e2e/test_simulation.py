"""A Simulation of eight pods on a real node: whoever is killed, each slot is trained once."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from minio import Minio

from clm_api import API_VERSION
from clm_api.layout import SimulationLayout
from clm_api.past import past_slots
from clm_api.simulation import SimulationSpec
from clm_api.simulation_task import SimulationManifest
from clm_api.timing import slot_of
from clm_api.variants import merge_patch, patched
from tests.e2e.conftest import ENDPOINT, NAMESPACE, Node
from tests.support.ports import eventually
from tests.support.repository import ROOT
from tests.support.schedules import schedule_spec

Raw = dict[str, Any]
CLM = ROOT / ".venv/bin/clm"
BUCKET, NAME, DEEP = "clm", "killed", "deep"
FROM, TO = "2025-09-01", "2025-11-04"
KILLS = (3, 8, 13, 19)
"""A pod is killed once so many slots are trained; with the second and the last the operator too."""
SPEC: Raw = {
    "from": f"{FROM}T00:00:00Z",
    "to": f"{TO}T00:00:00Z",
    "parallelism": 8,
    "schedule": schedule_spec(
        interval="4d",
        promotion={"criteria": {"minSharpe": -10, "minWinRate": 0, "minProfitFactor": 0,
                                "maxDrawdown": 1, "minTrades": 1}},
        job={"backoffLimit": 6, "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}}},
    ),
    "variants": [
        {"name": "as-is"},
        {"name": DEEP, "patch": {"model": {"xgboost": {"maxDepth": 5}}}},
    ],
}  # fmt: skip
INDEX = "batch.kubernetes.io/job-completion-index"
SELECTOR = ("-l", f"clm.dev/simulation={NAME}")


@dataclass
class Watched:
    """What was ever seen of trained slots: an object that is written again has another time."""

    store: Minio
    layout: SimulationLayout
    seen: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    def look(self) -> int:
        """Return how many slots are trained by now."""
        found = self.store.list_objects(
            bucket_name=BUCKET, prefix=f"{self.layout.variants}/", recursive=True
        )
        for item in found:
            if "/slots/" in str(item.object_name):
                state = str(item.etag), str(item.last_modified)
                self.seen.setdefault(str(item.object_name), set()).add(state)
        return len(self.seen)


@dataclass
class Chaos:
    """Kills pods of the simulation, chosen by chance, and the operator."""

    node: Node
    chance: random.Random
    killed: list[str] = field(default_factory=list)

    def pod(self, *, of_reduce: bool = False) -> bool:
        """Kill one that works; whether there was one."""
        running = ("--field-selector", "status.phase=Running")
        pods = self.node.json("pods", *SELECTOR, *running)["items"]
        indexed = {p["metadata"]["name"]: p["metadata"]["labels"].get(INDEX) for p in pods}
        found = sorted(name for name, index in indexed.items() if (index is None) == of_reduce)
        if not found:
            return False
        self._delete(self.chance.choice(found))
        return True

    def operator(self) -> None:
        """Kill it; its Deployment brings another one."""
        (pod, *_) = self.node.json("pods", "-l", "app.kubernetes.io/component=operator")["items"]
        self._delete(pod["metadata"]["name"])

    def _delete(self, name: str) -> None:
        self.node.kubectl("delete", "pod", name, "--grace-period=0", "--force", "--wait=false",
                          check=False)  # fmt: skip
        self.killed.append(name)


@pytest.fixture
def store(release: Node, monkeypatch: pytest.MonkeyPatch) -> Minio:
    """The release's MinIO; the test's own commands find it too."""
    names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    for name in names:
        monkeypatch.setenv(name, release.environment[name])
    keys = (release.environment[name] for name in names[1:])
    return Minio(ENDPOINT.removeprefix("http://"), *keys, secure=False)


@pytest.mark.slow
def test_each_slot_is_trained_once_through_kills_of_pods_and_operator(
    release: Node, store: Minio, tmp_path: Path
) -> None:
    seed = random.randrange(1000)
    chaos, file = Chaos(release, random.Random(seed)), tmp_path / "simulation.yaml"
    file.write_text(yaml.safe_dump(_object("Simulation", NAME, SPEC)))
    command = (CLM, "simulate", "--cluster", file, "-n", NAMESPACE)
    release.run(*command)
    uid = release.json("sim", NAME)["metadata"]["uid"]
    watched = Watched(store, SimulationLayout(NAMESPACE, NAME, uid))
    wanted = _slots(watched.layout)

    for number, trained in enumerate(KILLS):
        _await(release, f"{trained} slots", partial(_at_least, watched, trained))
        _await(release, "a pod that trains", chaos.pod)
        if number % 2:
            chaos.operator()
    _await(release, "all slots", partial(_at_least, watched, len(wanted)))
    _await(release, "a pod that reduces", partial(chaos.pod, of_reduce=True))
    shown = release.run(*command, "-f", "--store", f"s3://{BUCKET}").splitlines()

    told = f"seed {seed}, killed {chaos.killed}"
    status = release.json("sim", NAME)["status"]
    assert status["phase"] == "Succeeded", (told, status)
    assert (status["trained"], status["percent"]) == (len(wanted), 100), told
    watched.look()
    assert set(watched.seen) == wanted, told
    assert [name for name, states in watched.seen.items() if len(states) > 1] == [], told
    assert "Succeeded" in release.kubectl("get", "sim", NAME)
    assert status["overfittingProbability"] is not None
    printed, document = _simulated_here(release, tmp_path)
    assert _stored(store, watched.layout, f"variants/{DEEP}/simulation.json") == document, told
    begin = next(n for n, line in enumerate(shown) if line.split()[0] == DEEP)
    assert shown[begin : begin + len(printed)] == printed


def _object(kind: str, name: str, spec: Raw) -> Raw:
    meta = {"name": name}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "spec": spec}


def _slots(layout: SimulationLayout) -> set[str]:
    """Return the objects of all slots."""
    spec = SimulationSpec.model_validate(SPEC)
    assert spec.schedule is not None
    return {
        layout.slot(variant.name, slot_of(slot))
        for variant in spec.variants
        for slot in past_slots(patched(spec.schedule, variant), spec.from_, spec.to)
    }


def _at_least(watched: Watched, count: int) -> bool:
    return watched.look() >= count


def _await(release: Node, what: str, look: Callable[[], Any]) -> None:
    """Wait for something, or fail with what the simulation says."""
    try:
        eventually(look, what, 240)
    except AssertionError as error:
        status = json.dumps(release.json("sim", NAME).get("status", {}), indent=1)
        raise AssertionError(f"{error}; it says: {status}") from error


def _simulated_here(release: Node, folder: Path) -> tuple[list[str], Raw]:
    """Simulate the second variant on this machine; return what is printed, and simulation.json."""
    spec = merge_patch(SPEC["schedule"], SPEC["variants"][1]["patch"])
    path = folder / "schedule.yaml"
    path.write_text(yaml.safe_dump(_object("TrainingSchedule", DEEP, spec)))
    *lines, place = release.run(
        CLM, "simulate", path, "--from", FROM, "--to", TO, "--store", f"s3://{BUCKET}",
        "--out", folder / "here",
    ).splitlines()  # fmt: skip
    return lines, json.loads(Path(place).read_text())


def _stored(store: Minio, layout: SimulationLayout, name: str) -> Raw:
    """Return a file of the simulation's report."""

    def read(path: str) -> bytes:
        return bytes(store.get_object(bucket_name=BUCKET, object_name=path).read())

    manifest = SimulationManifest.model_validate_json(read(layout.manifest))
    return dict(json.loads(read(layout.file(manifest.file(name).path))))
