"""A round: what it asks for, what it reads, and the acts in which it decides."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_api.model_version import Trigger, TriggerType
from clm_api.reasons import Reason
from clm_operator.facts import Facts, Plausible
from clm_operator.findings import CorruptReport, UnreadableReport
from clm_operator.mirror.objects import ScheduleObject, Version
from clm_operator.round import acts
from clm_operator.round.needs import Needs, needs
from clm_operator.slots import admit
from clm_operator.slots.ask import Ask, Asked
from clm_operator.slots.asks import ASKS
from clm_operator.view import Withheld
from tests.operator.units import builders as b
from tests.operator.units.world import World, ended

HOUR = timedelta(hours=1)
OTHER = "btc-moved"
QUIET: dict[str, Any] = {"runOnCreate": False}


def the_market_moved(facts: Facts, _: Plausible) -> Asked:
    """A trigger that CLM does not have: it asks for one run, of a name of its own."""
    trigger = Trigger(type=TriggerType.MANUAL, reason="the market moved")
    return Asked(Ask(OTHER, facts.now, trigger, settles={"last_run_token": "moved"}))


@dataclass(frozen=True)
class Case:
    """What a trigger of one line comes to."""

    name: str
    made: bool
    settled: bool
    skipped: str = ""
    held: str = ""
    seen: dict[str, Any] = field(default_factory=dict)
    versions: tuple[Any, ...] = ()


LATER = Withheld(Reason.QUOTA_PENDING, "no room")
CASES = [
    Case("it begins a run", made=True, settled=True),
    Case("it begins none twice", made=False, settled=True, versions=(ended(OTHER, "REJECTED"),)),
    Case("it is refused while another run is active", made=False, settled=True,
         skipped="ConcurrencyForbidden", versions=(b.version("btc-1"),)),
    Case("it is refused a name that something else has", made=False, settled=True,
         skipped="NameCollision", seen={"taken": frozenset({OTHER})}),
    Case("it is held back, and asked for again", made=False, settled=False,
         held="QuotaPending", seen={"withheld": {OTHER: LATER}}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_a_new_trigger_is_one_line(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admit, "ASKS", (*ASKS, the_market_moved))
    owner = b.schedule_object(**QUIET)
    made = b.plan(b.seen(*case.versions, schedule=owner, **case.seen))
    assert [m["metadata"]["name"] for m in made.create_versions] == [OTHER] * case.made
    status = made.schedule_status
    assert (status.last_run_token == "moved") is case.settled
    assert [s.reason for s in status.skipped] == [case.skipped] * bool(case.skipped)
    assert [h.reason for h in status.held] == [case.held] * bool(case.held)


@pytest.mark.parametrize(
    ("trigger", "takes"),
    [(TriggerType.INITIAL, True), (TriggerType.SCHEDULED, True), (TriggerType.MANUAL, False)],
)
def test_only_runs_of_slots_take_a_slot(trigger: TriggerType, takes: bool) -> None:  # noqa: FBT001
    assert (b.version(trigger=trigger).slot is not None) is takes


REPLAY = {
    "name": "btc-29410920-e", "slot": b.stamp(b.NOW), "phase": "Running",
}  # fmt: skip
Names = dict[str, list[str]]


def named(asked: Needs) -> Names:
    """Return what is to be read, by name."""
    found = {
        "reports": [v.name for v in asked.reports],
        "progress": [v.name for v, _ in asked.progress],
        "verify": [v.name for v in asked.verify],
        "replay": ["newest"] * (asked.replay is not None),
    }
    return {kind: names for kind, names in found.items() if names}


def asked_for() -> b.Seen:
    world = World.of(ended("btc-1"))
    world.ask("btc-1")
    return world.seen()


def chosen() -> World:
    """Mode Automatic, and a candidate that needs no test."""
    world = World.of(ended("btc-1"), promotion={"mode": "Automatic"})
    world.version("btc-1")["spec"]["run"]["promotion"]["shadow"]["enabled"] = False
    return world


NEEDS: list[tuple[str, Callable[[], b.Seen], Names]] = [
    ("nothing of a schedule at rest", lambda: b.seen(ended("btc-1", "REJECTED")), {}),
    ("the result of a run whose Job is gone", lambda: b.seen(b.version()), {"reports": ["btc-1"]}),
    ("the result of a run whose Job has ended",
     lambda: b.seen(b.version(), jobs={"btc-1": b.job(condition=("Complete", ""))}),
     {"reports": ["btc-1"]}),
    ("what a working pod says",
     lambda: b.seen(b.version(), jobs={"btc-1": b.job("btc-1", b.pod())}),
     {"progress": ["btc-1"]}),
    ("nothing of a pod that has not begun",
     lambda: b.seen(b.version(), jobs={"btc-1": b.job("btc-1", b.pod("Pending"))}), {}),
    ("the files of a version that somebody wants in production", asked_for,
     {"verify": ["btc-1"]}),
    ("the files of a version that mode Automatic puts there", lambda: chosen().seen(),
     {"verify": ["btc-1"]}),
    ("the report of a replay whose Job is gone",
     lambda: b.seen(schedule=b.schedule_object(status={"replay": REPLAY})),
     {"replay": ["newest"]}),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "wanted"), [r[1:] for r in NEEDS], ids=[r[0] for r in NEEDS])
def test_what_a_round_reads_from_the_store(seen: Callable[[], b.Seen], wanted: Names) -> None:
    assert named(needs(b.facts(seen()))) == wanted


def test_acts_come_in_the_order_in_which_they_are_safe() -> None:
    """Who leaves production goes before who arrives, and the pointer's object comes last."""
    world = World.of(ended("btc-1", "PRODUCTION"), ended("btc-2"))
    world.schedule["status"] = {
        "production": {
            "version": "btc-2", "since": b.stamp(b.NOW), "approvedBy": "alice", "reason": "better",
            "artifact": {"uri": "s3://models/btc-2/manifest.json", "sha256": "1" * 64},
        }
    }  # fmt: skip
    plan = world.plan().plan
    kinds = [type(act).__name__ for act in plan.acts]
    assert kinds == ["WriteVersion", "WriteVersion", "WriteSchedule", "Publish"]
    stages = [act.status.stage for act in plan.writes if isinstance(act, acts.WriteVersion)]
    assert stages == ["ARCHIVED", "PRODUCTION"]


