"""What a round reads beside the mirror: only where watches may tell in either order."""

from typing import Any

import pytest

from clm_operator.cluster.resources import Cluster
from clm_operator.mirror.world import Mirror
from clm_operator.round.gather import FoundOut, view_of
from tests.operator.units import builders as b
from tests.operator.units.test_scheduler import FakeClock

Raw = dict[str, Any]


class Asked(Cluster):
    """Notes what is read live."""

    def __init__(self, mirror: Mirror) -> None:
        super().__init__(None, mirror)  # type: ignore[arg-type]
        self.asked: list[str] = []

    async def refresh(self, kind: str, namespace: str, name: str) -> bool:
        self.asked.append(f"{kind} {name}")
        return False

    async def refresh_pods(self, namespace: str, job: str) -> None:
        self.asked.append(f"pods of {job}")


def seen(raw: Raw) -> Raw:
    """Return an object as a watch brings it."""
    meta = raw["metadata"]
    labels = meta.get("labels", {}) | {"clm.dev/schedule": "btc"}
    return raw | {"metadata": meta | {"resourceVersion": "1", "namespace": "ns", "labels": labels}}


FAILED = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}
LATE = {"conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}]}


@pytest.mark.parametrize(
    ("job", "asked"),
    [
        ({}, []),
        (FAILED, ["pods of btc-1"]),
        (LATE, []),
        (None, ["Job btc-1"]),
    ],
    ids=[
        "a Job that works: nothing",
        "a Job that failed before its pod ended: its pods, which say why",
        "a Job that was ended by its deadline: nothing",
        "a Job that is not in sight: the Job, which may carry other labels",
    ],
)
async def test_what_is_read_live(job: Raw | None, asked: list[str]) -> None:
    mirror = Mirror()
    mirror.put("TrainingSchedule", b.schedule_object().raw)
    running = {"phase": "Running", "jobRef": {"name": "btc-1", "uid": "job-uid"}}
    mirror.put("ModelVersion", b.version(status=running).raw)
    if job is not None:
        mirror.put("Job", seen(b.job("btc-1").raw | {"status": job}))
    cluster = Asked(mirror)
    await view_of(b.KEY, cluster, FakeClock(), FoundOut())
    assert cluster.asked == asked
