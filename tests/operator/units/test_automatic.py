"""What mode Automatic does with candidates, and what a request for a shadow test asks."""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest

from tests.operator.units import builders as b
from tests.operator.units.test_replays import AWAY, HOUR
from tests.operator.units.test_shadow import AUTOMATIC, IN_PRODUCTION
from tests.operator.units.world import World, ended


def test_automatic_promotes_at_most_once_in_a_cooldown() -> None:
    """A candidate that waits for the cooldown goes when it has passed, not before."""
    world = World.of(ended("btc-0", "PRODUCTION"), ended("btc-1"), status=IN_PRODUCTION,
                     **AUTOMATIC)  # fmt: skip
    world.version("btc-1")["spec"]["run"]["promotion"]["shadow"]["enabled"] = False
    world.now = b.NOW + 23 * HOUR
    world.settle()
    world.finish(b.replayed(world.tasks[-1]))
    world.settle()
    assert world.production() == "btc-0"
    assert world.plan().wake_at == b.NOW + 24 * HOUR
    world.now = b.NOW + 24 * HOUR
    world.settle()
    assert world.production() == "btc-1"


def test_automatic_waits_for_the_store() -> None:
    world = World.of(ended("btc-1"), **AUTOMATIC)
    world.version("btc-1")["spec"]["run"]["promotion"]["shadow"]["enabled"] = False
    world.verified["btc-1"] = AWAY
    world.settle()
    assert world.production() is None
    assert world.plan().wake_at is not None
    held = {c["type"]: c for c in world.version("btc-1")["status"]["conditions"]}
    assert held["ArtifactVerified"]["message"].startswith("its promotion waits for the store")
    del world.verified["btc-1"]
    world.settle()
    assert world.production() == "btc-1"


def test_one_version_is_tested_at_a_time_and_the_newest_candidate_is_next() -> None:
    world = World.of(ended("btc-1"), **AUTOMATIC)
    world.settle()
    for name in ("btc-2", "btc-3"):
        world.versions.append(deepcopy(ended(name).raw))
        world.settle()
    assert world.stages() == {"btc-1": "SHADOW", "btc-2": "ARCHIVED", "btc-3": "CANDIDATE"}
    world.now += timedelta(days=7)
    world.settle()
    world.finish(b.replayed(world.tasks[-1], b.look()))
    world.settle()
    assert world.stages() == {"btc-1": "PRODUCTION", "btc-2": "ARCHIVED", "btc-3": "SHADOW"}


def test_a_candidate_older_than_production_is_left_to_a_person() -> None:
    """Where runs overlap, an older one may end after a newer one came into production."""
    older, newer = b.NOW - HOUR, b.NOW
    world = World.of(
        ended("btc-1"), ended("btc-0", "PRODUCTION"), status=IN_PRODUCTION, **AUTOMATIC
    )
    for name, created in (("btc-1", older), ("btc-0", newer)):
        world.version(name)["metadata"]["creationTimestamp"] = b.stamp(created)
    world.version("btc-1")["spec"]["run"]["promotion"]["shadow"]["enabled"] = False
    world.now += timedelta(days=9)
    world.settle()
    assert world.stages() == {"btc-0": "PRODUCTION", "btc-1": "CANDIDATE"}


def test_what_was_rolled_back_from_is_not_promoted_again() -> None:
    world = World.of(ended("btc-0", "ARCHIVED"), ended("btc-1"), **AUTOMATIC)
    world.version("btc-1")["spec"]["run"]["promotion"]["shadow"]["enabled"] = False
    world.settle()
    assert world.production() == "btc-1"
    world.ask("btc-0", replaces="btc-1")
    world.settle()
    assert world.production() == "btc-0"
    world.now += timedelta(days=9)
    world.settle()
    assert world.stages() == {"btc-0": "PRODUCTION", "btc-1": "ARCHIVED"}


@dataclass(frozen=True)
class Asked:
    name: str
    stands: str
    outcome: str
    says: str
    schedule: dict[str, Any] = field(default_factory=dict)
    tested: bool = False


ASKED = [
    Asked("a candidate is tested", "CANDIDATE", "ShadowStarted", "its shadow test begins"),
    Asked("what was archived is not", "ARCHIVED", "PromotionRefused", "only a CANDIDATE"),
    Asked("not while another one is", "CANDIDATE", "PromotionRefused",
          "btc-2 is in its shadow test", tested=True),
    Asked("not where a schedule only judges", "CANDIDATE", "PromotionRefused", "DryRun",
          {"promotion": {"mode": "DryRun"}}),
]  # fmt: skip


@pytest.mark.parametrize("case", ASKED, ids=attrgetter("name"))
def test_a_shadow_test_by_request(case: Asked) -> None:
    others = [ended("btc-2", "SHADOW", shadow={"since": b.stamp(b.NOW)})] if case.tested else []
    world = World.of(ended("btc-1", case.stands), *others, **case.schedule)
    world.ask("btc-1", "SHADOW")
    world.settle()
    outcome, message = world.outcome("btc-1")
    assert (outcome, case.says in message) == (case.outcome, True), message
    begun = case.outcome == "ShadowStarted"
    assert (world.stages()["btc-1"] == "SHADOW") is begun
