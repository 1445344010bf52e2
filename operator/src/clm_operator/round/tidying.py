"""Finished Jobs, which go with their pods and keys once what came of them is stored."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from clm_api.job_spec import JobSpec
from clm_api.reasons import Reason
from clm_operator.jobs.waiting import held_up
from clm_operator.mirror.objects import Job, ScheduleObject, owner_uid
from clm_operator.replays.outcome import NewestReplay, recorded
from clm_operator.view import Snapshot


def finished_jobs(
    snapshot: Snapshot, schedule: ScheduleObject, latest: NewestReplay
) -> tuple[Job, ...]:
    """Return the finished Jobs whose time is over: all of them where a quota needs their place."""
    limit = _limit(snapshot, schedule)
    over = _stored(snapshot, schedule, latest)
    return tuple(job for job, since in over if since + limit <= snapshot.now)


def tidied_at(
    snapshot: Snapshot, schedule: ScheduleObject, latest: NewestReplay
) -> tuple[datetime, ...]:
    """Return when finished Jobs go."""
    limit = _limit(snapshot, schedule)
    return tuple(since + limit for _, since in _stored(snapshot, schedule, latest))


def _limit(snapshot: Snapshot, schedule: ScheduleObject) -> timedelta:
    """Return how long a finished Job stays; one of a spec that can't be read, by default."""
    job = schedule.spec.job if schedule.spec else JobSpec()
    seconds = 0 if short_of_room(snapshot) else job.ttl_seconds_after_finished
    return timedelta(seconds=seconds)


def short_of_room(snapshot: Snapshot) -> bool:
    """Whether a quota keeps a Job of the namespace, its pod or its keys from being made."""
    jobs = (*snapshot.jobs.values(), *snapshot.replays.values())
    return snapshot.quota_short or any(pod_refused_by_quota(job) for job in jobs)


def pod_refused_by_quota(job: Job) -> bool:
    """Whether a quota keeps the Job's pod from being made."""
    waits = not (job.finished or job.suspended or job.pods)
    return waits and held_up(job).reason == Reason.QUOTA_PENDING


def _stored(
    snapshot: Snapshot, schedule: ScheduleObject, latest: NewestReplay
) -> Iterator[tuple[Job, datetime]]:
    """Yield the finished Jobs whose outcome is stored, and since when."""
    for version in snapshot.versions:
        job = snapshot.jobs.get(version.name)
        if version.terminal and job and job.finished and owner_uid(job.raw) == version.uid:
            yield job, version.status.completion_time or version.created
    status = latest.status
    if status is None or status.completion_time is None or not recorded(schedule, latest):
        return
    newest = snapshot.replays.get(status.name)
    if newest is not None and newest.finished:
        yield newest, status.completion_time
