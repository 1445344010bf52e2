"""What can't be made yet is said, tried again or given up on record; how many runs there may be."""

from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from clm_api.model_version import ModelVersionStatus, TriggerType
from clm_api.reasons import Reason
from clm_api.schedule_status import (
    KEPT_COUNTED,
    MOST_ACTIVE,
    TrainingScheduleStatus,
    TrialsStatus,
)
from clm_operator.mirror.objects import Version
from clm_operator.owners import is_leaving
from clm_operator.runs.outcome import Need
from clm_operator.slots import tries
from clm_operator.view import Withheld
from clm_operator.words import same_words
from tests.operator.units import builders as b

Raw = dict[str, Any]
FIRST = f"btc-{int(b.NOW.timestamp()) // 60}"
HOUR = timedelta(hours=1)


def no(text: str = "no label", until: datetime | None = None) -> Withheld:
    return Withheld(Reason.ADMISSION_DENIED, text, until)


def status(made: b.Decided) -> TrainingScheduleStatus:
    assert made.schedule_status is not None
    return made.schedule_status


def created(made: b.Decided) -> list[str]:
    return [m["metadata"]["name"] for m in made.create_versions]


def look(now: datetime, before: Raw, *versions: Version, **parts: Any) -> b.Decided:
    """Plan a round of a schedule that has a status."""
    spec = parts.pop("spec", {})
    owner = b.schedule_object(status=before, token=parts.pop("token", None), **spec)
    return b.plan(b.seen(*versions, schedule=owner, now=now, **parts), b.settings())


def test_a_slot_whose_version_is_refused_is_held_said_and_tried_again() -> None:
    again = b.NOW + timedelta(seconds=40)
    made = look(b.NOW, {}, withheld={FIRST: no(until=again)})
    (held,) = status(made).held
    assert (held.name, held.slot, held.reason, held.message, held.since) == (
        FIRST, b.NOW, "AdmissionDenied", "no label", b.NOW,
    )  # fmt: skip
    assert (created(made), status(made).skipped, status(made).last_schedule_time) == ([], [], None)
    assert made.wake_at == again
    (notice,) = b.told(made)
    assert (notice.type, notice.reason) == ("Warning", "AdmissionDenied")
    later = look(again, b.plain(status(made)), withheld={FIRST: no()})
    assert b.told(later) == (), "told once"
    assert status(later).held == [held]
    free = look(again, b.plain(status(made)))
    assert created(free) == [FIRST]
    assert (status(free).held, status(free).skipped) == ([], [])


def test_other_runs_are_folded_while_a_slot_is_held() -> None:
    active = b.version("btc-1", status={"phase": "Running", "jobRef": {"name": "j", "uid": "j"}})
    made = look(
        b.NOW, {}, active, spec={"concurrencyPolicy": "Allow"}, withheld={FIRST: no()},
        reports={"btc-1": b.report()},
    )  # fmt: skip
    assert [s.stage for _, s in made.version_statuses] == ["CANDIDATE"]


GIVEN_UP: list[tuple[str, datetime, Raw]] = [
    ("later than its deadline", b.NOW + 8 * HOUR, {}),
    ("the schedule is suspended", b.NOW + HOUR, {"suspend": True}),
    ("a newer slot is due", b.NOW + 12 * HOUR, {}),
]


@pytest.mark.parametrize(("now", "spec"), [r[1:] for r in GIVEN_UP], ids=[r[0] for r in GIVEN_UP])
def test_a_held_slot_that_is_given_up_is_on_record_with_the_reason(
    now: datetime, spec: Raw
) -> None:
    slot = b.NOW + 6 * HOUR
    before: Raw = {
        "scheduleSeen": {"hash": "x", "since": b.stamp(b.NOW)},
        "lastScheduleTime": b.stamp(b.NOW),
        "lastRun": {"name": "btc-1", "trigger": "Initial", "phase": "Failed", "stage": "FAILED"},
    }  # fmt: skip
    before = b.plain(status(look(b.NOW, before)))
    name = f"btc-{int(slot.timestamp()) // 60}"
    held = look(slot, before, withheld={name: no()})
    assert [h.name for h in status(held).held] == [name]
    if "suspend" in spec:
        now = slot + HOUR / 2
    made = look(now, b.plain(status(held)), spec=spec)
    (skipped,) = status(made).skipped
    assert (skipped.from_, skipped.to, skipped.reason) == (slot, slot, "AdmissionDenied")
    assert skipped.message.startswith(f"{name} was held back since 2026-01-05 18:00 UTC: no label")
    assert status(made).held == []


