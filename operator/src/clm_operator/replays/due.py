"""When replays are due, and which version in production they follow."""

from datetime import datetime, timedelta

from clm_api.replay import Contender
from clm_api.schedule_status import TrainingScheduleStatus
from clm_api.timing import duration, floor_to
from clm_operator.mirror.objects import ScheduleObject


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
