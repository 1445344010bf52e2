"""What a round does about replays: the Job that is due, keys for one, those that go."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from clm_api.schedule_status import ReplayStatus
from clm_operator.facts import Facts
from clm_operator.findings import Latest
from clm_operator.jobs.credentials import Grant, regrant
from clm_operator.jobs.manifest import NewJob
from clm_operator.jobs.waiting import lacks_keys, left_until
from clm_operator.mirror.objects import Job
from clm_operator.replays.due import abandoned, due, impossible, models_of, next_at
from clm_operator.replays.job import DueReplay, grant_for, replay_job, task_of
from clm_operator.settings import CredentialsMode


@dataclass(frozen=True)
class Replays:
    """What a round does about replays.

    Parameters
    ----------
    status
        Of the newest one.
    job
        To be made.
    grants
        Keys that its pod waits for.
    superfluous
        Jobs that nobody needs.
    wakes
        When to look again.
    """

    status: ReplayStatus | None
    job: NewJob | None
    grants: tuple[Grant, ...]
    superfluous: tuple[Job, ...]
    wakes: tuple[datetime, ...]


def replays_of(facts: Facts, latest: Latest, *, moving: bool) -> Replays:
    """Decide from what became of the newest replay.

    Parameters
    ----------
    moving
        Whether another version is about to be in production or on trial: nothing is due then.
    """
    wanted = None if moving else due(facts, latest)
    why = impossible(facts, wanted, latest) if wanted is not None else None
    why = why or abandoned(facts, latest)
    job = None
    if wanted is not None and why is None:
        job = replay_job(facts.schedule, wanted, facts.settings, facts.now)
    return Replays(
        status=why or latest.status,
        job=job,
        grants=_keys(facts, latest),
        superfluous=_superfluous(facts, latest),
        wakes=tuple(_wakes(facts, why or latest.status)),
    )


def _keys(facts: Facts, latest: Latest) -> tuple[Grant, ...]:
    """Return the keys of a Job whose kubelet says that its pod lacks something.

    Its task is the one that the Job was told: by now another version may be in production.
    """
    job = facts.replays.get(latest.status.name) if latest.status else None
    if facts.settings.store.credentials is not CredentialsMode.PER_RUN:
        return ()
    if latest.status is None or not latest.runs or job is None or not lacks_keys(job):
        return ()
    task = task_of(job)
    models = models_of(facts, task) if task else ()
    if task is None or not models:
        return ()
    waits = DueReplay(latest.status.name, task, models)
    grant = regrant(grant_for(facts.schedule, waits, facts.settings, facts.now), job)
    return () if grant is None or grant.job in facts.barred else (grant,)


def _superfluous(facts: Facts, latest: Latest) -> tuple[Job, ...]:
    """Return all Jobs but the newest, and it if it works in vain; none before that is stored."""
    status = latest.status
    if status != facts.schedule.status.replay:
        return ()
    goes = _goes_at(facts, status)
    vain = goes is not None and goes <= facts.now
    return tuple(
        job for name, job in facts.replays.items() if status is None or name != status.name or vain
    )


def _goes_at(facts: Facts, status: ReplayStatus | None) -> datetime | None:
    """Return when the Job of the newest replay goes if it has not ended; None if it has."""
    if status is None or status.completion_time is None:
        return None
    job = facts.replays.get(status.name)
    if job is None or job.finished:
        return None
    return left_until(status.completion_time, status.phase, status.reason)


def _wakes(facts: Facts, status: ReplayStatus | None) -> Iterator[datetime]:
    """Yield the next slot, the next look at what works or waits, the end of what is left alone."""
    if (slot := next_at(facts)) is not None:
        yield slot
    if status is None:
        return
    if Latest(status).runs:
        yield facts.soon
    if status.name in facts.barred:
        yield facts.again_at(status.name)
    if (at := _goes_at(facts, status)) is not None:
        yield at