def test_a_token_that_is_held_is_not_used_up() -> None:
    spec = {"runOnCreate": False}
    first = look(b.NOW, {}, token="friday", spec=spec)
    (name,) = created(first)
    made = look(b.NOW, {}, token="friday", spec=spec, withheld={name: no()})
    assert [h.name for h in status(made).held] == [name]
    assert status(made).last_run_token is None
    free = look(b.NOW + HOUR, b.plain(status(made)), token="friday", spec=spec)
    assert created(free) == [name]
    assert (status(free).last_run_token, status(free).held) == ("friday", [])
    other = look(b.NOW + HOUR, b.plain(status(made)), token="monday", spec=spec)
    (skipped,) = status(other).skipped
    assert (skipped.reason, skipped.message.split()[0]) == ("AdmissionDenied", name)


def test_a_token_that_is_held_for_minutes_changes_no_status() -> None:
    spec = {"runOnCreate": False}
    (name,) = created(look(b.NOW, {}, token="friday", spec=spec))
    first = look(b.NOW, {}, token="friday", spec=spec, withheld={name: no()})
    before = b.plain(status(first)) | {"untold": []}
    for minutes in (1, 2, 90):
        now = b.NOW + timedelta(minutes=minutes)
        made = look(now, before, token="friday", spec=spec, withheld={name: no()})
        assert b.plain(status(made)) == before


def test_words_that_are_longer_than_a_status_holds_are_told_once() -> None:
    first = look(b.NOW, {}, withheld={FIRST: no(f"1 {'no ' * 600}")})
    before = b.plain(status(first)) | {"untold": []}
    made = look(b.NOW, before, withheld={FIRST: no(f"2 {'no ' * 600}")})
    assert b.plain(status(made)) == before


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=2)], ids=["just", "a while ago"])
def test_a_wait_that_ended_while_the_round_was_reading_is_looked_at_soon(late: timedelta) -> None:
    made = look(b.NOW, {}, withheld={FIRST: no(until=b.NOW - late)})
    assert [h.name for h in status(made).held] == [FIRST]
    assert made.wake_at == b.NOW + timedelta(seconds=5)


REFUSED = "User: arn:aws:iam::1:user/clm is not authorized to perform: s3:PutObject on resource: "
WORDS: list[tuple[str, str, str, bool]] = [
    ("a number", "used: pods=9", "used: pods=10", True),
    ("a uid", f"{REFUSED}checks/0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d",
     f"{REFUSED}checks/ffeeddcc-bbaa-4abc-9def-a0b1c2d3e4f5", True),
    ("the id of a request", "502: Ray ID 8f2e1c9abd034f7e", "502: Ray ID a1c99de0034f7b2d", True),
    ("the end of a pod's name", "pod=btc-1-x7k2p_ns", "pod=btc-1-bcdfg_ns", True),
    ("another object", "exceeded quota: team", "exceeded quota: compute", False),
    ("another right", "may not perform: s3:PutObject", "may not perform: s3:GetObject", False),
    ("a long word", "denied by cost-centre-policy", "denied by availability-policy", False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "kept"), [r[1:] for r in WORDS], ids=[r[0] for r in WORDS]
)
def test_which_words_are_the_same(before: str, after: str, *, kept: bool) -> None:
    assert same_words(before, after) == (before if kept else after)


def test_a_name_that_is_free_soon_is_waited_for() -> None:
    made = look(b.NOW, {}, leaving=frozenset({FIRST}))
    (held,) = status(made).held
    assert (held.reason, held.message) == (
        "CollectionPending",
        "an object of that name, of a schedule that is gone, is being removed",
    )
    assert made.wake_at == b.NOW + timedelta(seconds=5)


def test_a_version_waits_for_the_job_of_its_namesake_to_go() -> None:
    version = b.version()
    seen = b.seen(
        version, jobs={"btc-1": b.job(owner="uid-of-before")}, leaving=frozenset({"btc-1"})
    )
    outcome = b.came_of(version, seen, b.settings())
    assert (outcome.status.phase, outcome.status.reason) == ("Pending", "CollectionPending")
    gone = b.came_of(replace(version, status=outcome.status), b.seen(version), b.settings())
    assert gone.need is Need.JOB


