"""The plan of a round: what is created, in which order things are recorded, when to look again."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from clm_api.families import Family
from clm_api.model_version import TriggerType
from clm_api.reasons import Reason
from clm_api.schedule_status import TrainingScheduleStatus, TrialsStatus
from clm_api.training_schedule import RetentionSpec
from clm_operator.findings import UnreadableReport
from clm_operator.mirror.objects import Version
from clm_operator.round.deriving import facts_of
from clm_operator.slots import tries
from clm_operator.stages.retention import (
    MOST_TELLING,
    TOLD_WITHIN,
    reports_to_remove,
    to_delete,
)
from clm_operator.view import Withheld
from tests.operator.units import builders as b
from tests.operator.units.world import World, ended

SEEN = {"scheduleSeen": {"hash": "x", "since": b.stamp(b.NOW)}}


def created(seen: b.Seen) -> list[str]:
    """Return the names of the versions that a plan creates."""
    return [m["metadata"]["name"] for m in b.plan(seen, b.settings()).create_versions]


def test_a_new_schedule_starts_its_initial_version_with_everything_frozen() -> None:
    made = b.plan(b.seen(), b.settings())
    (manifest,) = made.create_versions
    assert manifest["metadata"]["name"] == f"btc-{int(b.NOW.timestamp()) // 60}"
    assert manifest["spec"]["trigger"]["type"] == "Initial"
    pod = manifest["spec"]["run"]["pod"]
    assert pod["image"] == "trainer:1"
    assert pod["resources"]["limits"] == {"memory": "4Gi"}
    assert made.create_jobs == ()


def test_a_partial_map_never_drops_the_operators_defaults() -> None:
    job = {"resources": {"limits": {"cpu": "2"}}}
    families = {"xgboost": {**b.settings().families[Family.XGBOOST], "nodeSelector": {"pool": "a"}}}
    configured = b.settings(families=families)
    (manifest,) = b.plan(b.seen(schedule=b.schedule_object(job=job)), configured).create_versions
    pod = manifest["spec"]["run"]["pod"]
    assert pod["resources"]["limits"] == {"cpu": "2", "memory": "4Gi"}
    assert pod["resources"]["requests"] == {"cpu": "500m", "memory": "1Gi"}
    assert pod["nodeSelector"] == {"pool": "a"}


FIRST = f"btc-{int(b.NOW.timestamp()) // 60}"
BARRED = [
    ("it belongs to something else", {"taken": frozenset({FIRST})}, "NameCollision", "delete it"),
    ("the API server calls it invalid", {"refused": {FIRST: "too long"}}, "SpecInvalid",
     "refuses the ModelVersion: too long"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "reason", "words"), [row[1:] for row in BARRED], ids=[row[0] for row in BARRED]
)
def test_a_version_that_cant_be_made_is_recorded_and_skipped(
    found: dict[str, Any], reason: str, words: str
) -> None:
    made = b.plan(b.seen(**found), b.settings())
    assert made.create_versions == ()
    assert made.schedule_status is not None
    (skipped,) = made.schedule_status.skipped
    assert (skipped.reason, words in skipped.message) == (reason, True)
    assert made.schedule_status.last_schedule_time == b.NOW


def test_a_deleted_schedule_starts_nothing() -> None:
    gone = b.schedule_object()
    gone.raw["metadata"]["deletionTimestamp"] = b.stamp(b.NOW)
    assert facts_of(b.seen(schedule=gone).view, b.settings()) is None


def test_a_token_starts_one_run_and_is_remembered() -> None:
    asked = b.schedule_object(token="friday", runOnCreate=False)
    made = b.plan(b.seen(schedule=asked), b.settings())
    (manifest,) = made.create_versions
    assert manifest["spec"]["trigger"] == {"type": "Manual", "reason": "friday"}
    assert made.schedule_status is not None
    assert made.schedule_status.last_run_token == "friday"
    done = b.schedule_object(token="friday", runOnCreate=False, status={"lastRunToken": "friday"})
    assert created(b.seen(schedule=done)) == []


def test_policy_forbid_refuses_a_run_by_hand_beside_an_active_one() -> None:
    asked = b.schedule_object(token="now", runOnCreate=False)
    made = b.plan(b.seen(b.version(), schedule=asked), b.settings())
    assert made.create_versions == ()
    assert made.schedule_status is not None
    assert made.schedule_status.skipped[-1].reason == "ConcurrencyForbidden"


def test_policy_replace_ends_all_active_runs_but_the_newest() -> None:
    old = b.version("btc-1", slot=b.NOW - timedelta(hours=6))
    new = b.version("btc-2")
    owner = b.schedule_object(concurrencyPolicy="Replace", runOnCreate=False)
    made = b.plan(b.seen(old, new, schedule=owner), b.settings())
    ended = {v.name: s.reason for v, s in made.version_statuses}
    assert ended["btc-1"] == "Replaced"
    assert ended["btc-2"] != "Replaced"


def test_an_invalid_spec_keeps_folding_the_runs_that_are_there() -> None:
    broken = b.schedule_object(interval=None, schedule="61 * * * *")
    done = b.version(status={"jobRef": {"name": "btc-1", "uid": "j"}, "phase": "Running"})
    made = b.plan(b.seen(done, schedule=broken, reports={"btc-1": b.report()}), b.settings())
    assert made.create_versions == ()
    assert [s.stage for _, s in made.version_statuses] == ["CANDIDATE"]
    assert made.schedule_status is not None
    ready = {c.type: c for c in made.schedule_status.conditions}["Ready"]
    assert (ready.status, ready.reason) == ("False", "SpecInvalid")


def test_an_active_run_is_polled_and_an_idle_schedule_sleeps_until_its_slot() -> None:
    busy = b.plan(b.seen(b.version(), schedule=b.schedule_object(status=SEEN)), b.settings())
    assert busy.wake_at == b.NOW + timedelta(seconds=5)
    idle = b.plan(b.seen(schedule=b.schedule_object(runOnCreate=False)), b.settings())
    assert idle.wake_at == b.NOW + timedelta(hours=6)


def test_a_version_that_the_store_lends_nothing_waits_until_it_is_asked_again() -> None:
    owner = b.schedule_object(status=SEEN, runOnCreate=False)
    version = b.version()
    again = b.NOW + timedelta(seconds=40)
    why = Withheld(Reason.STORAGE_DENIED, "the object store refuses", again)
    seen = b.seen(version, schedule=owner, withheld={version.name: why})
    made = b.plan(seen, b.settings())
    assert made.create_jobs == ()
    ((_, status),) = made.version_statuses
    assert (status.phase, status.reason) == ("Pending", "StorageDenied")
    assert status.message == "the object store refuses"
    assert made.wake_at == again


def test_credentials_that_come_at_last_take_the_complaint_away() -> None:
    waiting = {"phase": "Pending", "reason": "StorageDenied", "message": "the store refuses"}
    version = b.version(status=waiting)
    made = b.plan(b.seen(version), b.settings())
    assert [job.name for job in made.create_jobs] == [version.name]
    ((_, status),) = made.version_statuses
    assert (status.phase, status.reason, status.message) == ("Pending", "RunScheduled", "")


def test_a_judged_version_is_counted_once_and_frozen_into_the_next_run() -> None:
    judged = {"phase": "Succeeded", "stage": "REJECTED", "metrics": {"sharpe": 1.0}}
    versions = [b.version(f"btc-{n}", status=judged) for n in (1, 2)]
    versions.append(b.version("btc-3", status=judged | {"metrics": {"sharpe": 3.0}}))
    versions.append(b.version("btc-4", status=judged | {"metrics": {"trades": 0}}))
    once = tries.count(TrialsStatus(), versions)
    assert (once.total, once.measured) == (4, 3)
    assert abs(once.mean_sharpe - 5 / 3) < 1e-12
    assert abs(once.sharpe_variance - 4 / 3) < 1e-12
    assert tries.count(once, versions) == once
    told = tries.frozen((once, TrialsStatus(total=1)), bars_per_year=100)
    assert told.count == 6
    assert told.sharpe_variance is not None
    assert abs(told.sharpe_variance - 4 / 300) < 1e-12
    assert tries.frozen((TrialsStatus(total=1, measured=1),), 100).sharpe_variance is None


def test_two_schedules_figures_combine_like_one_list() -> None:
    values = [0.5, -1.0, 2.0, 0.1, 3.0]
    alike = [
        b.version(f"btc-{i}", status={"phase": "Succeeded", "metrics": {"sharpe": v}})
        for i, v in enumerate(values)
    ]
    whole = tries.frozen((tries.count(TrialsStatus(), alike),), 1.0)
    halves = (tries.count(TrialsStatus(), alike[:2]), tries.count(TrialsStatus(), alike[2:]))
    parts = tries.frozen(halves, 1.0)
    assert whole.sharpe_variance is not None
    assert parts.sharpe_variance is not None
    assert abs(whole.sharpe_variance - parts.sharpe_variance) < 1e-12


def test_retention_removes_the_oldest_beyond_the_limits_and_never_a_candidate() -> None:
    def ended(number: int, stage: str) -> dict[str, object]:
        phase = "Failed" if stage == "FAILED" else "Succeeded"
        return {"name": f"btc-{number}", "status": {"phase": phase, "stage": stage}}

    stages = ["CANDIDATE", "REJECTED", "FAILED", "REJECTED", "CANDIDATE", "FAILED", "REJECTED"]
    versions = [b.version(**ended(n, stage)) for n, stage in enumerate(stages)]  # type: ignore[arg-type]
    limits = RetentionSpec(successful_runs=1, failed_runs=0)
    gone = to_delete(versions, limits, TrainingScheduleStatus(), b.NOW)
    assert [v.name for v in gone] == ["btc-1", "btc-3", "btc-2", "btc-5"]


def telling(name: str, since: datetime, *told: str) -> Version:
    """Build a failed version that an HTTP sink is to know of."""
    one = {
        "id": "ended", "type": "Normal", "reason": "Said", "message": "", "at": b.stamp(since),
        "to": ["http"], "told": list(told),
    }  # fmt: skip
    return b.version(name, status={"phase": "Failed", "stage": "FAILED", "untold": [one]})


@pytest.mark.parametrize(
    ("versions", "gone"),
    [
        ([telling("a", b.NOW)], []),
        ([telling("a", b.NOW, "events", "http")], ["a"]),
        ([telling("a", b.NOW - TOLD_WITHIN)], ["a"]),
        ([telling(f"v{n}", b.NOW) for n in range(MOST_TELLING + 2)], ["v0", "v1"]),
    ],
    ids=[
        "a sink is to know it: it stays",
        "all know it",
        "the sink has been away for three days",
        "more than a hundred would stay: the oldest go",
    ],
)
def test_retention_waits_for_a_sink_but_not_for_ever(
    versions: list[Version], gone: list[str]
) -> None:
    limits = RetentionSpec(failed_runs=0)
    found = to_delete(versions, limits, TrainingScheduleStatus(), b.NOW)
    assert [v.name for v in found] == gone


def test_retention_never_removes_production_the_way_back_or_what_is_asked_for() -> None:
    world = World.of(*(ended(f"btc-{n}") for n in range(6)), retention={"successfulRuns": 1})
    for number in (1, 3, 0):
        world.ask(f"btc-{number}")
        world.settle()
    assert world.stages() == {
        "btc-0": "PRODUCTION", "btc-1": "ARCHIVED", "btc-2": "ARCHIVED", "btc-3": "ARCHIVED",
        "btc-4": "ARCHIVED", "btc-5": "CANDIDATE",
    }  # fmt: skip
    assert [v.name for v in world.plan().delete_versions] == ["btc-2"]
    world.ask("btc-2")
    world.verified["btc-2"] = UnreadableReport(Reason.STORAGE_UNAVAILABLE, "the store is away")
    assert [v.name for v in world.plan().delete_versions] == []
    for number in (3, 1):
        world.ask(f"btc-{number}")
        world.settle()
        assert world.production() == f"btc-{number}"
    del world.verified["btc-2"]
    world.settle()
    assert world.production() == "btc-2"
    assert [v.name for v in world.plan().delete_versions] == ["btc-0", "btc-3"]


def test_reports_of_replays_stay_if_they_are_new_or_a_verdict_rests_on_them() -> None:
    slots = [b.NOW + timedelta(hours=n) for n in range(205)]
    shadow = {"since": b.stamp(b.NOW), "verdict": "Failed", "verdictSlot": b.stamp(slots[3])}
    versions = [ended("btc-1", "REJECTED", shadow=shadow), ended("btc-2")]
    assert reports_to_remove(slots[::-1], versions) == (slots[0], slots[1], slots[2], slots[4])
    assert reports_to_remove(slots[5:], versions) == ()


def test_runs_by_hand_take_no_slot() -> None:
    by_hand = b.version("btc-m-1", trigger=TriggerType.MANUAL)
    assert by_hand.slot is None


def test_a_limit_below_the_default_request_lowers_the_request() -> None:
    job = {"resources": {"limits": {"cpu": "100m", "memory": "512Mi"}}}
    (manifest,) = b.plan(b.seen(schedule=b.schedule_object(job=job)), b.settings()).create_versions
    assert manifest["spec"]["run"]["pod"]["resources"] == {
        "limits": {"cpu": "100m", "memory": "512Mi"},
        "requests": {"cpu": "100m", "memory": "512Mi"},
    }


def test_a_request_that_the_schedule_sets_itself_is_left_alone() -> None:
    job = {"resources": {"limits": {"cpu": "100m"}, "requests": {"cpu": "2"}}}
    (manifest,) = b.plan(b.seen(schedule=b.schedule_object(job=job)), b.settings()).create_versions
    assert manifest["spec"]["run"]["pod"]["resources"]["requests"]["cpu"] == "2"
