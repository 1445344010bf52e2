"""When the version in production is stale: by its age, by its bars, and when that is looked at."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest

from tests.operator.units import builders as b
from tests.operator.units.test_replays import HOUR, producing
from tests.operator.units.test_shadow import IN_PRODUCTION
from tests.operator.units.test_watched import condition, look
from tests.operator.units.world import World, ended

DAY = timedelta(days=1)
MONTH = {"expiresAfter": "30d"}


def trained(ago: timedelta, **spec: Any) -> World:
    """A version in production since now, that was trained until some time ago."""
    until = b.stamp(b.NOW - ago)
    version = ended("btc-0", "PRODUCTION", trainedUntil=until)
    return World.of(version, status=IN_PRODUCTION, **spec)


@dataclass(frozen=True)
class Age:
    name: str
    stale: bool
    after: timedelta
    trained: timedelta = timedelta(0)
    monitoring: dict[str, Any] = field(default_factory=lambda: dict(MONTH))


AGES = [
    Age("a minute before", stale=False, after=30 * DAY - timedelta(minutes=1)),
    Age("at the moment", stale=True, after=30 * DAY),
    Age("its age counts from its newest bar, not from its promotion", stale=True, after=10 * DAY,
        trained=20 * DAY),
    Age("it never expires unless somebody says so", stale=False, after=300 * DAY, monitoring={}),
]  # fmt: skip


@pytest.mark.parametrize("case", AGES, ids=attrgetter("name"))
def test_a_version_is_stale_by_its_age(case: Age) -> None:
    world = trained(case.trained, monitoring=case.monitoring)
    world.now += case.after
    world.settle()
    wanted = ("True", "Stale") if case.stale else ("False", "Fresh")
    assert condition(world, "Stale") == wanted


def test_the_operator_wakes_when_a_version_expires() -> None:
    world = trained(timedelta(0), monitoring={"expiresAfter": "1h"})
    look(world, 0)
    assert world.plan().wake_at == b.NOW + HOUR
    world.now = b.NOW + HOUR
    told = [(one.type, one.reason, one.event) for one in b.told(world.plan())]
    assert told == [("Warning", "Stale", "stale.changed")]


def test_of_a_deleted_version_the_promotion_counts() -> None:
    world = trained(20 * DAY, monitoring=MONTH)
    world.versions = []
    world.now += 29 * DAY
    world.settle()
    assert condition(world, "Stale") == ("False", "Fresh")
    world.now += DAY
    world.settle()
    assert condition(world, "Stale") == ("True", "Stale")


def live(**more: Any) -> World:
    """A schedule that asks the exchange, whose newest bar closed six hours after its creation."""
    world = producing(data={"refresh": "Auto"}, **more)
    look(world, 0)
    look(world, 6)
    return world


def failing(world: World, hours: int) -> None:
    """Let the replay of that hour fail."""
    world.now = b.NOW + hours * HOUR
    world.settle()
    world.finish(None, failed="BackoffLimitExceeded")
    world.settle()


def test_bars_that_stop_are_stale_after_three_replays_without_one() -> None:
    world, seen = live(), []
    for hours in (12, 18, 24, 30):
        failing(world, hours)
        seen.append(condition(world, "Stale"))
    fresh, stale = ("False", "Fresh"), ("True", "Stale")
    assert seen == [fresh, fresh, fresh, stale]
    look(world, 36)
    assert condition(world, "Stale") == fresh, "they go on"


def test_stored_bars_that_nobody_refreshes_are_never_stale() -> None:
    world = producing(data={"refresh": "Never"})
    for hours in (6, 12, 18, 24, 30, 36):
        failing(world, hours)
    assert condition(world, "Stale") == ("False", "Fresh")


def test_an_operator_that_was_away_waits_for_its_replay() -> None:
    world = live()
    world.now = b.NOW + 10 * DAY
    world.settle()
    assert condition(world, "Stale") == ("False", "Fresh")
    world.finish(b.replayed(world.tasks[-1]))
    world.settle()
    assert condition(world, "Stale") == ("False", "Fresh")


def test_it_does_not_wait_for_ever() -> None:
    world = live(job={"pendingDeadlineSeconds": 86400})
    world.now = b.NOW + 10 * DAY
    world.settle()
    assert world.plan().wake_at is not None
    world.now += 6 * HOUR
    world.settle()
    assert condition(world, "Stale") == ("True", "Stale")


def unfollowed(world: World) -> None:
    world.schedule["spec"] |= {"schedule": "61 * * * *", "interval": None}


def deleted(world: World) -> None:
    world.versions = []


@pytest.mark.parametrize(
    "happens",
    [unfollowed, deleted],
    ids=["of a spec that is not followed", "of a version that is gone"],
)
def test_bars_that_nobody_can_look_at_have_stopped(happens: Callable[[World], None]) -> None:
    world = live()
    happens(world)
    world.now = b.NOW + 24 * HOUR
    world.settle()
    assert condition(world, "Stale") == ("False", "Fresh")
    world.now += 6 * HOUR
    world.settle()
    assert condition(world, "Stale") == ("True", "Stale")
