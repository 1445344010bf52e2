"""Replay Jobs: when one is due, whom it replays, how it ends."""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_api.reasons import Reason
from clm_api.replay import Problem
from clm_api.timing import slot_of
from clm_operator.findings import CorruptReport, ReplayRead, UnreadableReport
from clm_operator.mirror.objects import Job
from clm_operator.replays.job import task_of
from tests.operator.units import builders as b
from tests.operator.units.test_shadow import AUTOMATIC, IN_PRODUCTION, MANUAL
from tests.operator.units.world import World, ended

Raw = dict[str, Any]
HOUR = timedelta(hours=1)


def job_at(hours: int) -> str:
    """Return the name of the Job of a slot so many hours after the schedule's creation."""
    return f"btc-{slot_of(b.NOW + hours * HOUR)}-e"


def producing(**more: Any) -> World:
    """A version has been in production since the schedule's creation."""
    return World.of(ended("btc-0", "PRODUCTION"), status=IN_PRODUCTION, **more)


def replay(world: World) -> dict[str, Any]:
    """Return what the schedule says of its newest replay."""
    return dict(world.schedule["status"].get("replay", {}))


@dataclass(frozen=True)
class Due:
    name: str
    at: datetime
    slots: list[str]
    world: World = field(default_factory=producing)


DUE = [
    Due("at once for what has just come into production", b.NOW, [job_at(0)]),
    Due("a late look at it uses the bars of its promotion", b.NOW + 5 * HOUR, [job_at(0)]),
    Due("a slot per interval, counted from the creation", b.NOW + 6 * HOUR, [job_at(6)]),
    Due("a late look runs only the newest slot", b.NOW + 25 * HOUR, [job_at(24)]),
    Due("nothing to replay, nothing due", b.NOW + 25 * HOUR, [],
        World.of(ended("btc-1"), **MANUAL)),
    Due("the interval is the schedule's", b.NOW + 2 * HOUR, [job_at(2)],
        producing(monitoring={"interval": "1h"})),
    Due("a suspended schedule watches its production all the same", b.NOW + 6 * HOUR, [job_at(6)],
        producing(suspend=True)),
]  # fmt: skip


@pytest.mark.parametrize("case", DUE, ids=attrgetter("name"))
def test_when_a_replay_is_due(case: Due) -> None:
    world = deepcopy(case.world)
    world.now = case.at
    world.settle()
    assert list(world.jobs) == case.slots


def test_the_task_names_both_versions_as_they_are_pinned() -> None:
    world = World.of(
        ended("btc-0", "PRODUCTION"), ended("btc-1", "SHADOW", shadow={"since": b.stamp(b.NOW)}),
        status=IN_PRODUCTION, **AUTOMATIC,
    )  # fmt: skip
    world.now += 6 * HOUR
    world.settle()
    (task,) = world.tasks
    assert task.champion is not None
    assert task.challenger is not None
    assert (task.champion.version, task.challenger.version) == ("btc-0", "btc-1")
    assert task.champion.uri == "s3://models/runs/ns/btc/uid-btc-0/manifest.json"
    assert task.champion.sha256 == "1" * 64
    assert task.slot == b.NOW + 6 * HOUR


def test_one_at_a_time() -> None:
    world = producing(monitoring={"interval": "15m"}, data={"timeframe": "15m"})
    for minutes, tasks in ((15, 1), (16, 1), (30, 1)):
        world.now = b.NOW + timedelta(minutes=minutes)
        world.settle()
        assert len(world.tasks) == tasks
    world.finish(b.replayed(world.tasks[-1]))
    world.settle()
    assert len(world.tasks) == 2
    assert len(world.jobs) == 1, "the older Job is removed"


def test_only_for_a_new_bar() -> None:
    world = producing(data={"timeframe": "1d"})
    for hours, tasks in ((24, 1), (30, 1), (36, 2)):
        world.now = b.NOW + hours * HOUR
        world.settle()
        assert len(world.tasks) == tasks, hours
        world.finish(b.replayed(world.tasks[-1]))


