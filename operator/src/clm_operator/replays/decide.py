"""What a round does about replays: the Job that is due, keys for one, those that go.

A Job is named after its slot, so making it decides that the slot happened.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from clm_api.model_version import Phase
from clm_api.reasons import Reason
from clm_api.replay import Contender, ReplayTask
from clm_api.schedule_status import ReplayStatus
from clm_api.timing import TIMEFRAME_SECONDS, floor_to
from clm_operator.facts import Facts
from clm_operator.findings import Latest
from clm_operator.jobs import policy
from clm_operator.jobs.failures import Failure
from clm_operator.mirror.objects import Job, Version
from clm_operator.names import replay_name
from clm_operator.replays.due import replay_step
from clm_operator.replays.job import DueReplay, task_of
from clm_operator.replays.outcome import barred
from clm_operator.replays.turns import is_of_production_alone
from clm_operator.replays.watch import watch_of
from clm_operator.settings import CredentialsMode
from clm_operator.view import Withheld


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
    wanted = None if moving else _due(facts, latest)
    why = _abandoned(facts, latest) if wanted is None else _impossible(facts, wanted)
    status = latest.status
    if wanted is not None and why is not None and (status is None or status.name != wanted.name):
        status = ReplayStatus(name=wanted.name, slot=wanted.task.slot, phase=Phase.PENDING)
    lend, over, wakes = _lacking(facts, latest), _over(facts, latest), _wakes(facts, latest, status)
    if status is not None and why is not None:
        status = barred(status, why, facts.now)
    begin = wanted if why is None else None
    return Replays(status, begin, lend, over, tuple(wakes))


def _wakes(facts: Facts, latest: Latest, status: ReplayStatus | None) -> Iterator[datetime]:
    """Yield the next slot, the next look at what works or waits, the end of what is left alone."""
    if facts.next_replay_at is not None:
        yield facts.next_replay_at
    if status is None:
        return
    if latest.runs or status.name in facts.barred:
        yield facts.again.get(status.name, facts.soon)
    if status.name in facts.left_alone:
        yield facts.left_alone[status.name]


def _due(facts: Facts, latest: Latest) -> DueReplay | None:
    """Return the replay that is due, if no other runs.

    One is due if a version had time to see a new bar since the last one, and at once for one that
    has just come into production.
    """
    slot, plausible = facts.replay_slot, facts.plausible
    if plausible is None or slot is None:
        return None
    if latest.runs or latest.status != facts.schedule.status.replay:
        return None
    task = _task(facts, slot)
    models = _models(facts, task)
    if not models:
        return None
    if slot == facts.first_look:
        return DueReplay(replay_name(facts.schedule.name, slot), task, models)
    if not _is_new(slot, latest.status, TIMEFRAME_SECONDS[plausible.spec.data.timeframe]):
        return None
    if slot <= min(c.since for c in task.contenders):
        return None
    return DueReplay(replay_name(facts.schedule.name, slot), task, models)


def _is_new(slot: datetime, latest: ReplayStatus | None, bar_seconds: int) -> bool:
    """Whether a bar has closed since the newest replay; one that waits is tried again."""
    if latest is None:
        return True
    if latest.phase is Phase.PENDING:
        return slot >= latest.slot
    return floor_to(slot, bar_seconds) > floor_to(latest.slot, bar_seconds)


def _impossible(facts: Facts, wanted: DueReplay) -> Withheld | Failure | None:
    """Return why a replay's Job can't be made, or not yet; None where it can."""
    if (withheld := facts.barred.get(wanted.name)) is not None:
        return withheld
    if wanted.name in facts.taken:
        text = f'Job "{wanted.name}" exists and belongs to something else: delete it'
        return Failure(Reason.NAME_COLLISION, text)
    if (words := facts.refused.get(wanted.name)) is not None:
        pod = f"its pod is that of {wanted.models[0].name}, a new version has one as spec.job says"
        return Failure(Reason.SPEC_INVALID, f"the API server refuses its Job: {words}: {pod}")
    family = wanted.runs[0].model.family
    if (problem := policy.problem(family, wanted.pod, facts.settings)) is not None:
        text = f"{wanted.models[0].name}, whose pod it needs: {problem}"
        return Failure(Reason.SPEC_INVALID, text)
    return None


def _abandoned(facts: Facts, latest: Latest) -> Failure | None:
    """Return the end of a replay that waits for its Job and has nothing to replay any more."""
    status = latest.status
    if status is None or status.phase is not Phase.PENDING:
        return None
    if _models(facts, _task(facts, status.slot)):
        return None
    text = "what it was to replay was deleted, withdrawn or decided before its Job could be made"
    return Failure(Reason.NOTHING_TO_REPLAY, text)


def _of_job(facts: Facts, job: Job) -> DueReplay | None:
    """Return the replay that a Job was told; None where its versions are gone.

    By now another version may be in production.
    """
    task = task_of(job)
    models = _models(facts, task) if task else ()
    return DueReplay(job.name, task, models) if task and models else None


def _models(facts: Facts, task: ReplayTask) -> tuple[Version, ...]:
    known = {v.name: v for v in facts.versions if v.spec is not None}
    return tuple(known[c.version] for c in task.contenders if c.version in known)


def _lacking(facts: Facts, latest: Latest) -> Lacking | None:
    """Return the running replay if its pod lacks keys: it is new, or the kubelet says so."""
    if latest.status is None or not latest.runs:
        return None
    name, lends = latest.status.name, facts.settings.store.credentials
    state = facts.states.get(name)
    if lends is not CredentialsMode.PER_RUN or state is None:
        return None
    if not (state.keyless or (state.takes_keys and _is_fresh(facts, name))):
        return None
    told = None if name in facts.barred else _of_job(facts, state.job)
    return None if told is None else Lacking(told, state.job)


def _is_fresh(facts: Facts, name: str) -> bool:
    """Whether the last look saw no pod of a replay."""
    known = facts.schedule.status.replay
    return known is None or known.name != name or known.pod_missing_since is not None


def _over(facts: Facts, latest: Latest) -> tuple[Job, ...]:
    """Return all Jobs but the newest, and it if it works in vain; none before that is stored."""
    status = latest.status
    if status != facts.schedule.status.replay:
        return ()
    name = status.name if status else ""
    goes = facts.left_alone.get(name)
    vain = goes is not None and goes <= facts.now
    return tuple(job for job in facts.replays.values() if job.name != name or vain)


def _task(facts: Facts, slot: datetime) -> ReplayTask:
    champion, found, watch = facts.champion, facts.on_trial, watch_of(facts, slot)
    if found is None or found.spec is None or _skips_trial(facts, slot):
        return ReplayTask(slot=slot, champion=champion, watch=watch)
    artifact, shadow, rules = found.status.artifact, found.status.shadow, found.spec.run.promotion
    challenger = (
        Contender(version=found.name, uri=artifact.uri, sha256=artifact.sha256, since=shadow.since)
        if artifact and shadow
        else None
    )
    return ReplayTask(
        slot=slot,
        champion=champion,
        challenger=challenger,
        shadow=rules.shadow,
        comparison=rules.champion,
        watch=watch,
    )


def _skips_trial(facts: Facts, slot: datetime) -> bool:
    step = replay_step(facts.schedule)
    return step is not None and is_of_production_alone(facts, slot, step)
