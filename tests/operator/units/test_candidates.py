"""A candidate whose bars end before those of what stands takes nobody's place by itself."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_operator.mirror.objects import Version
from tests.operator.units import builders as b
from tests.operator.units.test_shadow import IN_PRODUCTION
from tests.operator.units.world import World, ended

AUTOMATIC = {"promotion": {"mode": "Automatic", "shadow": {"enabled": False}}}
TESTING = {"promotion": {"mode": "Automatic"}}
DRY = {"promotion": {"mode": "DryRun"}}
MET = [{"type": "CriteriaMet", "status": "True", "reason": "CriteriaPassed",
        "message": "sharpe 1.5 ≥ 1", "lastTransitionTime": b.stamp(b.NOW)}]  # fmt: skip
PASSED = {"since": b.stamp(b.NOW), "bars": 168, "verdict": "Passed", "message": "well done"}


def on_bars(name: str, days: float | None, stands: str = "CANDIDATE", **more: Any) -> Version:
    """Build an ended version whose bars end so many days before now; None: no account of them."""
    said = {"reason": "CriteriaPassed", "message": "sharpe 1.5 ≥ 1", "conditions": MET} | more
    if days is not None:
        to = b.NOW - timedelta(days=days)
        span = {"from": b.stamp(to - timedelta(days=240)), "to": b.stamp(to)}
        said["data"] = span | {"bars": 9, "gaps": 0, "sha256": "0" * 64}
    return ended(name, stands, **said)


def world_of(versions: Sequence[Version], schedule: dict[str, Any]) -> World:
    """Set them side by side, made one after the other, with the schedule's rules frozen in them."""
    there = any(v.status.stage == "PRODUCTION" for v in versions)
    world = World.of(*versions, **({"status": IN_PRODUCTION} if there else {}), **schedule)
    for number, raw in enumerate(world.versions):
        raw["metadata"]["creationTimestamp"] = b.stamp(b.NOW + timedelta(minutes=number))
        raw["spec"]["run"]["promotion"] |= {
            "mode": schedule.get("promotion", {}).get("mode", "Manual"),
            "shadow": {"enabled": schedule.get("promotion", {}).get("shadow") is None},
        }
    world.now = b.NOW + timedelta(days=9)
    return world


@dataclass(frozen=True)
class Row:
    name: str
    versions: list[Version]
    """btc-0 is in production where something is."""
    stages: str
    """Afterwards, in their order."""
    behind: str = ""
    """Who is said to be behind, and whom it is held against."""
    schedule: dict[str, Any] = field(default_factory=dict)


C, P, S, A = "CANDIDATE", "PRODUCTION", "SHADOW", "ARCHIVED"
ROWS = [
    Row("newer bars supersede", [on_bars("btc-1", 1), on_bars("btc-2", 0)], f"{A} {C}"),
    Row("equal bars supersede", [on_bars("btc-1", 1), on_bars("btc-2", 1)], f"{A} {C}"),
    Row("older bars supersede nobody", [on_bars("btc-1", 1), on_bars("btc-2", 9)], f"{C} {C}",
        "btc-2 btc-1"),
    Row("a second import that is behind supersedes the first one alone",
        [on_bars("btc-1", 1), on_bars("btc-2", 9), on_bars("btc-3", 8)], f"{C} {A} {C}",
        "btc-3 btc-1"),
    Row("the next whole run supersedes all", [on_bars("btc-1", 1), on_bars("btc-2", 9),
        on_bars("btc-3", 0)], f"{A} {A} {C}"),
    Row("bars that nobody accounts for are as good as any",
        [on_bars("btc-1", 1), on_bars("btc-2", None)], f"{A} {C}"),
    Row("nor do they hold others back", [on_bars("btc-1", None), on_bars("btc-2", 9)], f"{A} {C}"),
    Row("behind the one in production it is not promoted",
        [on_bars("btc-0", 1, P), on_bars("btc-2", 9)], f"{P} {C}", "btc-2 btc-0", AUTOMATIC),
    Row("nor tested", [on_bars("btc-0", 1, P), on_bars("btc-2", 9)], f"{P} {C}", "btc-2 btc-0",
        TESTING),
    Row("the candidate with newer bars is promoted past it",
        [on_bars("btc-1", 1), on_bars("btc-2", 9)], f"{P} {C}", "btc-2 btc-1", AUTOMATIC),
    Row("or tested", [on_bars("btc-1", 1), on_bars("btc-2", 9)], f"{S} {C}", "btc-2 btc-1",
        TESTING),
    Row("behind a tested one it waits",
        [on_bars("btc-1", 1, S, shadow={"since": b.stamp(b.NOW)}), on_bars("btc-2", 9)],
        f"{S} {C}", "btc-2 btc-1", TESTING),
    Row("after a rollback only what stands counts: newer bars than production's are promoted",
        [on_bars("btc-0", 9, P), on_bars("btc-1", 1, A), on_bars("btc-2", 5)], f"{A} {A} {P}",
        "", AUTOMATIC),
    Row("what passed its test is promoted although a newer candidate waits",
        [on_bars("btc-1", 9, S, shadow=PASSED), on_bars("btc-2", 1)], f"{P} {C}", "", AUTOMATIC),
    Row("a verdict that only judges says so too", [on_bars("btc-1", 1), on_bars("btc-2", 9)],
        f"{C} {C}", "btc-2 btc-1", DRY),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=attrgetter("name"))
