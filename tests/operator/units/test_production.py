"""Requests, the pointer and the stages behind it, in any order and cut off anywhere."""

from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_api.reasons import Reason
from clm_operator.findings import CorruptReport, Report, UnreadableReport
from tests.operator.units import builders as b
from tests.operator.units.world import World, ended

AWAY = UnreadableReport(Reason.STORAGE_UNAVAILABLE, "the store is away")
OTHER_MANIFEST = Report(**(vars(b.report()) | {"manifest_sha256": "2" * 64}))


@dataclass(frozen=True)
class Refused:
    name: str
    outcome: str
    says: str
    stands: str = "CANDIDATE"
    request: dict[str, Any] = field(default_factory=dict)
    schedule: dict[str, Any] = field(default_factory=dict)
    result: Any = field(default_factory=b.report)
    status: dict[str, Any] = field(default_factory=dict)


DRY = {"promotion": {"mode": "DryRun"}}
REFUSED = [
    Refused("a rejected version", "PromotionRefused", "its stage is REJECTED: only a CANDIDATE",
            "REJECTED"),
    Refused("a failed run", "PromotionRefused", "its stage is FAILED", "FAILED"),
    Refused("a run that has not ended", "PromotionRefused", "its stage is TRAINING", "TRAINING",
            status={"phase": "Running"}),
    Refused("a schedule that only judges", "PromotionRefused", "set it to Manual", schedule=DRY),
    Refused("something else is in production", "PromotionConflict",
            "replaces btc-9, but nothing is in production", request={"replaces": "btc-9"}),
    Refused("one byte differs", "ArtifactCorrupt", "model.ubj: its sha256 differs",
            result=CorruptReport("model.ubj: its sha256 differs")),
    Refused("another manifest than the judged one", "ArtifactCorrupt", "judged was 1111",
            result=OTHER_MANIFEST),
    Refused("no manifest any more", "ArtifactCorrupt", "no manifest", result=None),
    Refused("a rejected version can't be withdrawn", "PromotionRefused", "only a CANDIDATE",
            "REJECTED", request={"stage": "ARCHIVED"}),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=attrgetter("name"))
def test_a_request_is_refused_once_with_its_reason(case: Refused) -> None:
    version = ended("btc-1", case.stands, **case.status)
    world = World.of(version, **case.schedule)
    world.verified["btc-1"] = case.result
    world.ask("btc-1", **case.request)
    world.settle()
    outcome, message = world.outcome("btc-1")
    assert outcome == case.outcome
    assert case.says in message
    assert world.production() is None
    assert world.stages() == {"btc-1": case.stands}


def test_a_promotion_is_recorded_everywhere() -> None:
    world = World.of(ended("btc-1"))
    world.ask("btc-1", replaces="")
    world.settle()
    production = world.schedule["status"]["production"]
    assert production == {
        "version": "btc-1", "since": b.stamp(b.NOW), "approvedBy": "alice",
        "reason": "alice likes it",
        "artifact": {"uri": "s3://models/runs/ns/btc/uid-btc-1/manifest.json", "sha256": "1" * 64},
    }  # fmt: skip
    outcome, message = world.outcome("btc-1")
    assert outcome == "Promoted"
    assert "replaces nothing; its Sharpe ratio may be luck" in message
    assert world.pointer is not None
    assert (world.pointer.version, world.pointer.schedule_uid) == ("btc-1", "ts-uid")


def test_a_significant_version_is_promoted_without_a_warning() -> None:
    held = {
        "type": "StatisticallySignificant", "status": "True", "reason": "Significant",
        "lastTransitionTime": b.stamp(b.NOW),
    }  # fmt: skip
    world = World.of(ended("btc-1", conditions=[held]))
    world.ask("btc-1")
    world.settle()
    assert world.outcome("btc-1") == ("Promoted", "in production, replaces nothing")


def test_of_two_that_replace_the_same_one_wins_and_the_other_conflicts() -> None:
    world = World.of(ended("btc-1"), ended("btc-2"))
    for name, person in (("btc-2", "bob"), ("btc-1", "alice")):
        world.ask(name, by=person, replaces="")
    world.settle()
    assert world.productions == ["btc-1"]
    assert world.outcome("btc-1")[0] == "Promoted"
    assert world.outcome("btc-2")[0] == "PromotionConflict"
    assert "but btc-1 is in production" in world.outcome("btc-2")[1]


def test_promote_a_then_b_then_a_again() -> None:
    world = World.of(ended("btc-1"), ended("btc-2"))
    replaces = ""
    for name in ("btc-1", "btc-2", "btc-1"):
        world.ask(name, replaces=replaces)
        world.settle()
        replaces = name
    assert world.productions == ["btc-1", "btc-2", "btc-1"]
    assert world.stages() == {"btc-1": "PRODUCTION", "btc-2": "ARCHIVED"}
    assert world.outcome("btc-1")[0] == "RolledBack"
    assert [p["version"] for p in world.schedule["status"]["previous"]] == ["btc-1", "btc-2"]


def test_a_rollback_works_where_the_schedule_only_judges_or_is_broken() -> None:
    for broken in ({"promotion": {"mode": "DryRun"}}, {"model": {"family": "xgboost", "seed": -1}}):
        world = World.of(ended("btc-1"), ended("btc-2"))
        for name in ("btc-1", "btc-2"):
            world.ask(name)
            world.settle()
        world.schedule["spec"] |= broken
        world.ask("btc-1")
        world.settle()
        assert world.production() == "btc-1", broken