def owned(kind: str, name: str, uid: str, **meta: Any) -> Raw:
    owner = {"kind": kind, "name": name, "uid": uid, "controller": True}
    return {"metadata": {"ownerReferences": [owner]} | meta}


LEAVING_ONES: list[tuple[str, Raw, bool]] = [
    ("its owner has made way for a namesake", owned("TrainingSchedule", "btc", "old"), True),
    ("its owner is there", owned("TrainingSchedule", "btc", "new"), False),
    ("nobody knows its owner", owned("TrainingSchedule", "eth", "x"), False),
    ("it has no owner", {"metadata": {}}, False),
    ("it is being deleted",
     owned("TrainingSchedule", "btc", "new", deletionTimestamp=b.stamp(b.NOW)), True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "leaves"), [r[1:] for r in LEAVING_ONES], ids=[r[0] for r in LEAVING_ONES]
)
def test_what_goes_away(raw: Raw, *, leaves: bool) -> None:
    assert is_leaving(raw, {("TrainingSchedule", "btc"): "new"}) is leaves


def busy(count: int) -> list[Version]:
    """Build so many active runs."""
    begun = {"phase": "Running", "stage": "TRAINING", "jobRef": {"name": "j", "uid": "j"}}
    return [
        b.version(f"btc-m-{n:08x}", trigger=TriggerType.MANUAL, status=deepcopy(begun))
        for n in range(count)
    ]


def crowd(count: int, policy: str, *, token: str | None, slot: bool) -> b.Decided:
    runs = busy(count)
    before = {} if slot else {"lastScheduleTime": b.stamp(b.NOW)}
    now = b.NOW + 6 * HOUR if slot else b.NOW
    jobs = {v.name: b.job(v.name, b.pod(created=now)) for v in runs}
    spec = {"concurrencyPolicy": policy, "runOnCreate": False}
    return look(now, before, *runs, token=token, spec=spec, jobs=jobs)


@pytest.mark.parametrize(
    ("count", "policy", "starts"),
    [(MOST_ACTIVE - 1, "Allow", True), (MOST_ACTIVE, "Allow", False), (150, "Allow", False),
     (MOST_ACTIVE, "Replace", True)],
)  # fmt: skip
@pytest.mark.parametrize("slot", [True, False], ids=["slot", "token"])
def test_how_many_runs_may_be_active_at_once(
    count: int, policy: str, *, starts: bool, slot: bool
) -> None:
    made = crowd(count, policy, token=None if slot else "more", slot=slot)
    assert bool(created(made)) is starts
    assert [s.reason for s in status(made).skipped] == ([] if starts else ["TooManyRuns"])


def test_a_slot_and_a_token_share_the_last_place() -> None:
    made = crowd(MOST_ACTIVE - 1, "Allow", token="more", slot=True)
    assert len(created(made)) == 1
    assert [s.reason for s in status(made).skipped] == ["TooManyRuns"]


def test_the_status_of_a_crowd_of_before_is_one_that_the_api_server_takes() -> None:
    made = crowd(150, "Allow", token="more", slot=True)
    found = status(made)
    assert TrainingScheduleStatus.model_validate(b.plain(found)) is not None
    assert [run.name for run in found.active][-1] == "btc-m-00000095"
    assert len(found.active) == 100


def test_more_judged_versions_than_the_status_can_name_are_counted_once_each() -> None:
    def judged(n: int) -> Version:
        over = {"completionTime": b.stamp(b.NOW + n * timedelta(minutes=1))}
        done = {"phase": "Succeeded", "stage": "CANDIDATE", "metrics": {"sharpe": 1.0}}
        return replace(base, raw=renamed(n), status=ModelVersionStatus.model_validate(over | done))

    def renamed(n: int) -> Raw:
        return base.raw | {"metadata": base.raw["metadata"] | {"name": f"btc-{n}"}}

    base = b.version()
    found = TrialsStatus()
    for number in (1990, 2000, 2010, 2010, 2050):
        found = tries.count(found, map(judged, range(number)))
        assert (found.total, len(found.counted)) == (number, min(number, KEPT_COUNTED))
        assert TrialsStatus.model_validate(b.plain(found)) is not None
    assert found.counted_until == b.NOW + timedelta(minutes=49)
