"""When finished Jobs go: after their time, or at once where a quota needs their place."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_operator.complaints import Complaint
from clm_operator.mirror.objects import Job, Version
from tests.operator.units import builders as b
from tests.operator.units.test_shadow import IN_PRODUCTION
from tests.operator.units.world import World, ended

Raw = dict[str, Any]
DAY = timedelta(days=1)
COMPLETE = b.job(condition=("Complete", ""))
ENDED: Raw = {
    "phase": "Failed", "stage": "FAILED", "reason": "DataGap", "completionTime": b.stamp(b.NOW)
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    name: str
    at: datetime
    goes: bool
    job: Job = COMPLETE
    status: Raw = field(default_factory=lambda: ENDED)
    ttl: Raw = field(default_factory=dict)
    parts: Raw = field(default_factory=dict)
    others: tuple[Version, ...] = ()


QUOTA = 'Error creating: pods "btc-2-…" is forbidden: exceeded quota: team'
SHORT = Complaint("QuotaPending", QUOTA)
DENIED = Complaint("AdmissionDenied", "denied the request")
WAITS = {"phase": "Pending", "jobRef": {"name": "btc-2", "uid": "job-btc-2"}}
CASES = [
    Case("a finished Job stays for a day", b.NOW + DAY - timedelta(seconds=1), goes=False),
    Case("and goes then", b.NOW + DAY, goes=True),
    Case("or when the schedule says", b.NOW + timedelta(seconds=60), goes=True,
         ttl={"ttlSecondsAfterFinished": 60}),
    Case("at once if it says so", b.NOW, goes=True, ttl={"ttlSecondsAfterFinished": 0}),
    Case("never before its verdict is stored", b.NOW + 9 * DAY, goes=False,
         status={"phase": "Running", "jobRef": {"name": "btc-1", "uid": "job-btc-1"}},
         parts={"reports": {"btc-1": b.report()}}),
    Case("at once where a quota refuses a Job of the namespace", b.NOW, goes=True,
         parts={"quota_short": True}),
    Case("at once where a quota refuses the pod of another run", b.NOW, goes=True,
         others=(b.version("btc-2", status=WAITS),),
         parts={"more": {"btc-2": replace(b.job("btc-2"), warning=SHORT)}}),
    Case("but not for a webhook's sake", b.NOW, goes=False,
         others=(b.version("btc-2", status=WAITS),),
         parts={"more": {"btc-2": replace(b.job("btc-2"), warning=DENIED)}}),
    Case("one that belongs to something else stays", b.NOW + 9 * DAY, goes=False,
         job=b.job(owner="stranger", condition=("Complete", ""))),
    Case("an ended version of a time before completion was stored counts from its creation",
         b.NOW + DAY, goes=True, status={"phase": "Failed", "stage": "FAILED"}),
]  # fmt: skip


def look(case: Case) -> b.Decided:
    version = b.version(status=case.status)
    parts = dict(case.parts)
    jobs = {"btc-1": case.job} | parts.pop("more", {})
    owner = b.schedule_object(runOnCreate=False, job=case.ttl)
    seen = b.seen(version, *case.others, schedule=owner, now=case.at, jobs=jobs, **parts)
    return b.plan(seen, b.settings())


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_when_a_finished_job_goes(case: Case) -> None:
    made = look(case)
    assert [job.name for job in made.delete_jobs] == (["btc-1"] if case.goes else [])


def test_the_operator_wakes_for_it() -> None:
    made = look(Case("", b.NOW, goes=False, ttl={"ttlSecondsAfterFinished": 60}))
    assert made.wake_at == b.NOW + timedelta(seconds=60)


def test_the_ended_version_outlives_its_job_unchanged() -> None:
    owner = b.schedule_object(runOnCreate=False)
    version = b.version(status=ENDED)
    made = b.plan(b.seen(version, schedule=owner, now=b.NOW + DAY), b.settings())
    assert (made.create_jobs, made.delete_jobs) == ((), ())
    assert [s.reason for _, s in made.version_statuses if s.reason != "DataGap"] == []


def test_the_newest_replays_job_goes_by_the_same_rule_and_its_outcome_stays() -> None:
    world = World.of(
        ended("btc-0", "PRODUCTION"), status=IN_PRODUCTION, monitoring={"interval": "90d"},
        job={"ttlSecondsAfterFinished": 600},
    )  # fmt: skip
    world.now += 90 * DAY
    world.settle()
    world.finish(b.replayed(world.tasks[-1]))
    world.settle()
    told = world.schedule["status"]["replay"]
    assert (told["phase"], len(world.jobs)) == ("Succeeded", 1)
    world.now += timedelta(seconds=600)
    world.settle()
    assert world.jobs == {}
    world.settle()
    assert world.schedule["status"]["replay"] == told


SUCCEEDED: Raw = {"phase": "Succeeded", "stage": "REJECTED", "completionTime": b.stamp(b.NOW)}


@pytest.mark.parametrize(
    ("status", "seconds", "goes"),
    [
        (SUCCEEDED, 0, False),
        (SUCCEEDED, 59, False),
        (SUCCEEDED, 60, True),
        (ENDED | {"reason": "ArtifactCorrupt"}, 59, False),
        (ENDED | {"reason": "DeadlineExceeded"}, 0, True),
    ],
    ids=[
        "a result is read a moment before its Job ends by itself",
        "it has a minute to end",
        "another container keeps its pod alive",
        "a result that is none was read as early",
        "a pod that works in vain has no minute",
    ],
)
def test_a_job_whose_run_has_ended(status: Raw, seconds: int, *, goes: bool) -> None:
    version, now = b.version(status=status), b.NOW + timedelta(seconds=seconds)
    view = b.seen(version, jobs={"btc-1": b.job("btc-1", b.pod())}, now=now)
    decided = b.plan(view, b.settings())
    assert [job.name for job in decided.delete_jobs] == (["btc-1"] if goes else [])
    if not goes:
        assert decided.wake_at == b.NOW + timedelta(seconds=60)
