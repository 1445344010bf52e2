"""A degraded version in production: rolled back or stood down by rule, with its cause."""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_api.reasons import Reason
from clm_operator.findings import CorruptReport, UnreadableReport
from tests.operator.units import builders as b
from tests.operator.units.test_production import held
from tests.operator.units.world import World, ended

DAY = timedelta(days=1)
WHY = (
    "btc-1 is degraded (Drawdown) after 340 bars; sharpe -1.2, promised 1.5; "
    "drawdown 0.18, at most 0.15"
)
CORRUPT = CorruptReport("model.ubj: its sha256 differs")


def verdict(world: World, version: str = "btc-1", **more: Any) -> None:
    """Say what the newest replay found of a version."""
    at = b.stamp(world.now)
    world.schedule["status"]["performance"] = {
        "version": version, "verdict": "Degraded", "cause": "Drawdown", "from": at, "to": at,
        "bars": 340, "sharpe": -1.2, "promisedSharpe": 1.5, "drawdown": 0.18, "maxDrawdown": 0.15,
        "slot": at, "since": at,
    } | more  # fmt: skip


def degraded(mode: str, *before: str, **spec: Any) -> World:
    """A world in which btc-1 is in production after others, and degraded two days later."""
    names = (*before, "btc-1")
    versions = map(ended, dict.fromkeys(names))
    world = World.of(*versions, monitoring={"performance": {"mode": mode}})
    for name in names:
        world.ask(name)
        world.settle()
    owner = b.schedule_object(monitoring={"performance": {"mode": mode}}, **spec)
    world.schedule["spec"] = owner.raw["spec"] | {"runOnCreate": False}
    world.now += 2 * DAY
    verdict(world)
    return world


def test_a_rollback_by_rule_is_recorded_with_its_cause_and_figures() -> None:
    world = degraded("Rollback", "btc-0")
    world.settle()
    assert world.stages() == {"btc-0": "PRODUCTION", "btc-1": "ARCHIVED"}
    production = world.schedule["status"]["production"]
    assert (production["version"], production["approvedBy"]) == ("btc-0", "clm-operator")
    assert production["reason"] == WHY
    last = world.version("btc-0")["status"]["history"][-1]
    assert (last["stage"], last["by"], last["reason"]) == ("PRODUCTION", "clm-operator", WHY)
    assert world.outcome("btc-0")[0] == "RolledBack"
    left = world.version("btc-1")["status"]["history"][-1]
    assert left["reason"] == f"replaced by btc-0: {WHY}"
    world.now += 9 * DAY
    world.settle()
    assert world.productions == ["btc-0", "btc-1", "btc-0"], "the verdict was of another version"


def test_a_stand_down_is_recorded_with_its_cause_and_figures() -> None:
    world = degraded("StandDown", "btc-0")
    world.settle()
    assert world.production() is None
    assert world.pointer is not None
    assert world.pointer.version is None
    halted = world.schedule["status"]["halted"]
    assert (halted["version"], halted["by"], halted["reason"]) == ("btc-1", "clm-operator", WHY)
    condition = held(world)["Halted"]
    assert (condition["reason"], WHY in condition["message"]) == ("StoodDown", True)
    assert world.outcome("btc-1")[0] == "StoodDown"


@dataclass(frozen=True)
class Case:
    name: str
    mode: str
    before: tuple[str, ...] = ("btc-0",)
    spec: dict[str, Any] = field(default_factory=dict)
    verdict: dict[str, Any] = field(default_factory=dict)
    corrupt: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    production: str | None = "btc-1"
    says: str = ""


