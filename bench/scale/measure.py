"""All figures of one size."""

from pathlib import Path
from typing import Any

from bench.scale import schedules
from bench.scale.bursts import burst
from bench.scale.progress import say
from bench.scale.runs import ended, one_run, polled
from bench.scale.starts import idle, started
from bench.scale.subject import Subject
from bench.scale.world import World

Raw = dict[str, Any]
PARTS = ("idle", "run", "burst", "poll", "crowd")
"""What can be left out; every size has a first start and a restart."""
BURST, ACTIVE, CROWD = 100, 50, 1000
_IDLE_S, _POLL_S = 75.0, 60.0
_ROUNDS_AN_EDIT = 3.5
_EDIT_S = 0.04
"""A changed schedule costs a write or two, and the budget allows 50 a second."""


def measure(repo: Path, count: int, parts: set[str], limit_s: float) -> Raw:
    """Measure one size in a world of its own; what is not reached ends it."""
    found: Raw = {}
    with World(repo) as world:
        schedules.create(world, schedules.names(0, count))
        say(f"{count} schedules made")
        with started(world, count, limit_s) as (_, first):
            found["first"] = first
        say(f"{count} schedules, first start", first)
        if not first["reached"]:
            return found
        with started(world, count, limit_s) as (subject, restart):
            found["restart"] = restart
            say(f"{count} schedules, restart", restart)
            if restart["reached"]:
                _measure(subject, found, count, parts, limit_s)
    return found


def _measure(subject: Subject, found: Raw, count: int, parts: set[str], limit_s: float) -> None:
    pace_s: float = found["restart"]["wall_s"] / count

    def ready_in_s(due: int) -> float:
        return 20 + due * max(pace_s * _ROUNDS_AN_EDIT, _EDIT_S)

    def note(part: str, figures: Raw) -> None:
        found[part] = figures
        say(f"{count} schedules, {part}", figures)

    if "idle" in parts:
        note("idle", idle(subject, _IDLE_S))
    if "run" in parts:
        note("run", one_run(subject, schedules.name_of(0), limit_s))
    due = schedules.names(1, min(BURST + 1, count)) or schedules.names(0, 1)
    if "burst" in parts:
        note("burst", burst(subject, due, ready_in_s(len(due)), limit_s))
    if "poll" in parts and "burst" in parts:
        note("poll", polled(subject, due[:ACTIVE], _POLL_S, limit_s))
    if "crowd" in parts and count >= CROWD:
        ended(subject, limit_s)
        crowd = schedules.names(count - CROWD, count)
        note("crowd", burst(subject, crowd, ready_in_s(CROWD), limit_s))
