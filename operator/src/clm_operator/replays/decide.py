"""What a round does about replays: the Job that is due, keys for one, those that go."""

from dataclasses import dataclass
from datetime import datetime

from clm_api.schedule_status import ReplayStatus
from clm_operator.facts import Facts
from clm_operator.findings import Latest
from clm_operator.mirror.objects import Job
from clm_operator.replays.due import abandoned, due, impossible, next_at, of_job
from clm_operator.replays.job import DueReplay
from clm_operator.settings import CredentialsMode


@dataclass(frozen=True)
class Lacking:
    """A replay's Job whose pod waits for its keys."""

    replay: DueReplay
    job: Job


@dataclass(frozen=True)
class Replays:
    """What a round does about replays.

    Parameters
    ----------
    status
        Of the newest one.
    begin
        To be made.
    lend
        Waits for its keys.
    over
        Jobs that nobody needs.
    wakes
        When to look again.
    """

    status: ReplayStatus | None
    begin: DueReplay | None
    lend: Lacking | None
    over: tuple[Job, ...]
    wakes: tuple[datetime, ...]


def replays_of(facts: Facts, latest: Latest, *, moving: bool) -> Replays:
    """Decide from what became of the newest replay.

    Parameters
    ----------
    moving
        Whether another version is about to be in production or on trial: nothing is due then.
    """
    wanted = None if moving else due(facts, latest)
    why = impossible(facts, wanted, latest) if wanted is not None else abandoned(facts, latest)
    status = why or latest.status
    name = status.name if status else ""
    waits = latest.runs or name in facts.barred
    slot, goes = next_at(facts), facts.left_alone.get(name)
    wakes = (slot, goes, facts.again.get(name, facts.soon) if waits else None)
    return Replays(
        status=status,
        begin=wanted if why is None else None,
        lend=_lacking(facts, latest),
        over=_over(facts, latest),
        wakes=tuple(at for at in wakes if at is not None),
    )


def _lacking(facts: Facts, latest: Latest) -> Lacking | None:
    """Return the running replay if the kubelet says that its pod lacks something."""
    if latest.status is None or not latest.runs:
        return None
    name, lends = latest.status.name, facts.settings.store.credentials
    state = facts.states.get(name)
    if lends is not CredentialsMode.PER_RUN or state is None or not state.keyless:
        return None
    told = None if name in facts.barred else of_job(facts, state.job)
    return None if told is None else Lacking(told, state.job)


def _over(facts: Facts, latest: Latest) -> tuple[Job, ...]:
    """Return all Jobs but the newest, and it if it works in vain; none before that is stored."""
    status = latest.status
    if status != facts.schedule.status.replay:
        return ()
    name = status.name if status else ""
    goes = facts.left_alone.get(name)
    vain = goes is not None and goes <= facts.now
    return tuple(job for job in facts.replays.values() if job.name != name or vain)
