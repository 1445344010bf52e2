"""Finished Jobs, which go with their pods and keys once what came of them is stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from clm_api.job_spec import JobSpec
from clm_api.reasons import Reason
from clm_operator.facts import Facts
from clm_operator.findings import Latest
from clm_operator.jobs.waiting import held_up
from clm_operator.mirror.objects import Job, owner_uid
from clm_operator.view import View


@dataclass(frozen=True)
class Tidied:
    """Finished Jobs whose time is over, and when that of others is."""

    over: tuple[Job, ...]
    wakes: tuple[datetime, ...]


def tidied(facts: Facts, latest: Latest) -> Tidied:
    """Return which finished Jobs go, and when: all of them where a quota needs their place."""
    limit = _limit(facts)
    goes = [(job, since + limit) for job, since in _stored(facts, latest)]
    over = tuple(job for job, at in goes if at <= facts.now)
    return Tidied(over, tuple(at for _, at in goes))


def _limit(facts: Facts) -> timedelta:
    """Return how long a finished Job stays; one of a spec that can't be read, by default."""
    job = facts.schedule.spec.job if facts.schedule.spec else JobSpec()
    seconds = 0 if facts.short_of_room else job.ttl_seconds_after_finished
    return timedelta(seconds=seconds)


def short_of_room(view: View) -> bool:
    """Whether a quota keeps a Job of the namespace, its pod or its keys from being made."""
    jobs = (*view.jobs.values(), *view.replays.values())
    return view.quota_short or any(pod_refused_by_quota(job) for job in jobs)


def pod_refused_by_quota(job: Job) -> bool:
    """Whether a quota keeps the Job's pod from being made."""
    waits = not (job.finished or job.suspended or job.pods)
    return waits and held_up(job).reason == Reason.QUOTA_PENDING


def _stored(facts: Facts, latest: Latest) -> Iterator[tuple[Job, datetime]]:
    """Yield the finished Jobs whose outcome is stored, and since when."""
    for version in facts.ended:
        job = facts.jobs.get(version.name)
        if job and job.finished and owner_uid(job.raw) == version.uid:
            yield job, version.status.completion_time or version.created
    status = latest.status
    if status is None or status.completion_time is None:
        return
    newest = facts.replays.get(status.name)
    if newest is not None and newest.finished and status == facts.schedule.status.replay:
        yield newest, status.completion_time