def test_what_was_rolled_back_from_never_comes_back_by_itself() -> None:
    world = World.of(ended("btc-1"), ended("btc-2"))
    for name in ("btc-1", "btc-2", "btc-1"):
        world.ask(name)
        world.settle()
    world.versions += deepcopy(World.of(ended("btc-3")).versions)
    world.settle()
    assert world.productions == ["btc-1", "btc-2", "btc-1"]
    assert world.stages()["btc-2"] == "ARCHIVED"


def test_asking_for_what_is_there_is_refused() -> None:
    world = World.of(ended("btc-1"))
    for _ in range(2):
        world.ask("btc-1")
        world.settle()
    assert world.outcome("btc-1")[0] == "PromotionRefused"
    assert world.productions == ["btc-1"]


def test_a_request_waits_for_the_store_and_is_decided_when_it_answers() -> None:
    world = World.of(ended("btc-1"))
    world.verified["btc-1"] = AWAY
    world.ask("btc-1")
    world.settle()
    assert world.production() is None
    assert world.plan().wake_at == world.now + timedelta(seconds=5)
    world.verified["btc-1"] = replace(AWAY, message="the store is still away, after 3.7 s")
    assert world.settle() == 0, "once is enough"
    waits, ready = world.version("btc-1")["status"]["conditions"]
    assert (ready["type"], ready["status"]) == ("Ready", "True")
    assert (waits["type"], waits["status"]) == ("ArtifactVerified", "Unknown")
    assert (waits["reason"], waits["message"]) == (
        "StorageUnavailable", "its promotion waits for the store: the store is away",
    )  # fmt: skip
    del world.verified["btc-1"]
    world.settle()
    assert world.production() == "btc-1"
    (verified, *_) = world.version("btc-1")["status"]["conditions"]
    assert (verified["type"], verified["status"]) == ("ArtifactVerified", "True")


def test_the_condition_tells_whether_the_files_were_whole_at_the_last_look() -> None:
    world = World.of(ended("btc-1"))
    seen = []
    for found in (CorruptReport("model.ubj: its sha256 differs"), b.report()):
        world.verified["btc-1"] = found
        world.ask("btc-1")
        world.settle()
        conditions = world.version("btc-1")["status"]["conditions"]
        seen.append({c["type"]: c["status"] for c in conditions}["ArtifactVerified"])
    assert seen == ["False", "True"]


def test_a_version_of_the_same_name_and_other_files_is_not_the_one_in_production() -> None:
    world = World.of(ended("btc-1"))
    world.ask("btc-1")
    world.settle()
    again = ended("btc-1")
    again.raw["status"]["artifact"]["sha256"] = "3" * 64
    world.versions = [again.raw]
    world.settle()
    assert world.stages() == {"btc-1": "CANDIDATE"}
    assert world.production() == "btc-1"


def test_a_deleted_production_version_stays_where_the_pointer_says() -> None:
    world = World.of(ended("btc-1"))
    world.ask("btc-1")
    world.settle()
    world.versions = []
    assert [n.reason for n in b.told(world.plan())] == ["ProductionVersionMissing"]
    world.settle()
    assert world.pointer is not None
    assert world.pointer.version == "btc-1"
    missing = held(world)["ProductionVersionMissing"]
    assert (missing["status"], missing["reason"]) == ("True", "ProductionVersionMissing")
    assert missing["message"].startswith("btc-1 is in production and its ModelVersion was deleted")
    assert b.told(world.plan()) == (), "once is enough"
    world.versions = [deepcopy(ended("btc-2", "ARCHIVED").raw)]
    world.ask("btc-2")
    world.settle()
    assert world.production() == "btc-2"
    assert "ProductionVersionMissing" not in held(world)


def held(world: World) -> dict[str, Any]:
    """Return the schedule's conditions by type."""
    return {c["type"]: c for c in world.schedule["status"]["conditions"]}


def _two_requests() -> World:
    world = World.of(ended("btc-1"), ended("btc-2"), ended("btc-3"), ended("btc-4", "REJECTED"))
    world.ask("btc-3")
    world.settle()
    for name in ("btc-1", "btc-2", "btc-4"):
        world.ask(name, replaces="btc-3")
    return world


def test_cut_off_after_any_write_the_outcome_is_the_same() -> None:
    quiet = _two_requests()
    total = quiet.settle()
    assert quiet.stages() == {
        "btc-1": "PRODUCTION", "btc-2": "ARCHIVED", "btc-3": "ARCHIVED", "btc-4": "REJECTED",
    }  # fmt: skip
    assert total == 17, "8: refusals, pointer, moves, removals; 5: the generation; 4: what is told"
    for write in range(total + 1):
        world = _two_requests()
        world.settle(write)
        world.settle()
        assert world.productions == quiet.productions, f"after write {write}"
        assert world.stages() == quiet.stages(), f"after write {write}"
        outcomes = {n: world.outcome(n)[0] for n in ("btc-1", "btc-2", "btc-4")}
        assert outcomes == {
            "btc-1": "Promoted", "btc-2": "PromotionConflict", "btc-4": "PromotionRefused",
        }, f"after write {write}"  # fmt: skip
