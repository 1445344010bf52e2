"""A lost cluster: what another one makes of a backup, with the operator at work meanwhile."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.operator.rig import Rig
from tests.operator.test_promotion import NAME, candidates, clm, decided, pointer
from tests.support.control_plane import ControlPlane
from tests.support.minio_server import MinioServer
from tests.support.ports import eventually
from tests.support.repository import ROOT

Raw = dict[str, Any]
KEPT = ("phase", "stage", "artifact", "metrics", "criteria", "history", "reportUri", "reason")


@pytest.fixture
def elsewhere(rig: Rig, minio: MinioServer, tmp_path: Path) -> Iterator[Rig]:
    """Another cluster with an operator, on the same store."""
    plane = ControlPlane.start(tmp_path / "elsewhere")
    try:
        plane.start_controllers()
        for name in ("trainingschedules", "modelversions"):
            plane.kubectl("apply", "-f", ROOT / "crds" / f"{name}.yaml")
        (tmp_path / "rig").mkdir()
        other = Rig.build(plane, minio, rig.namespace, tmp_path / "rig")
        try:
            yield other
        finally:
            other.close()
    finally:
        plane.stop()


def kept(version: Raw) -> Raw:
    status = {key: version["status"].get(key) for key in KEPT}
    run = {key: version["spec"][key] for key in ("run", "slot", "trigger")}
    return run | {"name": version["metadata"]["name"], "status": status}


def restored(schedule: Raw, field: str) -> Any:
    """A field of the status, but for production's own results: the operator looks again at once."""
    value = schedule["status"].get(field)
    return value | {"live": None} if field == "production" else value


@pytest.mark.slow
def test_another_cluster_goes_on_from_a_backup(rig: Rig, elsewhere: Rig) -> None:
    rig.start_operator()
    first, second = candidates(rig, 2)
    for name in (first, second):
        rig.ask(name)
        assert decided(rig, name) == "Promoted"
    rig.kubelet.stop()
    rig.plane.kubectl(
        "-n", rig.namespace, "annotate", "tsched", NAME, "clm.dev/run-now=late", "--overwrite"
    )  # fmt: skip
    eventually(
        lambda: [v for v in rig.versions(NAME) if "jobRef" in v.get("status", {})][2:],
        "a run that will never end here",
    )
    (late,) = {v["metadata"]["name"] for v in rig.versions(NAME)} - {first, second}
    store = ("--store", f"s3://{rig.namespace}")
    rig.settle()
    rig.operators[-1].kill()
    history, was = clm(rig, "history", NAME), rig.schedule(NAME)
    before = [kept(v) for v in rig.versions(NAME) if v["metadata"]["name"] != late]
    assert "3 versions saved in" in clm(rig, "backup", *store)

    elsewhere.start_operator()
    said = clm(elsewhere, "restore", *store)
    assert f"{NAME}: 3 versions, {second} in production" in said
    found = elsewhere.wait_ended(NAME, 3)
    elsewhere.settle()

    assert clm(elsewhere, "history", NAME) == history
    now = elsewhere.schedule(NAME)
    assert now["metadata"]["uid"] != was["metadata"]["uid"]
    for field in ("production", "previous", "lastRunToken", "scheduleSeen"):
        assert restored(now, field) == restored(was, field), field
    assert "clm.dev/restoring" not in now["metadata"]["annotations"]
    names = {v["metadata"]["name"] for v in found}
    assert names == {first, second, late}, "no slot and no token ran twice"
    after = {v["metadata"]["name"]: kept(v) for v in found}
    assert [after[v["name"]] for v in before] == before
    ended = elsewhere.version(late)["status"]
    assert (ended["phase"], ended["attempt"]) == ("Succeeded", 1)
    eventually(
        lambda: pointer(elsewhere).get("scheduleUid") == now["metadata"]["uid"],
        "the store names the schedule that took the lost one's place",
    )

    assert clm(elsewhere, "rollback", NAME, "--reason", "back").startswith("RolledBack")
    assert clm(elsewhere, "promote", late, "--reason", "forth").startswith("Promoted")
    elsewhere.settle()
    again = elsewhere.schedule(NAME)["status"]
    assert again["production"]["version"] == late
    assert "is restored already" in clm(elsewhere, "restore", *store)
    assert elsewhere.schedule(NAME)["status"] == again
    assert "nothing in" in clm(elsewhere, "data", "prune", "--orphans", *store)
    origin = json.loads(clm(elsewhere, "list", "-o", "json"))["versions"]
    assert {v["metadata"]["name"] for v in origin if "restored" in v["status"]} == names


def test_who_may_not_restore_writes_no_status(rig: Rig) -> None:
    """An editor, who may write everything else, is refused by the chart's policies."""
    rules = [{"apiGroups": ["clm.dev"], "resources": ["*"], "verbs": ["get", "create", "patch"]}]
    group, meta = "rbac.authorization.k8s.io", {"name": "editor", "namespace": rig.namespace}
    binding = {
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "editor"},
        "subjects": [{"kind": "ServiceAccount", **meta}],
    }
    rig.plane.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": meta, "rules": rules},
        {"apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": meta, **binding},
    )
    path = rig.plane.account_kubeconfig(rig.namespace, "editor")
    samples = ROOT / "crds" / "samples"

    def as_editor(*words: object) -> str:
        return rig.plane.kubectl("--kubeconfig", path, "-n", rig.namespace, *words, check=False)

    schedule = samples / "trainingschedule-minimal.yaml"
    eventually(lambda: "created" in as_editor("create", "-f", schedule), "the account has rights")
    as_editor("annotate", "tsched", "minimal", "clm.dev/restoring=mine")
    patch = ("--subresource=status", "--type=merge", "-p", '{"status": {"candidate": "x"}}')
    refused = "only the operator writes a status"
    eventually(  # the API server takes a moment to know a policy that is new
        lambda: refused in as_editor("patch", "tsched", "minimal", *patch), "the policy holds"
    )
    made = as_editor("create", "-f", samples / "modelversion-minimal.yaml")
    assert "only the operator creates ModelVersions" in made
