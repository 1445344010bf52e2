"""What goes wrong for a schedule, in figures: from its view, so that no restart loses one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from clm_api.model_version import Phase
from clm_api.queueing import QueueState, QueueStatus
from clm_api.reasons import Reason
from clm_operator.mirror.objects import ScheduleObject, Version
from clm_operator.stages.requests import is_missing

Versions = tuple[Version, ...]
NOT_MISSED = (Reason.CONCURRENCY_FORBIDDEN,)
"""Why a slot is skipped as its schedule wants it."""


def production_missing(schedule: ScheduleObject, versions: Versions) -> float:
    """Return whether the version in production was deleted."""
    return float(is_missing(schedule.status.production, versions))


def production_halted(schedule: ScheduleObject, _: Versions) -> float:
    """Return whether production was emptied, by a person or by a rule."""
    return float(schedule.status.halted is not None)


def slot_missed(schedule: ScheduleObject, _: Versions) -> float | None:
    """Return when a slot was last put on record as missed."""
    times = (s.at for s in schedule.status.skipped if s.reason not in NOT_MISSED)
    return max((at.timestamp() for at in times if at is not None), default=None)


def waiting_since(schedule: ScheduleObject, versions: Versions) -> float | None:
    """Return since when the oldest run that has not begun yet waits: for a queue, quota or node.

    A replay whose Job can't be made waits from its slot on; what was preempted, from then on.
    """
    status, replay = schedule.status, schedule.status.replay
    since = [_waits_since(v) for v in versions if v.status.phase is Phase.PENDING]
    since += [held.since for held in status.held]
    if replay is not None and replay.phase is Phase.PENDING:
        since.append(replay.slot)
    if replay is not None and replay.phase is Phase.RUNNING and _is_put_back(replay.queue):
        since.append(replay.slot)
    return min((at.timestamp() for at in since), default=None)


def _waits_since(version: Version) -> datetime:
    queue = version.status.queue
    begun = version.status.start_time is not None
    return queue.since if begun and queue is not None else version.created


def _is_put_back(queue: QueueStatus | None) -> bool:
    return queue is not None and queue.state is not QueueState.ADMITTED


def exchange_banned(schedule: ScheduleObject, versions: Versions) -> float:
    """Return whether the newest run, or the newest replay, met a ban of the exchange.

    A run that is tried again says so until it ends otherwise.
    """
    replay = schedule.status.replay
    if replay is not None and replay.reason == Reason.EXCHANGE_BANNED:
        return 1.0
    for version in reversed(versions):
        if version.status.reason == Reason.EXCHANGE_BANNED:
            return 1.0
        if version.terminal:
            break
    return 0.0


@dataclass(frozen=True)
class Trouble:
    """A figure of a schedule and its versions: its name, what it says, and how it is found."""

    name: str
    says: str
    of: Callable[[ScheduleObject, Versions], float | None]


TROUBLES = (
    Trouble(
        "clm_production_version_missing",
        "1 where the version in production was deleted, else 0.",
        production_missing,
    ),
    Trouble(
        "clm_production_halted",
        "1 while production is empty because it was emptied, else 0.",
        production_halted,
    ),
    Trouble(
        "clm_slot_missed_timestamp_seconds",
        "Unix time at which a slot was last put on record as missed.",
        slot_missed,
    ),
    Trouble(
        "clm_run_waiting_since_timestamp_seconds",
        "Unix time since which the oldest run that has not begun waits.",
        waiting_since,
    ),
    Trouble(
        "clm_exchange_banned",
        "1 while the newest run or replay says that the exchange bans its address, else 0.",
        exchange_banned,
    ),
)