def test_who_supersedes_whom(row: Row) -> None:
    world = world_of(row.versions, row.schedule)
    told = [
        version.name
        for version, status in world.plan().version_statuses
        for one in status.untold
        if one.reason == "DataBehind"
    ]
    world.settle()
    assert " ".join(world.stages().values()) == row.stages
    held = {
        v["metadata"]["name"]: v["status"]["message"]
        for v in world.versions
        if v["status"]["reason"] == "DataBehind"
    }
    late, _, other = row.behind.partition(" ")
    assert list(held) == [late] * bool(late)
    assert told == list(held)
    for message in held.values():
        assert f"before those of {other} (2026-01-04 12:00 UTC)" in message
        assert "it takes nobody's place by itself" in message
    assert not [n for n in b.told(world.plan()) if n.reason == "DataBehind"], "once is enough"


@pytest.mark.parametrize(
    ("first", "second", "timeframe", "stages"),
    [
        ("11:00", "10:00", "1h", f"{C} {C}"),
        ("11:00", "08:00", "4h", f"{A} {C}"),
        ("12:00", "08:00", "4h", f"{C} {C}"),
        ("12:00", "00:00", "1d", f"{A} {C}"),
    ],
)
def test_a_longer_bar_that_has_not_closed_yet_is_no_lack(
    first: str, second: str, timeframe: str, stages: str
) -> None:
    ago = [(12 - int(end[:2])) / 24 for end in (first, second)]
    world = world_of([on_bars("btc-1", ago[0]), on_bars("btc-2", ago[1])], {})
    world.version("btc-2")["spec"]["run"]["data"]["timeframe"] = timeframe
    world.settle()
    assert " ".join(world.stages().values()) == stages


def test_a_result_that_claims_later_bars_than_its_run_was_told_bars_nobody() -> None:
    world = world_of([on_bars("btc-1", -9999), on_bars("btc-2", 0)], {})
    world.settle()
    assert world.stages() == {"btc-1": A, "btc-2": C}


def test_a_schedule_shows_the_candidate_that_goes_first() -> None:
    world = world_of([on_bars("btc-1", 1), on_bars("btc-2", 9)], {})
    world.settle()
    assert world.schedule["status"]["candidate"] == "btc-1"


@pytest.mark.parametrize(("stage", "outcome"), [(P, "Promoted"), (S, "ShadowStarted")])
def test_a_person_gets_what_they_ask_for_and_is_told(stage: str, outcome: str) -> None:
    world = world_of([on_bars("btc-0", 1, P), on_bars("btc-2", 9)], {})
    world.settle()
    world.ask("btc-2", stage)
    world.settle()
    assert world.stages()["btc-2"] == stage
    found, message = world.outcome("btc-2")
    assert found == outcome
    assert "its bars end 2025-12-27 12:00 UTC, before those of btc-0" in message


def test_going_back_to_older_bars_needs_no_warning() -> None:
    been = [{"stage": P, "at": b.stamp(b.NOW), "by": "alice", "reason": "r"}]
    world = world_of([on_bars("btc-0", 1, P), on_bars("btc-1", 9, A, history=been)], {})
    world.ask("btc-1")
    world.settle()
    assert world.outcome("btc-1")[0] == "RolledBack"
    assert "its bars end" not in world.outcome("btc-1")[1]


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ({}, "sharpe 1.5 ≥ 1"),
        (DRY, "sharpe 1.5 ≥ 1 · DryRun: judged only; Automatic would begin its shadow test"),
    ],
    ids=["Manual", "DryRun"],
)
def test_once_nothing_stands_before_it_it_is_a_candidate_like_any(
    schedule: dict[str, Any], words: str
) -> None:
    world = world_of([on_bars("btc-1", 1), on_bars("btc-2", 9)], schedule)
    world.settle()
    world.ask("btc-1", A)
    world.settle()
    status = world.version("btc-2")["status"]
    assert (status["stage"], status["reason"], status["message"]) == (C, "CriteriaPassed", words)


def test_it_is_promoted_once_what_stood_before_it_is_gone() -> None:
    world = world_of([on_bars("btc-1", 1), on_bars("btc-2", 9)], TESTING)
    world.settle()
    assert world.stages() == {"btc-1": S, "btc-2": C}
    world.ask("btc-1", A)
    world.settle()
    assert world.stages() == {"btc-1": A, "btc-2": S}


def test_one_that_was_tested_already_is_still_not_superseded_by_older_bars() -> None:
    tested = {"since": b.stamp(b.NOW), "verdict": "Inconclusive"}
    first = on_bars("btc-1", 1, shadow=tested, reason="Inconclusive", message="no verdict")
    world = world_of([first, deepcopy(on_bars("btc-2", 9))], TESTING)
    world.settle()
    assert world.stages() == {"btc-1": C, "btc-2": C}
    assert world.version("btc-1")["status"]["reason"] == "Inconclusive"
