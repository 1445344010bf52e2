"""Production emptied by a person: when, by whom, what ends it, and cut off after any write."""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_api.production import periods, production_at
from clm_api.schedule_status import TrainingScheduleStatus
from tests.operator.units import builders as b
from tests.operator.units.test_production import held
from tests.operator.units.test_replays import HOUR
from tests.operator.units.test_shadow import AUTOMATIC
from tests.operator.units.world import World, ended

DAY = timedelta(days=1)


def in_production(name: str = "btc-1", **schedule: Any) -> World:
    """A world in which btc-0 was in production, and this version is."""
    world = World.of(ended("btc-0"), ended(name), **schedule)
    for one in ("btc-0", name):
        world.ask(one)
        world.settle()
    return world


def halted(**schedule: Any) -> World:
    """The same one after a halt."""
    world = in_production(**schedule)
    world.ask("btc-1", "ARCHIVED", by="bob", replaces="btc-1")
    world.settle()
    return world


def status(world: World) -> TrainingScheduleStatus:
    return TrainingScheduleStatus.model_validate(world.schedule["status"])


def test_a_halt_is_recorded_everywhere() -> None:
    world = halted()
    assert world.production() is None
    assert world.stages() == {"btc-0": "ARCHIVED", "btc-1": "ARCHIVED"}
    assert world.outcome("btc-1") == ("Halted", "production is empty: bots hold nothing")
    found = status(world)
    assert found.halted is not None
    assert (found.halted.version, found.halted.by) == ("btc-1", "bob")
    assert found.halted.reason == "bob likes it"
    assert found.previous[-1].to == found.halted.since
    assert world.pointer is not None
    assert world.pointer.to_json_dict() == {
        "scheduleUid": "ts-uid", "since": b.stamp(found.halted.since),
    }  # fmt: skip
    condition = held(world)["Halted"]
    assert (condition["status"], condition["reason"]) == ("True", "Halted")
    assert condition["message"] == (
        "bots hold nothing since bob took btc-1 out: clm promote ends it: bob likes it"
    )
    (move,) = [m for m in world.version("btc-1")["status"]["history"] if m["by"] == "bob"]
    assert (move["stage"], move["reason"]) == ("ARCHIVED", "bob likes it")


def test_a_halt_is_told_once_of_the_schedule_and_of_the_version() -> None:
    world = in_production()
    world.ask("btc-1", "ARCHIVED", replaces="btc-1")
    told = []
    for _ in range(5):
        decided = world.plan()
        told += [(n.type, n.reason, n.id) for n in b.told(decided)]
        for write in world.writes(decided):
            write()
    since = status(world).halted
    assert since is not None
    at = f"{since.since.timestamp():.0f}"
    assert sorted(set(told)) == [
        ("Normal", "Signal", f"signal-none-{at}-next"),
        ("Warning", "Halted", f"ARCHIVED-{at}"), ("Warning", "Halted", f"halted-{at}"),
    ]  # fmt: skip
    assert len(told) == 3


@dataclass(frozen=True)
class Refused:
    name: str
    outcome: str
    says: str
    version: str = "btc-1"
    request: dict[str, Any] = field(default_factory=dict)


REFUSED = [
    Refused("without a word of what is there", "PromotionRefused",
            'ask again with replaces: "btc-1" (clm halt)'),
    Refused("with another version's name", "PromotionRefused", 'replaces: "btc-1"',
            request={"replaces": "btc-0"}),
    Refused("with the name of one that was replaced meanwhile", "PromotionConflict",
            "the request halts btc-0, but btc-1 is in production", "btc-0", {"replaces": "btc-0"}),
    Refused("of an archived version", "PromotionRefused", "its stage is ARCHIVED", "btc-0"),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=attrgetter("name"))
def test_a_halt_is_refused(case: Refused) -> None:
    world = in_production()
    world.ask(case.version, "ARCHIVED", **case.request)
    world.settle()
    outcome, message = world.outcome(case.version)
    assert outcome == case.outcome
    assert case.says in message
    assert world.production() == "btc-1"


def test_what_is_halted_is_not_halted_again() -> None:
    world = halted()
    world.ask("btc-1", "ARCHIVED", replaces="btc-1")
    world.settle()
    outcome, message = world.outcome("btc-1")
    assert (outcome, "but nothing is in production" in message) == ("PromotionConflict", True)


@pytest.mark.parametrize("mode", ["Manual", "Automatic", "DryRun"])
def test_every_mode_can_be_halted(mode: str) -> None:
    world = in_production()
    world.schedule["spec"]["promotion"]["mode"] = mode
    world.ask("btc-1", "ARCHIVED", replaces="btc-1")
    world.settle()
    assert world.outcome("btc-1")[0] == "Halted"


def test_of_a_halt_and_a_promotion_the_halt_is_first() -> None:
    world = in_production()
    world.ask("btc-0", replaces="btc-1")
    world.ask("btc-1", "ARCHIVED", replaces="btc-1")
    world.settle()
    assert world.production() is None
    assert world.outcome("btc-1")[0] == "Halted"
    assert world.outcome("btc-0")[0] == "PromotionConflict"


