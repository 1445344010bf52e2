"""Schedules by number, and the times at which they come due."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.schedules import schedule

from bench.scale.admin import Call
from bench.scale.world import NAMESPACE, SCHEDULES, World

_FAR = timedelta(hours=11)
"""No slot while the bench runs."""


def name_of(number: int) -> str:
    """A schedule's name."""
    return f"s-{number:05d}"


def names(start: int, stop: int) -> list[str]:
    """The names of a range of schedules."""
    return [name_of(number) for number in range(start, stop)]


def cron(at: datetime) -> str:
    """The cron line of a daily slot."""
    return f"{at.minute} {at.hour} * * *"


def create(world: World, wanted: Iterable[str], **overrides: Any) -> None:
    """Create schedules that are due in 11 hours."""
    far = cron(datetime.now(UTC) + _FAR)
    spec: dict[str, Any] = {"interval": None, "schedule": far, "runOnCreate": False} | overrides
    world.admin.all(Call("POST", SCHEDULES, schedule(n, NAMESPACE, **spec)) for n in wanted)


def set_slot(world: World, wanted: Sequence[str], at: datetime) -> None:
    """Let schedules come due at an instant."""
    body = {"spec": {"schedule": cron(at)}}
    world.admin.all(Call("PATCH", f"{SCHEDULES}/{name}", body) for name in wanted)


def ask(world: World, wanted: Sequence[str], token: str) -> None:
    """Ask for a run of each by hand."""
    body = {"metadata": {"annotations": {"clm.dev/run-now": token}}}
    world.admin.all(Call("PATCH", f"{SCHEDULES}/{name}", body) for name in wanted)


def next_minute(after: datetime) -> datetime:
    """The first whole minute after an instant."""
    return after.replace(second=0, microsecond=0) + timedelta(minutes=1)


def sleep_until(at: datetime, now: datetime) -> None:
    """Sleep from ``now`` to an instant of the same clock."""
    time.sleep(max((at - now).total_seconds(), 0))
