"""The picture in stages/lifecycle.py, move by move: what is in it happens, nothing else can."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from operator import attrgetter
from typing import Any

import pytest

from clm_api.lifecycle import KEPT_CHANGES, Stage
from clm_api.model_version import ModelVersionStatus
from clm_api.replay import Look
from clm_operator.changes import Move, Transition
from clm_operator.findings import CorruptReport
from clm_operator.stages import lifecycle
from clm_operator.stages.lifecycle import IllegalMoveError, moved
from tests.operator.units import builders as b
from tests.operator.units.test_degraded import WHY as DEGRADED_WHY
from tests.operator.units.test_degraded import degraded
from tests.operator.units.world import World, ended

BEEN_THERE = [{"stage": "PRODUCTION", "at": b.stamp(b.NOW), "by": "bob", "reason": "first"}]


@dataclass(frozen=True)
class Row:
    rule: Transition
    world: World
    reason: str
    why: str
    by: str = "alice"


def asked(request: str = "PRODUCTION", **version: Any) -> World:
    world = World.of(ended("btc-1", **version))
    world.ask("btc-1", request)
    return world


def replaced() -> World:
    world = World.of(ended("btc-0"), ended("btc-1"))
    for name in ("btc-1", "btc-0"):
        world.ask(name)
        world.settle()
    return world


def halted(*, again: bool = False) -> World:
    world = World.of(ended("btc-1"))
    world.ask("btc-1")
    world.settle()
    world.ask("btc-1", "ARCHIVED", replaces="btc-1")
    if again:
        world.settle()
        world.ask("btc-1")
    return world


def on_trial(*looks: Look, days: int = 7, **version: Any) -> World:
    """A version on trial whose replay has just ended."""
    shadow = {"since": b.stamp(b.NOW), "bars": 0}
    world = World.of(ended("btc-1", "SHADOW", shadow=shadow, **version), **AUTOMATIC)
    world.now += timedelta(days=days)
    world.settle()
    world.finish(b.replayed(world.tasks[-1], *looks))
    return world


def corrupt(stands: str, **version: Any) -> World:
    rules = {"promotion": AUTOMATIC["promotion"] | {"shadow": {"enabled": stands == "SHADOW"}}}
    world = World.of(ended("btc-1", stands, **version), **rules)
    world.versions[0]["spec"]["run"]["promotion"]["shadow"]["enabled"] = stands == "SHADOW"
    world.verified["btc-1"] = CorruptReport("model.ubj: its sha256 differs")
    return world


AUTOMATIC = {"promotion": {"mode": "Automatic"}}
PASSED = {"since": b.stamp(b.NOW), "bars": 168, "verdict": "Passed", "message": "well done"}
LOST = b.GOOD | {"sharpe": -1.0}
ROWS = [
    Row(lifecycle.SUPERSEDED, World.of(ended("btc-1"), ended("btc-2")), "Archived",
        "superseded by btc-2", "clm-operator"),
    Row(lifecycle.WITHDRAWN, asked("ARCHIVED"), "Archived", "alice likes it"),
    Row(lifecycle.PROMOTED, asked(), "Promoted", "alice likes it"),
    Row(lifecycle.PROMOTED_LATE, asked(stands="ARCHIVED"), "Promoted", "alice likes it"),
    Row(lifecycle.ROLLED_BACK, asked(stands="ARCHIVED", history=BEEN_THERE), "RolledBack",
        "alice likes it"),
    Row(lifecycle.TESTED, World.of(ended("btc-1"), **AUTOMATIC), "ShadowStarted",
        "the newest candidate, and no other version is tested", "clm-operator"),
    Row(lifecycle.TEST_FAILED, on_trial(b.look(metrics=LOST)), "ShadowFailed",
        "on 168 bars after its training: sharpe -1 < 1", "clm-operator"),
    Row(lifecycle.TEST_INCONCLUSIVE, on_trial(days=30), "Inconclusive",
        "no verdict within 30 days: 24 bars and 60 trades so far; "
        "the first look is at 168 bars", "clm-operator"),
    Row(lifecycle.TEST_WITHDRAWN, asked("ARCHIVED", stands="SHADOW"), "Archived",
        "alice likes it"),
    Row(lifecycle.CANDIDATE_CORRUPT, corrupt("CANDIDATE"), "ArtifactCorrupt",
        "model.ubj: its sha256 differs", "clm-operator"),
    Row(lifecycle.TESTED_CORRUPT, corrupt("SHADOW", shadow=PASSED), "ArtifactCorrupt",
        "model.ubj: its sha256 differs", "clm-operator"),
    Row(lifecycle.PROMOTED_TESTED, asked(stands="SHADOW"), "Promoted", "alice likes it"),
    Row(lifecycle.HALTED, halted(), "Halted", "alice likes it"),
    Row(lifecycle.RESUMED, halted(again=True), "Promoted", "alice likes it"),
    Row(lifecycle.STOOD_DOWN, degraded("StandDown"), "StoodDown", DEGRADED_WHY, "clm-operator"),
    Row(lifecycle.REPLACED, replaced(), "Archived", "replaced by btc-0: alice likes it"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=attrgetter("rule.name"))
def test_a_move_says_when_by_whom_and_why(row: Row) -> None:
    row.world.settle()
    status = row.world.version("btc-1")["status"]
    assert status["stage"] == row.rule.target
    assert (status["reason"], status["message"]) == (row.reason, f"{row.by}: {row.why}")
    last = status["history"][-1]
    assert (last["stage"], last["by"], last["reason"]) == (row.rule.target, row.by, row.why)
    held = {c["type"]: c["status"] for c in status["conditions"]} if "conditions" in status else {}
    inside = {Stage.PRODUCTION: "True"}.get(row.rule.target)
    left = "False" if row.rule.source is Stage.PRODUCTION else None
    assert held.get("InProduction") == (inside or left)


@pytest.mark.parametrize(
    ("rule", "result", "says"),
    [
        (lifecycle.CRITERIA_PASSED, b.report(), "CriteriaPassed: sharpe 1.5 ≥ 1"),
        (lifecycle.CRITERIA_FAILED, b.report(b.GOOD | {"sharpe": 0.5}), "CriteriaFailed: sharpe"),
        (lifecycle.RUN_FAILED, None, "ArtifactCorrupt: its Job completed"),
    ],
    ids=lambda value: value.name if isinstance(value, Transition) else "",
)
def test_a_run_ends_with_its_first_move(rule: Transition, result: Any, says: str) -> None:
    version = b.version()
    jobs = {"btc-1": b.job(condition=("Complete", ""))}
    seen = b.seen(version, jobs=jobs, reports={"btc-1": result})
    status = b.came_of(version, seen, b.settings()).status
    assert status.stage is rule.target
    (change,) = status.history
    assert (change.stage, change.by) == (rule.target, "clm-operator")
    assert change.reason.startswith(says)


def test_every_rule_of_the_picture_has_its_row() -> None:
    runs = {lifecycle.CRITERIA_PASSED, lifecycle.CRITERIA_FAILED, lifecycle.RUN_FAILED}
    assert {row.rule for row in ROWS} | runs == set(lifecycle.TRANSITIONS)


def test_a_move_from_elsewhere_is_a_defect() -> None:
    legal = {(rule.name, rule.source) for rule in lifecycle.TRANSITIONS}
    for rule, stage in product(lifecycle.TRANSITIONS, Stage):
        status = ModelVersionStatus(stage=stage)
        if (rule.name, stage) in legal:
            continue
        with pytest.raises(IllegalMoveError, match=f"from {stage}"):
            moved(status, Move(rule, b.NOW, "x", "y"))


def test_only_a_request_leads_into_production() -> None:
    stages = ["CANDIDATE", "ARCHIVED", "REJECTED", "FAILED"]
    world = World.of(*(ended(f"btc-{n}", stage) for n, stage in enumerate(stages)))
    world.settle()
    assert world.production() is None
    assert world.stages() == {f"btc-{n}": stage for n, stage in enumerate(stages)}


def test_the_history_keeps_the_newest_moves() -> None:
    world = World.of(ended("btc-0"), ended("btc-1"))
    for number in range(2 * KEPT_CHANGES):
        world.ask(f"btc-{number % 2}")
        world.settle()
    history = world.version("btc-1")["status"]["history"]
    assert len(history) == KEPT_CHANGES
    assert history[-1]["stage"] == "PRODUCTION"
    assert len(world.schedule["status"]["previous"]) == 20
