"""When replays are due, and which version in production they follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from clm_api.model_version import Phase
from clm_api.replay import Contender
from clm_api.schedule_status import ReplayStatus, TrainingScheduleStatus
from clm_api.timing import duration, floor_to
from clm_operator.mirror.objects import Job, ScheduleObject
from clm_operator.replays.job import task_of


def champion_of(status: TrainingScheduleStatus) -> Contender | None:
    """Return the version in production."""
    if (production := status.production) is None:
        return None
    return Contender(
        version=production.version,
        uri=production.artifact.uri,
        sha256=production.artifact.sha256,
        since=production.since,
    )


def replay_step(schedule: ScheduleObject) -> timedelta | None:
    """Return the time between two replays; None where the spec can't be read."""
    return None if schedule.spec is None else duration(schedule.spec.monitoring.interval)


def newest_slot(schedule: ScheduleObject, step: timedelta, now: datetime) -> datetime:
    """Return the newest slot up to now.

    Slots lie one ``monitoring.interval`` apart; the schedule's creation is the first one.
    """
    anchor = floor_to(schedule.created, 60)
    return anchor + max((now - anchor) // step, 0) * step


_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Slots:
    """When replays fall.

    Parameters
    ----------
    newest
        The newest slot up to now.
    following
        The next one.
    first_look
        The slot at which a version that has just come into production is looked at, whether a bar
        has closed or not: its positions are wanted at once. None once a replay was told of it.
    """

    newest: datetime | None = None
    following: datetime | None = None
    first_look: datetime | None = None


def slots_of(
    schedule: ScheduleObject,
    latest: ReplayStatus | None,
    jobs: Mapping[str, Job],
    now: datetime,
) -> Slots:
    """Return when replays fall.

    Parameters
    ----------
    latest, jobs
        The newest replay, and the Jobs of replays by name.
    """
    step = replay_step(schedule)
    if step is None:
        return Slots()
    regular = newest_slot(schedule, step, now)
    first = _first_look(schedule, latest, jobs)
    if first is not None and first < regular:
        first = None  # the regular slot looks at it
    if first is None:
        return Slots(regular, regular + step)
    if first > now:
        return Slots(regular, min(regular + step, first), first)
    return Slots(max(regular, first), regular + step, first)


def _first_look(
    schedule: ScheduleObject, latest: ReplayStatus | None, jobs: Mapping[str, Job]
) -> datetime | None:
    """Return the minute of the promotion, or the next one if an earlier replay has its name.

    One whose Job can't be made yet is tried again.
    """
    production = schedule.status.production
    if production is None:
        return None
    minute = floor_to(production.since, 60)
    if latest is None or latest.slot < minute:
        return minute
    waits = latest.phase is Phase.PENDING and latest.slot <= minute + _MINUTE
    if waits:
        return latest.slot
    told = _told(jobs.get(latest.name))
    if latest.slot > minute or told == (production.version, production.since):
        return None
    return minute + _MINUTE


def _told(job: Job | None) -> tuple[str, datetime] | None:
    """Return which version in production a replay was told of, and since when it was there."""
    task = None if job is None else task_of(job)
    return (task.champion.version, task.champion.since) if task and task.champion else None
