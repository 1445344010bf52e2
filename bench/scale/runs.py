"""What a run costs from its request to its verdict, and what it costs to follow many of them."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.support.ports import eventually

from bench.scale.lag import Lag
from bench.scale.player import Player
from bench.scale.schedules import ask
from bench.scale.subject import Subject
from bench.scale.world import SCHEDULES, VERSIONS

Raw = dict[str, Any]
_POD_S, _SAYS_S = 12.0, 4.0
_TOKEN = "by-hand"
_STORE_DELAY_S = 11.0
"""MinIO's figures are so old at most."""


def one_run(subject: Subject, name: str, limit_s: float) -> Raw:
    """Measure a run by hand whose pod takes 12 s, from its annotation to the last write."""
    world, path = subject.world, f"{SCHEDULES}/{name}"

    def verdict() -> Raw | None:
        status = world.admin.get(path).get("status", {})
        last: Raw = status.get("lastRun", {})
        mine = status.get("lastRunToken") == _TOKEN and not status.get("active")
        return last if mine and last.get("phase") in ("Succeeded", "Failed") else None

    with Player(world, _POD_S, _SAYS_S):
        before = subject.reading()
        ask(world, [name], _TOKEN)
        last = eventually(verdict, f"verdict of {name}", limit_s)
        end, settled = subject.settled(limit_s)
    found = subject.used(before, end)
    return found | {"settled": settled, "phase": last["phase"], "stage": last.get("stage")}


def polled(subject: Subject, active: Sequence[str], seconds: float, limit_s: float) -> Raw:
    """Let these schedules' pods run and say nothing new, fail all others; measure the polls."""
    world, kept = subject.world, set(active)

    def only_these_run() -> bool:
        phases = Counter(v.get("status", {}).get("phase") for v in world.admin.items(VERSIONS))
        return phases["Running"] == len(kept) and not phases["Pending"] and not phases[None]

    with Player(world, None, None, kept.__contains__):
        eventually(only_these_run, f"{len(kept)} runs are active", limit_s)
        subject.settled(limit_s)
        time.sleep(_STORE_DELAY_S)
        rounds, stored, lag = subject.rounds(), world.stored(), Lag(subject.process.port)
        before = subject.reading()
        time.sleep(seconds)
        found = subject.used(before, subject.reading())
        found["lag_s"] = lag.end()
        polls = max(subject.rounds() - rounds, 1)
    read = sum(count - stored.get(name, 0) for name, count in world.stored().items())
    return found | {
        "active": len(kept),
        "polls": polls,
        "cpu_percent": round(found["operator_cpu_s"] / found["wall_s"] * 100, 1),
        "store_requests_a_poll": round(read / polls, 2),
    }


def ended(subject: Subject, limit_s: float) -> None:
    """Let all pods fail and wait until nothing is active."""
    world = subject.world

    def none_active() -> bool:
        phases = Counter(v.get("status", {}).get("phase") for v in world.admin.items(VERSIONS))
        return phases.keys() <= {"Succeeded", "Failed"}

    with Player(world, None, None, lambda _: False):
        eventually(none_active, "no run is active", limit_s)
    subject.settled(limit_s)
