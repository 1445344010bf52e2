"""Finished Jobs, which go with their pods and keys once what came of them is stored."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.planning.evaluations import Evaluation, recorded
from clm_operator.snapshot import Job, ScheduleObject, Snapshot, owner_uid


def finished_jobs(
    snapshot: Snapshot, schedule: ScheduleObject, spec: TrainingScheduleSpec, latest: Evaluation
) -> tuple[Job, ...]:
    """Return the finished Jobs whose time is over: all of them where a quota needs their place."""
    limit = _limit(snapshot, spec)
    over = _stored(snapshot, schedule, latest)
    return tuple(job for job, since in over if since + limit <= snapshot.now)


def tidied_at(
    snapshot: Snapshot, schedule: ScheduleObject, spec: TrainingScheduleSpec, latest: Evaluation
) -> tuple[datetime, ...]:
    """Return when finished Jobs go."""
    limit = _limit(snapshot, spec)
    return tuple(since + limit for _, since in _stored(snapshot, schedule, latest))


def _limit(snapshot: Snapshot, spec: TrainingScheduleSpec) -> timedelta:
    seconds = 0 if short_of_room(snapshot) else spec.job.ttl_seconds_after_finished
    return timedelta(seconds=seconds)


def short_of_room(snapshot: Snapshot) -> bool:
    """Whether a quota keeps a Job of the namespace, its pod or its keys from being made."""
    jobs = (*snapshot.jobs.values(), *snapshot.evaluations.values())
    podless = any(not job.finished and "exceeded quota" in job.warning for job in jobs)
    return snapshot.quota_short or podless


def _stored(
    snapshot: Snapshot, schedule: ScheduleObject, latest: Evaluation
) -> Iterator[tuple[Job, datetime]]:
    """Yield the finished Jobs whose outcome is stored, and since when."""
    for version in snapshot.versions:
        job = snapshot.jobs.get(version.name)
        if version.terminal and job and job.finished and owner_uid(job.raw) == version.uid:
            yield job, version.status.completion_time or version.created
    status = latest.status
    if status is None or status.completion_time is None or not recorded(schedule, latest):
        return
    newest = snapshot.evaluations.get(status.name)
    if newest is not None and newest.finished:
        yield newest, status.completion_time