def test_a_test_that_ends_is_told_before_another_begins() -> None:
    """One version moves once a round, so no move goes without its event."""
    since = {"since": b.stamp(b.NOW - timedelta(days=40)), "bars": 3, "message": "3 bars so far"}
    replay = REPLAY | {"phase": "Succeeded", "completionTime": b.stamp(b.NOW)}
    world = World.of(
        ended("btc-1", "SHADOW", shadow=since), ended("btc-2"),
        promotion={"mode": "Automatic"}, status={"replay": replay},
    )  # fmt: skip
    told = []
    for _ in range(6):
        decided = world.plan()
        told += [
            (v.name, s.reason) for v, s in decided.version_statuses if s.stage != v.status.stage
        ]
        for write in world.writes(decided):
            write()
        world.now += timedelta(seconds=1)
    assert told[:2] == [("btc-1", "Inconclusive"), ("btc-1", "Archived")]
    assert ("btc-2", "ShadowStarted") in told


def test_files_that_differ_reject_what_nobody_asked_for() -> None:
    world = chosen()
    world.verified["btc-1"] = CorruptReport("model.ubj: its sha256 differs")
    world.settle()
    assert world.stages() == {"btc-1": "REJECTED"}
    assert world.production() is None


def unreadable(version: Version) -> Version:
    """A version whose spec another operator has written."""
    raw = deepcopy(version.raw)
    raw["spec"]["run"]["bogus"] = 1
    found = Version.read(raw)
    assert found.spec is None
    return found


def in_production(name: str) -> dict[str, Any]:
    return {
        "production": {
            "version": name, "since": b.stamp(b.NOW - timedelta(days=5)), "approvedBy": "alice",
            "reason": "why not",
            "artifact": {"uri": f"s3://models/{name}/manifest.json", "sha256": "1" * 64},
        }
    }  # fmt: skip


def test_a_verdict_against_a_former_champion_promotes_nobody_whose_spec_is_unreadable() -> None:
    passed = {"since": b.stamp(b.NOW), "bars": 168, "verdict": "Passed", "champion": "btc-1"}
    world = World.of(
        unreadable(ended("btc-2", "SHADOW", shadow=passed)), ended("btc-3", "PRODUCTION"),
        promotion={"mode": "Automatic"}, status=in_production("btc-3"),
    )  # fmt: skip
    world.settle()
    assert world.production() == "btc-3"
    assert world.version("btc-2")["status"]["shadow"].get("verdict") is None


def test_who_takes_the_place_of_a_deleted_version_is_not_called_missing() -> None:
    world = World.of(ended("btc-2"), status=in_production("btc-1"))
    world.ask("btc-2")
    decided = world.plan()
    assert decided.schedule_status.production is not None
    assert decided.schedule_status.production.version == "btc-2"
    said = [c.type for c in decided.schedule_status.conditions]
    assert "ProductionVersionMissing" not in said
    assert "ProductionVersionMissing" not in [one.reason for one in b.told(decided)]


def test_a_waiting_replay_is_not_given_up_by_a_deadline_that_nobody_can_read() -> None:
    broken = b.schedule_object(status={"replay": REPLAY})
    raw = deepcopy(broken.raw)
    raw["spec"]["bogus"] = 1
    name = str(REPLAY["name"])
    job = b.job(name, b.pod("Pending"), owner="ts-uid")
    job.raw["metadata"]["labels"] = {"clm.dev/replay": "29410920"}
    seen = b.seen(schedule=ScheduleObject.read(raw), replays={name: job}, now=b.NOW + 5 * HOUR)
    status = b.plan(seen).schedule_status.replay
    assert status is not None
    assert status.phase == "Running"


@pytest.mark.parametrize(
    ("leaving", "reason"),
    [(False, "NameCollision"), (True, "CollectionPending")],
    ids=["somebody else's", "one that is being removed"],
)
def test_a_foreign_job_is_told_though_the_store_is_away(*, leaving: bool, reason: str) -> None:
    version = b.version()
    seen = b.seen(
        version,
        jobs={"btc-1": b.job(owner="stranger")},
        leaving=frozenset({"btc-1"} if leaving else ()),
        reports={"btc-1": UnreadableReport(Reason.STORAGE_UNAVAILABLE, "away")},
    )
    assert b.came_of(version, seen).status.reason == reason


def test_a_candidate_that_is_withdrawn_takes_nobodys_place() -> None:
    world = World.of(ended("btc-1"), ended("btc-2"))
    world.ask("btc-2", "ARCHIVED")
    world.settle()
    assert world.stages() == {"btc-1": "CANDIDATE", "btc-2": "ARCHIVED"}
