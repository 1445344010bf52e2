"""Many schedules come due in one minute."""

import math
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.scale.audit import Request
from bench.scale.lag import Lag
from bench.scale.meter import Reading
from bench.scale.schedules import next_minute, set_slot, sleep_until
from bench.scale.subject import Subject
from bench.scale.world import JOBS, VERSIONS, WRITES_PER_S, World

Raw = dict[str, Any]
LEAD = timedelta(seconds=15)
"""The count begins so long before the slot: what is done for it beforehand belongs to it."""
_LOOK_S = 0.5
_STUCK_S = 30.0


def burst(
    subject: Subject,
    due: Sequence[str],
    ready_in_s: float,
    limit_s: float,
    lead: timedelta = LEAD,
) -> Raw:
    """Let schedules come due; count until all has been written.

    Parameters
    ----------
    ready_in_s
        How long the operator may take to see the changed schedules.
    lead
        How long before the slot the count begins.
    """
    slot = next_minute(subject.now() + lead + timedelta(seconds=ready_in_s))
    edit = subject.reading()
    set_slot(subject.world, due, slot)
    left_s = (slot - lead - subject.now()).total_seconds()
    seen, rested = subject.rested(0, max(left_s, 1))
    found: Raw = {"edit": subject.used(edit, seen) | {"rested": rested}}
    sleep_until(slot - lead, subject.now())
    before, lag = subject.reading(), Lag(subject.process.port)
    sleep_until(slot, subject.now())
    _jobs_made(subject, before, len(due), limit_s)
    end, settled = subject.settled(limit_s)
    at = (slot - subject.ahead).timestamp()
    found |= subject.used(before, end) | {"settled": settled, "lag_s": lag.end()}
    found |= _lateness(subject.requests(before), at)
    found |= _kept(subject.world, due, slot)
    found["per_slot"] = per_slot(found, len(due))
    return found


def _jobs_made(subject: Subject, before: Reading, wanted: int, limit_s: float) -> None:
    end, seen, grew = time.monotonic() + limit_s, 0, time.monotonic()
    while seen < wanted and time.monotonic() < min(end, grew + _STUCK_S):
        time.sleep(_LOOK_S)
        made = sum(request.made("jobs") for request in subject.requests(before))
        if made > seen:
            seen, grew = made, time.monotonic()


def per_slot(found: Raw, slots: int) -> Raw:
    """Divide what was used by the number of slots."""
    return {
        "operator_cpu_ms": round(found["operator_cpu_s"] / slots * 1000, 2),
        "apiserver_cpu_ms": round(found["kube-apiserver_cpu_s"] / slots * 1000, 2),
        "requests": round(found["requests"] / slots, 2),
        "writes": round(found["writes"] / slots, 2),
    }


def _lateness(requests: Sequence[Request], slot: float) -> Raw:
    """How late the Jobs came, and how late the budget of writes lets the last one be."""
    jobs = [r.at for r in requests if r.made("jobs") and r.at >= slot]
    found: Raw = {"jobs_late_s": quantiles([at - slot for at in jobs])}
    if jobs:
        writes = sum(r.writes and slot <= r.at <= max(jobs) for r in requests)
        found["budget_s"] = round(max(writes - WRITES_PER_S, 0) / WRITES_PER_S, 2)
    return found


def quantiles(values: Sequence[float]) -> Raw:
    """Count, median, 99th percentile and maximum, by nearest rank."""
    if not values:
        return {"count": 0}
    ranked = sorted(values)
    shares = {"p50": 50, "p99": 99, "max": 100}
    return {"count": len(ranked)} | {name: _rank(ranked, at) for name, at in shares.items()}


def _rank(ranked: Sequence[float], percent: int) -> float:
    return round(ranked[math.ceil(percent / 100 * len(ranked)) - 1], 3)


def _kept(world: World, due: Sequence[str], slot: datetime) -> Raw:
    """How many slots have no version or no Job, and how many versions and Jobs are too many."""
    stamp = slot.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    versions = {
        item["metadata"]["uid"]: item["spec"]["scheduleRef"]["name"]
        for item in world.admin.items(VERSIONS)
        if item["spec"].get("slot") == stamp
    }
    jobs = Counter(
        owner["uid"]
        for item in world.admin.items(JOBS)
        for owner in item["metadata"].get("ownerReferences", ())
        if owner["uid"] in versions
    )
    served = {name for uid, name in versions.items() if jobs[uid]}
    surplus = sum(count - 1 for count in Counter(versions.values()).values())
    surplus += sum(count - 1 for count in jobs.values())
    return {"lost": len(set(due) - served), "doubled": surplus}
