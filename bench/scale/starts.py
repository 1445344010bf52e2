"""What a start costs, and what an operator costs that has nothing to do."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from bench.scale.lag import Lag
from bench.scale.meter import Reading
from bench.scale.subject import Subject, running
from bench.scale.world import WRITES_PER_S, World

Raw = dict[str, Any]


@contextmanager
def started(
    world: World, least: int, limit_s: float, ahead: timedelta = timedelta(0)
) -> Iterator[tuple[Subject, Raw]]:
    """An operator while a block runs, and what it did from its start until its rest."""
    before = world.reading(0)
    with running(world, ahead=ahead) as subject:
        lag = Lag(subject.process.port)
        rest, reached = subject.rested(least, limit_s)
        found = subject.used(before, rest)
        found |= {"reached": reached, "lag_s": lag.end()} | _writing(subject, before, rest)
        yield subject, found


def _writing(subject: Subject, before: Reading, rest: Reading) -> Raw:
    """How long its writes took, against what the budget allows them at the fastest."""
    log = subject.world.audit.read()[before.requests : rest.requests]
    times = [r.at for r in log if r.user == subject.user and r.writes]
    if not times:
        return {}
    least = (len(times) - WRITES_PER_S) / WRITES_PER_S
    return {"writing_s": round(times[-1] - times[0], 2), "budget_s": round(max(least, 0), 2)}


def idle(subject: Subject, seconds: float) -> Raw:
    """What it costs while nothing is due; nobody asks for its metrics meanwhile."""
    before = subject.reading()
    time.sleep(seconds)
    found = subject.used(before, subject.reading())
    found["cpu_percent"] = round(found["operator_cpu_s"] / found["wall_s"] * 100, 2)
    return found | {"scrape_cpu_s": _scrape(subject)}


def _scrape(subject: Subject) -> float:
    before = subject.reading()
    subject.metrics()
    return float(subject.used(before, subject.reading())["operator_cpu_s"])
