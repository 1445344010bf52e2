"""Fake nodes: a Job's pods are placed, run for a while and succeed, and nothing computes."""

from pathlib import Path

import pytest

from tests.support.kwok_world import KwokWorld
from tests.support.ports import eventually


@pytest.mark.slow
@pytest.mark.api
def test_every_index_of_a_job_runs_on_a_fake_node_and_succeeds(tmp_path: Path) -> None:
    world = KwokWorld.start(tmp_path / "k", run_s=1, nodes=2)
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "many", "namespace": "default"},
        "spec": {
            "completionMode": "Indexed", "completions": 30, "parallelism": 30,
            "backoffLimitPerIndex": 1, "template": {"spec": pod},
        },
    }  # fmt: skip
    try:
        world.plane.apply(job)

        def succeeded() -> bool:
            status = (world.plane.get("default", "jobs", "many") or {}).get("status", {})
            return bool(status.get("completedIndexes") == "0-29")

        eventually(succeeded, "all indices have succeeded", 60)
        nodes = {pod["spec"]["nodeName"] for pod in world.plane.list("default", "pods")}
        assert nodes <= {"fake-0", "fake-1"}, "where each goes is the scheduler's business"
    finally:
        world.stop()
