"""Two operators at once: what they double, lose and leave behind."""

import os
import signal
import time
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.ports import eventually

from bench.scale import schedules
from bench.scale.audit import OPERATOR, SECOND, counted
from bench.scale.meter import Reading, total
from bench.scale.player import Player
from bench.scale.progress import say
from bench.scale.subject import Subject, running
from bench.scale.world import EVENTS, JOBS, NAMESPACE, SCHEDULES, VERSIONS, World

Raw = dict[str, Any]
_POD_S, _SAYS_S, _LIMIT_S = 4.0, 1.0, 240.0
_AFTER_THE_SLOT = timedelta(seconds=1)
_BY_HAND = ("again-0", "again-1")
"""Two more runs of each, so that retention removes the older ones."""


def twins(repo: Path, count: int, credentials: str, *, stopped: bool) -> Raw:
    """Let two operators run through a slot and two runs by hand of every schedule.

    Parameters
    ----------
    stopped
        The first is frozen across the slot and wakes when the second has done the work.
    """
    with World(repo) as world, ExitStack() as ends:
        ends.enter_context(Player(world, _POD_S, _SAYS_S))
        wanted = schedules.names(0, count)
        schedules.create(world, wanted, retention={"successfulRuns": 1, "failedRuns": 0})
        pair = [
            ends.enter_context(running(world, user=user, credentials=credentials))
            for user in (OPERATOR, SECOND)
        ]
        for subject in pair:
            subject.rested(0, _LIMIT_S)
        before = pair[0].reading()
        _through_a_slot(pair[0], wanted, stopped=stopped)
        for token in _BY_HAND:
            schedules.ask(world, wanted, token)
            eventually(partial(_ended, world, count, token), f"runs {token}", _LIMIT_S)
        for subject in pair:
            subject.settled(_LIMIT_S)
        found = _objects(world) | _requests(pair, before)
        say(f"two operators, {count} schedules: {found}")
        return found


def _through_a_slot(first: Subject, wanted: list[str], *, stopped: bool) -> None:
    ahead = timedelta(seconds=len(wanted) * 0.15 + 5)
    slot = schedules.next_minute(first.now() + ahead)
    schedules.set_slot(first.world, wanted, slot)
    schedules.sleep_until(slot + _AFTER_THE_SLOT, first.now())
    with ExitStack() as thaw:
        if stopped:
            os.kill(first.pid, signal.SIGSTOP)
            thaw.callback(os.kill, first.pid, signal.SIGCONT)
        eventually(partial(_ended, first.world, len(wanted)), "the slot's runs", _LIMIT_S)
    time.sleep(15 if stopped else 0)


def _ended(world: World, count: int, token: str | None = None) -> bool:
    found = [item.get("status", {}) for item in world.admin.items(SCHEDULES)]
    done = [
        status
        for status in found
        if status.get("lastRun", {}).get("phase") == "Succeeded"
        and not status.get("active")
        and token in (None, status.get("lastRunToken"))
    ]
    return len(done) == count


def _objects(world: World) -> Raw:
    """What lies in the cluster and the store."""
    versions = list(world.admin.items(VERSIONS))
    alive = {v["metadata"]["uid"] for v in versions}
    jobs = Counter(j["metadata"]["ownerReferences"][0]["uid"] for j in world.admin.items(JOBS))
    told = Counter(
        (e["involvedObject"]["uid"], e["reason"], e["message"])
        for e in world.admin.items(EVENTS)
        if e["source"].get("component") == "clm-operator"
    )
    runs = world.minio.keys(NAMESPACE, "runs/")
    written = {key.split("/")[3] for key in runs if key.endswith("/manifest.json")}
    listed = list(world.admin.items(SCHEDULES))
    statuses = [item["status"] for item in listed]
    owners = Counter(v["spec"]["scheduleRef"]["name"] for v in versions)
    return {
        "versions": len(versions),
        "schedules_by_versions": dict(Counter(owners.values())),
        "versions_with_several_jobs": sum(number > 1 for number in jobs.values()),
        "events_told_twice": sum(number > 1 for number in told.values()),
        "versions_without_manifest": sorted(alive - written),
        "deleted_runs_left": len({key.split("/")[3] for key in runs} - alive),
        "tombstones_left": len(world.minio.keys(NAMESPACE, "tombstones/")),
        "schedules_by_tries": dict(Counter(s["trials"]["total"] for s in statuses)),
        "skipped_slots": sum(len(s.get("skipped", [])) for s in statuses),
    }


def _requests(pair: list[Subject], before: Reading) -> Raw:
    found: Raw = {}
    for subject in pair:
        mine = subject.requests(before)
        found[subject.user] = {
            "requests": len(mine),
            "writes": counted(request for request in mine if request.writes),
            "runs_counted": total(subject.metrics(), "clm_runs_total"),
        }
    return found
