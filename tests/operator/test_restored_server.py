"""The API server's store is restored from a backup: the operator takes what is true by then."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.operator.rig import Rig
from tests.support.control_plane import ControlPlane
from tests.support.minio_server import MinioServer
from tests.support.operator_process import OperatorProcess
from tests.support.ports import eventually
from tests.support.repository import ROOT
from tests.support.schedules import schedule

pytestmark = pytest.mark.slow
Raw = dict[str, Any]
WITHIN_S = 60
_OTHERS_WRITES = 300
"""After the backup: so far the restored server is behind what the operator has seen."""


def _served(plane: ControlPlane) -> bool:
    said = plane.kubectl("get", "trainingschedules,modelversions", "-A", check=False)
    return "No resources found" in said


def _edit(rig: Rig, name: str, days: int) -> Raw:
    """Apply a schedule that makes no runs."""
    made = schedule(name, rig.namespace, suspend=True, runOnCreate=False)
    made["spec"]["data"]["lookbackDays"] = days
    rig.apply(made)
    return made


def _followed(rig: Rig, *names: str) -> None:
    """Wait until the operator has seen the newest edit of schedules."""

    def look() -> bool:
        found = [rig.plane.get(rig.namespace, "tsched", name) for name in names]
        return all(
            one is not None
            and one.get("status", {}).get("observedGeneration") == one["metadata"]["generation"]
            for one in found
        )

    eventually(look, f"{names} are followed", WITHIN_S)


def _shown(operator: OperatorProcess) -> set[str]:
    """Return the schedules that the operator counts runs of."""
    lines = operator.get("/metrics")[1].splitlines()
    runs = [line for line in lines if line.startswith("clm_runs_total{")]
    return {line.partition('schedule="')[2].partition('"')[0] for line in runs}


def test_an_operator_goes_on_with_what_a_restored_server_shows(
    minio: MinioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in minio.environment().items():
        monkeypatch.setenv(key, value)
    plane = ControlPlane.start(tmp_path / "plane")
    rig: Rig | None = None
    try:
        for name in ("trainingschedules", "modelversions"):
            plane.kubectl("apply", "-f", ROOT / "crds" / f"{name}.yaml")
        eventually(lambda: _served(plane), "the definitions are served")
        rig = Rig.build(plane, minio, "restored", tmp_path / "rig")
        rig.kubelet.stop()  # no pods, and it would not bear that the server is away
        operator = rig.start_operator()
        for name in ("deleted-later", "edited-later"):
            _edit(rig, name, 240)
        _followed(rig, "deleted-later", "edited-later")

        plane.back_up(tmp_path / "backup")
        _edit(rig, "made-later", 240)
        plane.kubectl("-n", rig.namespace, "delete", "tsched", "deleted-later")
        _edit(rig, "edited-later", 250)
        _followed(rig, "made-later", "edited-later")
        eventually(lambda: _shown(operator) == {"made-later", "edited-later"}, "all is seen")
        for number in range(_OTHERS_WRITES):
            meta = {"name": f"other-{number}", "namespace": rig.namespace}
            plane.request("POST", f"/api/v1/namespaces/{rig.namespace}/configmaps",
                          {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})  # fmt: skip

        plane.restore(tmp_path / "backup")
        began = time.monotonic()
        _edit(rig, "new", 240)
        for name in ("deleted-later", "edited-later"):
            _edit(rig, name, 260)
        _followed(rig, "new", "deleted-later", "edited-later")
        there = {"new", "deleted-later", "edited-later"}
        eventually(lambda: _shown(operator) == there, "what was lost is gone", WITHIN_S)
        assert time.monotonic() - began <= WITHIN_S
        assert not operator.ended
    finally:
        if rig is not None:
            rig.close()
        plane.stop()