def test_a_halted_version_comes_back_by_a_persons_promotion() -> None:
    world = halted()
    world.now += DAY
    world.ask("btc-1", replaces="")
    world.settle()
    assert world.production() == "btc-1"
    assert world.outcome("btc-1")[0] == "Promoted"
    assert "replaces nothing" in world.outcome("btc-1")[1]
    found = status(world)
    assert found.halted is None
    assert "Halted" not in held(world)
    assert world.pointer is not None
    assert world.pointer.version == "btc-1"
    names = [p.version for p in periods(found)]
    assert names == ["btc-0", "btc-1", None, "btc-1"]
    flat = production_at(found, world.now - HOUR)
    assert flat is not None
    assert (flat.version, flat.by, flat.reason) == (None, "bob", "bob likes it")


def test_a_rollback_out_of_a_halt_goes_to_the_version_before() -> None:
    world = halted()
    world.ask("btc-0")
    world.settle()
    assert world.production() == "btc-0"
    assert world.outcome("btc-0")[0] == "RolledBack"


def test_a_clock_that_was_set_back_makes_no_promotion_before_its_halt() -> None:
    world = halted()
    before = status(world).halted
    world.now -= DAY
    world.ask("btc-1")
    world.settle()
    production = status(world).production
    assert before is not None
    assert production is not None
    assert production.since == before.since
    assert [p.version for p in periods(status(world))][-2:] == [None, "btc-1"]


def test_automatic_promotes_nothing_while_a_person_has_halted() -> None:
    world = halted(**AUTOMATIC)
    assert "mode Automatic promotes nothing until then" in held(world)["Halted"]["message"]
    fresh = ended("btc-2")
    fresh.raw["spec"]["run"]["promotion"]["shadow"]["enabled"] = False
    world.versions.append(deepcopy(fresh.raw))
    world.now += 90 * DAY
    world.settle()
    assert world.production() is None
    assert world.stages()["btc-2"] == "CANDIDATE"
    world.ask("btc-1")
    world.settle()
    world.now += 2 * DAY
    world.settle()
    assert world.production() == "btc-2", "a person's promotion has ended it"


def test_a_challenger_is_tested_while_production_is_empty_and_waits() -> None:
    world = halted(**AUTOMATIC)
    world.versions.append(deepcopy(ended("btc-2").raw))
    world.settle()
    assert world.stages()["btc-2"] == "SHADOW"
    world.now += 7 * DAY
    world.settle()
    assert world.tasks[-1].champion is None
    world.finish(b.replayed(world.tasks[-1], b.look()))
    world.settle()
    assert world.version("btc-2")["status"]["shadow"]["verdict"] == "Passed"
    assert world.production() is None


def test_nothing_is_replayed_while_production_is_empty() -> None:
    world = halted()
    world.now += 3 * DAY
    world.settle()
    assert world.jobs == {}
    assert world.facts().next_replay_at is None


def test_what_a_test_was_held_against_is_halted_and_the_test_goes_on_against_nothing() -> None:
    world = in_production("btc-1", **AUTOMATIC)
    world.versions.append(deepcopy(ended("btc-2").raw))
    world.settle()
    world.now += 7 * DAY
    world.settle()
    running = world.tasks[-1]
    assert running.champion is not None
    world.ask("btc-1", "ARCHIVED", replaces="btc-1")
    world.settle()
    world.finish(b.replayed(running, b.look(better=0.001, worse=0.99)))
    world.settle()
    shadow = world.version("btc-2")["status"]["shadow"]
    assert "verdict" not in shadow
    assert "production changed meanwhile" in shadow["message"]


def test_the_version_that_production_was_emptied_of_is_kept() -> None:
    world = halted(retention={"successfulRuns": 1, "failedRuns": 0})
    for number in range(2, 6):
        world.versions.append(deepcopy(ended(f"btc-{number}", "REJECTED").raw))
    gone = {v.name for v in world.plan().delete_versions}
    assert gone == {"btc-2", "btc-3", "btc-4"}


def test_cut_off_after_any_write_a_halt_ends_the_same() -> None:
    quiet = in_production()
    quiet.ask("btc-1", "ARCHIVED", by="bob", replaces="btc-1")
    total = quiet.settle()
    assert total >= 4, "the pointer, the stage, the removal, what is told"
    for write in range(total + 1):
        world = in_production()
        world.ask("btc-1", "ARCHIVED", by="bob", replaces="btc-1")
        world.settle(write)
        world.settle()
        assert world.stages() == quiet.stages(), f"after write {write}"
        assert world.outcome("btc-1") == quiet.outcome("btc-1"), f"after write {write}"
        assert world.pointer is not None
        assert world.pointer.version is None, f"after write {write}"
        assert len(status(world).previous) == 2, f"after write {write}"
        assert len(world.version("btc-1")["status"]["history"]) == 2, f"after write {write}"