CASES = [
    Case("Off does nothing", "Off"),
    Case("Warn does nothing", "Warn"),
    Case("Retrain moves nothing", "Retrain"),
    Case("DryRun moves nothing", "Rollback", spec={"promotion": {"mode": "DryRun"}}),
    Case("DryRun empties nothing", "StandDown", spec={"promotion": {"mode": "DryRun"}}),
    Case("a suspended schedule is watched all the same", "Rollback", spec={"suspend": True},
         production="btc-0"),
    Case("what earns as promised stays", "Rollback", verdict={"verdict": "AsPromised"}),
    Case("too early to say", "StandDown", verdict={"verdict": "TooEarly"}),
    Case("a verdict on another version", "StandDown", verdict={"version": "btc-0"}),
    Case("a verdict from before the promotion", "StandDown", verdict={"slot": b.stamp(b.NOW)}),
    Case("nothing to go back to is stood down", "Rollback", (), production=None,
         says=f"{WHY}; there is no version to go back to"),
    Case("the version before is gone: the one before it", "Rollback", ("btc-8", "btc-0"),
         gone=("btc-0",), production="btc-8"),
    Case("the version before is corrupt: the one before it", "Rollback", ("btc-8", "btc-0"),
         corrupt=("btc-0",), production="btc-8",
         says=f"{WHY}; passed over for files that differ: btc-0"),
    Case("all before are corrupt: stood down", "Rollback", ("btc-8", "btc-0"),
         corrupt=("btc-0", "btc-8"), production=None,
         says="passed over for files that differ: btc-0, btc-8; there is no version to go back"),
    Case("never to one that was rolled back from", "Rollback", ("btc-8", "btc-0", "btc-8"),
         production="btc-8"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_what_follows(case: Case) -> None:
    world = degraded(case.mode, *case.before, **case.spec)
    verdict(world, **case.verdict)
    world.verified |= dict.fromkeys(case.corrupt, CORRUPT)
    world.versions = [v for v in world.versions if v["metadata"]["name"] not in case.gone]
    world.settle()
    assert world.production() == case.production
    said = world.schedule["status"].get("production") or world.schedule["status"]["halted"]
    assert case.says in said["reason"]


@pytest.mark.parametrize(
    ("mode", "before", "says"),
    [
        ("Rollback", ("btc-0",), "DryRun: nothing is done; else btc-0 would be rolled back to"),
        ("Rollback", (), "DryRun: nothing is done; else production would be emptied"),
        ("StandDown", ("btc-0",), "DryRun: nothing is done; else production would be emptied"),
    ],
)
def test_dry_run_says_what_would_follow(mode: str, before: tuple[str, ...], says: str) -> None:
    world = degraded(mode, *before, promotion={"mode": "DryRun"})
    verdict(world, message="it lost too much")
    world.settle()
    assert held(world)["Degraded"]["message"] == f"it lost too much · {says}"


def test_a_rollback_by_rule_waits_for_the_store() -> None:
    world = degraded("Rollback", "btc-0")
    world.verified["btc-0"] = UnreadableReport(Reason.STORAGE_UNAVAILABLE, "the store is away")
    world.settle()
    assert world.production() == "btc-1"
    assert world.plan().wake_at == world.now + timedelta(seconds=5)
    del world.verified["btc-0"]
    world.settle()
    assert world.production() == "btc-0"


def test_a_persons_request_comes_first() -> None:
    world = degraded("StandDown", "btc-0")
    world.ask("btc-0", replaces="btc-1")
    world.settle()
    assert world.production() == "btc-0"
    assert world.schedule["status"]["production"]["approvedBy"] == "alice"


def test_the_rule_does_not_wait_for_the_cooldown() -> None:
    world = degraded("Rollback", "btc-0")
    world.now = b.NOW + timedelta(hours=3)
    verdict(world)
    world.settle()
    assert world.production() == "btc-0"


def test_what_is_promoted_again_after_a_stand_down_begins_anew() -> None:
    world = degraded("StandDown")
    world.settle()
    world.now += DAY
    world.ask("btc-1")
    world.settle()
    assert world.production() == "btc-1"
    world.now += DAY
    verdict(world)
    world.settle()
    assert world.production() is None, "another verdict is another stand-down"
    assert [p["version"] for p in world.schedule["status"]["previous"]] == ["btc-1", "btc-1"]


AUTOMATIC = {"promotion": {"mode": "Automatic"}}


def test_a_newer_version_that_passes_ends_a_stand_down_after_the_cooldown() -> None:
    world = degraded("StandDown", **AUTOMATIC)
    world.settle()
    emptied = world.now
    fresh = ended("btc-2")
    fresh.raw["spec"]["run"]["promotion"]["shadow"]["enabled"] = False
    fresh.raw["metadata"]["creationTimestamp"] = b.stamp(world.now)
    world.versions.append(deepcopy(fresh.raw))
    assert "or a newer version that passes" in held(world)["Halted"]["message"]
    world.settle()
    assert world.production() is None
    assert world.plan().wake_at is not None
    world.now = emptied + DAY
    world.settle()
    assert world.production() == "btc-2"
    assert "halted" not in world.schedule["status"]


def test_a_candidate_older_than_what_was_stood_down_is_left_to_a_person() -> None:
    world = degraded("StandDown", **AUTOMATIC)
    world.settle()
    older = ended("btc-2")
    older.raw["metadata"]["creationTimestamp"] = b.stamp(b.NOW - DAY)
    world.versions.insert(0, deepcopy(older.raw))
    world.now += 9 * DAY
    world.settle()
    assert world.stages()["btc-2"] == "CANDIDATE"


@pytest.mark.parametrize("mode", ["Rollback", "StandDown"])
def test_cut_off_after_any_write_the_rule_ends_the_same(mode: str) -> None:
    quiet = degraded(mode, "btc-8", "btc-0")
    quiet.verified["btc-0"] = CORRUPT
    total = quiet.settle()
    assert total >= 4
    for write in range(total + 1):
        world = degraded(mode, "btc-8", "btc-0")
        world.verified["btc-0"] = CORRUPT
        world.settle(write)
        world.settle()
        assert world.stages() == quiet.stages(), f"after write {write}"
        assert world.productions == quiet.productions, f"after write {write}"
        assert len(world.schedule["status"]["previous"]) == 3, f"after write {write}"
        assert world.schedule["status"].get("halted", {}).get("by") == (
            quiet.schedule["status"].get("halted", {}).get("by")
        ), f"after write {write}"
