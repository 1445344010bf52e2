"""The verdict of a shadow test, and what a replay and time make of the version on trial."""

from dataclasses import dataclass, field
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_api.promotion import ChampionSpec, ShadowSpec
from clm_api.replay import Look, ShadowReplay
from clm_api.run import RunPromotion
from clm_operator.stages.verdict import find
from tests.operator.units import builders as b
from tests.operator.units.world import World, ended

AUTOMATIC = {"promotion": {"mode": "Automatic"}}
MANUAL = {"promotion": {"mode": "Manual"}}
IN_PRODUCTION = {
    "production": {
        "version": "btc-0", "since": b.stamp(b.NOW), "approvedBy": "bob", "reason": "first",
        "artifact": {"uri": "s3://models/runs/ns/btc/uid-btc-0/manifest.json", "sha256": "1" * 64},
    }
}  # fmt: skip


def rules(**more: Any) -> RunPromotion:
    found = b.version().spec
    assert found is not None
    return found.run.promotion.having(**more)


def shadow(*looks: Look, planned: int = 3, **more: Any) -> ShadowReplay:
    values = {
        "version": "btc-1", "sha256": "1" * 64, "from": b.NOW, "to": b.NOW, "bars": 200,
        "metrics": b.GOOD, "champion": "btc-0", "looks": looks, "looksPlanned": planned,
        "replayedBars": 200,
    }  # fmt: skip
    return ShadowReplay.model_validate(values | more)


FEW = b.GOOD | {"trades": 4.0}
LOST = b.GOOD | {"sharpe": -0.5}


@dataclass(frozen=True)
class Case:
    name: str
    test: ShadowReplay
    verdict: str | None
    says: str
    rules: RunPromotion = field(default_factory=rules)