def test_a_pod_that_no_node_takes_is_given_up() -> None:
    world = producing(job={"pendingDeadlineSeconds": 60})
    world.now += 6 * HOUR
    world.settle()
    world.now += timedelta(seconds=61)
    world.settle()
    assert replay(world)["reason"] == "Unschedulable"
    assert not world.jobs


@dataclass(frozen=True)
class End:
    name: str
    phase: str
    reason: str
    says: str
    read: ReplayRead = None
    failed: str | None = None


AWAY = UnreadableReport(Reason.STORAGE_UNAVAILABLE, "the store is away")
ENDS = [
    End("a report that can't be read as one", "Failed", "ArtifactCorrupt", "no such field",
        CorruptReport("no such field")),
    End("a Job that completed without a report", "Failed", "ArtifactCorrupt", "holds no report"),
    End("a Job that took too long", "Failed", "DeadlineExceeded", "activeDeadlineSeconds (7200)",
        failed="DeadlineExceeded"),
    End("a Job that failed", "Failed", "TrainingFailed", "BackoffLimitExceeded",
        failed="BackoffLimitExceeded"),
    End("a store that is away is asked again", "Running", "StorageUnavailable", "is away", AWAY),
]  # fmt: skip


@pytest.mark.parametrize("case", ENDS, ids=attrgetter("name"))
def test_a_replay_that_tells_nothing_changes_nothing(case: End) -> None:
    world = producing()
    world.now += 6 * HOUR
    world.settle()
    world.finish(case.read, case.failed)
    world.settle()
    found = replay(world)
    assert (found["phase"], found["reason"]) == (case.phase, case.reason)
    assert case.says in found["message"]
    assert world.production() == "btc-0"
    if case.phase == "Running":
        world.finish(b.replayed(world.tasks[-1]))
    else:
        world.now += 6 * HOUR
    world.settle()
    assert replay(world)["phase"] == ("Succeeded" if case.phase == "Running" else "Running")


def test_a_job_that_was_deleted_is_lost_unless_its_report_is_there() -> None:
    world = producing()
    world.now += 6 * HOUR
    world.settle()
    world.jobs.clear()
    world.replay = b.replayed(world.tasks[-1])
    world.settle()
    assert replay(world)["phase"] == "Succeeded"
    world.now += 6 * HOUR
    world.settle()
    world.jobs.clear()
    world.replay = None
    world.settle()
    assert replay(world)["reason"] == "JobLost"


def test_a_name_that_is_taken_skips_the_slot() -> None:
    world = producing()
    world.now += 6 * HOUR
    world.taken = frozenset({job_at(6)})
    world.settle()
    assert not world.jobs
    assert replay(world)["reason"] == "NameCollision"


def test_a_job_that_the_api_server_refuses_skips_the_slot() -> None:
    world = producing()
    world.now += 6 * HOUR
    world.refused = {job_at(6): "spec.template: no"}
    world.settle()
    assert not world.jobs
    found = replay(world)
    assert (found["phase"], found["reason"]) == ("Failed", "SpecInvalid")
    assert "spec.template: no: its pod is that of btc-0" in found["message"]


@pytest.mark.parametrize("label", ["", "noon", "9" * 20, "-1e3"])
def test_a_replay_whose_label_somebody_changed_ends_as_any_other(label: str) -> None:
    world = producing()
    world.now += 6 * HOUR
    world.settle()
    (name,) = world.jobs
    world.jobs[name].raw["metadata"]["labels"]["clm.dev/replay"] = label
    world.settle()
    assert replay(world)["phase"] == "Running"
    world.finish(b.replayed(world.tasks[-1]))
    world.settle()
    assert replay(world)["phase"] == "Succeeded"


TOLD: list[tuple[str, Raw]] = [
    ("the task stands under another name", {"env": [{"name": "CLM_TASK", "value": "{}"}]}),
    ("there is no environment", {}),
]


@pytest.mark.parametrize("told", [r[1] for r in TOLD], ids=[r[0] for r in TOLD])
def test_a_job_of_another_version_of_clm_has_no_task(told: Raw) -> None:
    pod = {"containers": [{"name": "trainer"} | told]}
    assert task_of(Job({"spec": {"template": {"spec": pod}}})) is None