CASES = [
    Case("better at the first look passes", shadow(b.look(better=0.016, worse=0.98)), "Passed",
         "not worse on 168 bars against btc-0: p 0.0160 ≤ 0.0167"),
    Case("three looks share the risk", shadow(b.look(better=0.02, worse=0.98)), None,
         "on 168 bars p 0.0200, 0.0167 passes"),
    Case("one look has it alone", shadow(b.look(better=0.02, worse=0.98), planned=1), "Passed",
         "0.0200 ≤ 0.0500"),
    Case("worse at the first look fails", shadow(b.look(better=0.99, worse=0.01)), "Failed",
         "worse on 168 bars against btc-0: p 0.0100 ≤ 0.0167"),
    Case("a later look can tell what an earlier one could not",
         shadow(b.look(better=0.3, worse=0.7), b.look(336, better=0.01, worse=0.99)), "Passed",
         "not worse on 336 bars"),
    Case("the first look that can tell decides, whatever comes later",
         shadow(b.look(better=0.99, worse=0.01), b.look(336, better=0.001, worse=0.99)), "Failed",
         "worse on 168 bars"),
    Case("no look yet", shadow(), None, "the first look is at 168 bars"),
    Case("a look with too few trades decides nothing",
         shadow(b.look(better=0.001, worse=0.99, metrics=FEW)), None, "a look needs 5 trades"),
    Case("no comparison, no verdict", shadow(b.look(problem="other symbols")), None,
         "no comparison with btc-0: other symbols"),
    Case("against nobody its own criteria pass", shadow(b.look(), champion=None), "Passed",
         "on 168 bars after its training: sharpe 1.5 ≥ 1"),
    Case("against nobody its own criteria fail", shadow(b.look(metrics=LOST), champion=None),
         "Failed", "sharpe -0.5 < 1"),
    Case("against nobody a week need not have the trades of a quarter",
         shadow(b.look(metrics=b.GOOD | {"trades": 6.0}), champion=None), "Passed", "trades 6 ≥ 5"),
    Case("positions that can't be repeated fail at once",
         shadow(replayMismatch=0.25, mismatchAt=b.NOW), "Failed",
         "differ by up to 0.25 from those of its batch replay, first at 2026-01-05 12:00 UTC"),
    Case("a leak fails however much it earns",
         shadow(b.look(better=0.001, worse=0.99), replayMismatch=0.25, mismatchAt=b.NOW), "Failed",
         "a feature uses the future"),
    Case("rounding is no leak", shadow(b.look(better=0.001, worse=1.0), replayMismatch=1e-12),
         "Passed", "not worse"),
    Case("less confidence asks for less", shadow(b.look(better=0.06, worse=0.94)), "Passed",
         "0.0600 ≤ 0.0667", rules(champion=ChampionSpec(confidence=0.8))),
    Case("no least number of trades", shadow(b.look(better=0.01, worse=0.9, metrics=FEW)),
         "Passed", "not worse", rules(shadow=ShadowSpec(min_trades=0))),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_the_verdict(case: Case) -> None:
    found = find(case.test, case.rules)
    assert (found.verdict, case.says in found.message) == (case.verdict, True), found.message


def on_trial(mode: dict[str, Any] = AUTOMATIC, *, champion: bool = True, **version: Any) -> World:
    """A version that has been tested for a week, its replay running."""
    since = {"since": b.stamp(b.NOW)}
    versions = [ended("btc-1", "SHADOW", shadow=since, **version)]
    if champion:
        versions.insert(0, ended("btc-0", "PRODUCTION"))
    world = World.of(*versions, status=IN_PRODUCTION if champion else {}, **mode)
    world.now += timedelta(days=7)
    world.settle()
    return world


def test_a_passed_version_takes_the_champions_place() -> None:
    world = on_trial()
    world.finish(b.replayed(world.tasks[-1], b.look(better=0.01, worse=0.99)))
    world.settle()
    assert world.stages() == {"btc-0": "ARCHIVED", "btc-1": "PRODUCTION"}
    status = world.version("btc-1")["status"]
    assert [h["stage"] for h in status["history"]] == ["PRODUCTION"]
    assert status["shadow"]["verdict"] == "Passed"
    assert status["shadow"]["verdictSlot"] == b.stamp(world.tasks[0].slot)
    assert status["shadow"]["pValue"] == 0.01
    promotion = status["promotion"]
    assert (promotion["by"], promotion["replaced"]) == ("clm-operator", "btc-0")
    assert promotion["reason"].startswith("shadow test passed: not worse on 168 bars")
    held = {c["type"]: c["status"] for c in status["conditions"]}
    assert held["ShadowPassed"] == "True"
    assert world.schedule["status"]["previous"][0]["version"] == "btc-0"


def test_mode_manual_leaves_a_passed_version_to_a_person() -> None:
    world = on_trial(MANUAL)
    world.finish(b.replayed(world.tasks[-1], b.look(better=0.01, worse=0.99)))
    world.settle()
    assert world.stages() == {"btc-0": "PRODUCTION", "btc-1": "SHADOW"}
    assert world.version("btc-1")["status"]["reason"] == "ShadowPassed"
    assert world.schedule["status"]["shadow"] == "btc-1"
    world.ask("btc-1", replaces="btc-0")
    world.settle()
    assert world.production() == "btc-1"


def test_a_failed_version_is_rejected_and_the_champion_stays() -> None:
    world = on_trial()
    world.finish(b.replayed(world.tasks[-1], b.look(better=0.99, worse=0.01)))
    world.settle()
    assert world.stages() == {"btc-0": "PRODUCTION", "btc-1": "REJECTED"}
    status = world.version("btc-1")["status"]
    assert status["reason"] == "ShadowFailed"
    held = {c["type"]: c["status"] for c in status["conditions"]}
    assert held["ShadowPassed"] == "False"


def test_a_test_without_verdict_ends_after_its_last_replay() -> None:
    world = on_trial()
    undecided = b.look(better=0.4, worse=0.6)
    world.finish(b.replayed(world.tasks[-1], undecided))
    world.settle()
    assert world.stages()["btc-1"] == "SHADOW"
    world.now = b.NOW + timedelta(days=30, hours=1)
    world.settle()
    assert world.stages()["btc-1"] == "SHADOW", "the last replay is still running"
    world.finish(b.replayed(world.tasks[-1], undecided))
    world.settle()
    assert world.stages()["btc-1"] == "CANDIDATE"
    status = world.version("btc-1")["status"]
    assert status["shadow"]["verdict"] == status["reason"] == "Inconclusive"
    assert status["shadow"]["verdictSlot"] == b.stamp(world.tasks[-1].slot)
    assert "no verdict within 30 days" in status["message"]
    held = {c["type"]: c["status"] for c in status["conditions"]}
    assert held["ShadowPassed"] == "Unknown"
    world.now += timedelta(days=30)
    world.settle()
    assert world.stages()["btc-1"] == "CANDIDATE", "never again by itself"
    world.ask("btc-1", "SHADOW")
    world.settle()
    status = world.version("btc-1")["status"]
    assert status["stage"] == "SHADOW"
    assert "verdict" not in status["shadow"]
    assert "ShadowPassed" not in {c["type"] for c in status["conditions"]}


@dataclass(frozen=True)
class Stale:
    name: str
    change: dict[str, Any]


STALE = [
    Stale("another version of that name", {"sha256": "2" * 64}),
    Stale("another version", {"version": "btc-7"}),
]


@pytest.mark.parametrize("case", STALE, ids=attrgetter("name"))
def test_a_report_of_something_else_says_nothing(case: Stale) -> None:
    world = on_trial()
    report = b.replayed(world.tasks[-1], b.look(better=0.01, worse=0.99), **case.change)
    world.finish(report)
    world.settle()
    assert world.stages()["btc-1"] == "SHADOW"
    assert world.version("btc-1")["status"]["shadow"].get("verdict") is None


def test_production_that_changes_during_a_replay_makes_its_verdict_void() -> None:
    world = on_trial()
    world.versions.insert(0, dict(ended("btc-9", "ARCHIVED").raw))
    report = b.replayed(world.tasks[-1], b.look(better=0.01, worse=0.99))
    world.ask("btc-9")
    world.settle()
    world.finish(report)
    world.settle()
    assert world.production() == "btc-9"
    assert world.stages()["btc-1"] == "SHADOW"
    shadow_ = world.version("btc-1")["status"]["shadow"]
    assert "verdict" not in shadow_
    assert "production changed meanwhile" in shadow_["message"]


def test_production_that_changes_after_the_verdict_reopens_the_test() -> None:
    world = on_trial(MANUAL)
    world.finish(b.replayed(world.tasks[-1], b.look(better=0.01, worse=0.99)))
    world.settle()
    world.versions.insert(0, dict(ended("btc-9", "ARCHIVED").raw))
    world.ask("btc-9")
    world.settle()
    status = world.version("btc-1")["status"]
    assert status["stage"] == "SHADOW"
    assert {"verdict", "verdictSlot"}.isdisjoint(status["shadow"])
    assert "now it is held against btc-9" in status["message"]
    assert "ShadowPassed" not in {c["type"] for c in status["conditions"]}
    world.now += timedelta(days=1)
    world.settle()
    assert world.tasks[-1].champion is not None
    assert world.tasks[-1].champion.version == "btc-9"
    world.finish(b.replayed(world.tasks[-1], b.look(better=0.99, worse=0.01)))
    world.settle()
    assert world.stages()["btc-1"] == "REJECTED"


def test_the_rules_are_those_that_were_frozen() -> None:
    world = on_trial(champion=False)
    world.schedule["spec"]["promotion"]["criteria"]["minSharpe"] = 9
    world.finish(b.replayed(world.tasks[-1], b.look()))
    world.settle()
    assert world.production() == "btc-1"
    assert world.tasks[-1].shadow == ShadowSpec()