def test_live_figures_are_those_of_the_version_in_production() -> None:
    world = producing()
    world.now += 6 * HOUR
    world.settle()
    report = b.replayed(world.tasks[-1])
    world.finish(report)
    world.settle()
    live = world.schedule["status"]["production"]["live"]
    assert (live["bars"], live["sharpe"], live["trades"]) == (9, 1.5, 60)
    assert replay(world)["message"] == "btc-0 replayed on 9 bars"


def test_a_version_that_cant_be_replayed_is_named() -> None:
    world = producing()
    world.now += 6 * HOUR
    world.settle()
    problem = Problem(version="btc-0", reason="ArtifactCorrupt", message="made by other code")
    report = b.replayed(world.tasks[-1]).having(live=None, problems=[problem])
    world.finish(report)
    notices = b.told(world.plan())
    assert [(n.type, n.reason) for n in notices] == [("Warning", "ArtifactCorrupt")]
    world.settle()
    assert replay(world)["message"] == "btc-0: made by other code"


def test_a_test_that_is_withdrawn_makes_room_wherever_the_operator_is_killed() -> None:
    for cut in range(1, 6):
        on_trial = ended("btc-0", "SHADOW", shadow={"since": b.stamp(b.NOW)})
        world = World.of(on_trial, ended("btc-1"), **MANUAL)
        world.ask("btc-0", "ARCHIVED")
        world.ask("btc-1", "SHADOW")
        world.settle(cut)
        world.settle()
        assert world.stages() == {"btc-0": "ARCHIVED", "btc-1": "SHADOW"}, cut


def _life() -> World:
    """A challenger passes against the champion: everything but the last rounds."""
    world = World.of(
        ended("btc-0", "PRODUCTION"), ended("btc-1"), status=IN_PRODUCTION, **AUTOMATIC
    )
    world.settle()
    world.finish(b.replayed(world.tasks[-1]))
    world.settle()
    world.tasks.clear()
    world.now += timedelta(days=7)
    return world


def test_cut_off_after_any_write_a_shadow_test_ends_the_same() -> None:
    def undisturbed() -> World:
        world = _life()
        world.settle()
        world.finish(b.replayed(world.tasks[-1], b.look(better=0.01, worse=0.99)))
        world.settle()
        return world

    wanted = undisturbed()
    for cut in range(1, 12):
        world = _life()
        world.settle(cut)
        world.settle()
        world.finish(b.replayed(world.tasks[-1], b.look(better=0.01, worse=0.99)))
        world.settle(cut)
        world.settle()
        assert world.stages() == wanted.stages() == {"btc-0": "ARCHIVED", "btc-1": "PRODUCTION"}
        assert world.productions == ["btc-1"]
        assert len(world.tasks) == 1
        history = [h["stage"] for h in world.version("btc-1")["status"]["history"]]
        assert history == ["SHADOW", "PRODUCTION"]


def _late(cut: int) -> World:
    """A report that comes when the next slot has begun; the operator is killed after a write."""
    world = _life()
    world.settle()
    world.finish(b.replayed(world.tasks[-1], b.look(better=0.01, worse=0.99)))
    world.now += 6 * HOUR
    world.settle(cut)
    world.settle()
    return world


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_report_is_read_before_the_next_replay_begins(cut: int) -> None:
    world = _late(cut)
    assert world.stages() == {"btc-0": "ARCHIVED", "btc-1": "PRODUCTION"}
    told = [task.champion and task.champion.version for task in world.tasks]
    assert told == ["btc-0", "btc-1"], "no Job for a version that production just leaves"


def test_cut_off_after_its_deletion_a_job_that_was_given_up_has_its_reason() -> None:
    for cut in (1, 2, 3):
        world = producing(job={"pendingDeadlineSeconds": 60})
        world.now += 6 * HOUR
        world.settle()
        world.now += timedelta(seconds=61)
        world.settle(cut)
        world.settle()
        assert replay(world)["reason"] == "Unschedulable"
        assert not world.jobs
