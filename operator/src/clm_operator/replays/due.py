"""When a replay Job is due, whom it replays, and why it can't be made.

A Job is named after its slot, so making it decides that the slot happened.
"""

from datetime import datetime

from clm_api.model_version import Phase
from clm_api.reasons import Reason
from clm_api.replay import Contender, ReplayTask
from clm_api.schedule_status import ReplayStatus, TrainingScheduleStatus
from clm_api.timing import TIMEFRAME_SECONDS, duration, floor_to
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.facts import Facts
from clm_operator.findings import Latest
from clm_operator.jobs import policy
from clm_operator.jobs.failures import Failure
from clm_operator.mirror.objects import Job, ScheduleObject, Version
from clm_operator.names import replay_job
from clm_operator.replays.job import DueReplay, task_of
from clm_operator.replays.status import failed, waiting


def due(facts: Facts, latest: Latest) -> DueReplay | None:
    """Return the replay that is due, if no other runs.

    Slots lie one ``monitoring.interval`` apart, counted from the schedule's creation. One is due if
    a version had time to see a new bar since the last one.
    """
    if facts.plausible is None or latest.runs or latest.status != facts.schedule.status.replay:
        return None
    spec = facts.plausible.spec
    slot = _slot(facts.schedule, spec, facts.now)
    if not _is_new(slot, latest.status, TIMEFRAME_SECONDS[spec.data.timeframe]):
        return None
    task = _task(facts, slot)
    models = _models(facts, task)
    if not models or slot <= min(c.since for c in task.contenders):
        return None
    return DueReplay(replay_job(facts.schedule.name, slot), task, models)


def _is_new(slot: datetime, latest: ReplayStatus | None, bar_seconds: int) -> bool:
    """Whether a bar has closed since the newest replay; one that waits is tried again."""
    if latest is None:
        return True
    if latest.phase is Phase.PENDING:
        return slot >= latest.slot
    return floor_to(slot, bar_seconds) > floor_to(latest.slot, bar_seconds)


def of_job(facts: Facts, job: Job) -> DueReplay | None:
    """Return the replay that a Job was told; None where its versions are gone.

    By now another version may be in production.
    """
    task = task_of(job)
    models = _models(facts, task) if task else ()
    return DueReplay(job.name, task, models) if task and models else None


def _models(facts: Facts, task: ReplayTask) -> tuple[Version, ...]:
    known = {v.name: v for v in facts.versions if v.spec is not None}
    return tuple(known[c.version] for c in task.contenders if c.version in known)


def impossible(facts: Facts, wanted: DueReplay, latest: Latest) -> ReplayStatus | None:
    """Return why a replay's Job can't be made, or not yet; None where it can."""
    status = ReplayStatus(name=wanted.name, slot=wanted.task.slot, phase=Phase.PENDING)
    if latest.status is not None and latest.status.name == wanted.name:
        status = latest.status
    if (withheld := facts.barred.get(wanted.name)) is not None:
        return waiting(status, withheld.reason, withheld.message)
    if wanted.name in facts.taken:
        text = f'Job "{wanted.name}" exists and belongs to something else: delete it'
        return failed(status, Failure(Reason.NAME_COLLISION, text), facts.now)
    if (words := facts.refused.get(wanted.name)) is not None:
        pod = f"its pod is that of {wanted.models[0].name}, a new version has one as spec.job says"
        text = f"the API server refuses its Job: {words}: {pod}"
        return failed(status, Failure(Reason.SPEC_INVALID, text), facts.now)
    family = wanted.runs[0].model.family
    if (problem := policy.problem(family, wanted.pod, facts.settings)) is not None:
        text = f"{wanted.models[0].name}, whose pod it needs: {problem}"
        return failed(status, Failure(Reason.SPEC_INVALID, text), facts.now)
    return None


def abandoned(facts: Facts, latest: Latest) -> ReplayStatus | None:
    """Return the end of a replay that waits for its Job and has nothing to replay any more."""
    status = latest.status
    if status is None or status.phase is not Phase.PENDING:
        return None
    if _models(facts, _task(facts, status.slot)):
        return None
    text = "what it was to replay was deleted, withdrawn or decided before its Job could be made"
    return failed(status, Failure(Reason.NOTHING_TO_REPLAY, text), facts.now)


def next_at(facts: Facts) -> datetime | None:
    """Return the next slot; None while there is nothing to replay."""
    spec = facts.schedule.spec
    if spec is None or (facts.champion is None and facts.on_trial is None):
        return None
    return _slot(facts.schedule, spec, facts.now) + duration(spec.monitoring.interval)


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


def _slot(schedule: ScheduleObject, spec: TrainingScheduleSpec, now: datetime) -> datetime:
    """Return the newest slot up to now; the creation itself is the first one."""
    anchor, step = floor_to(schedule.created, 60), duration(spec.monitoring.interval)
    return anchor + max((now - anchor) // step, 0) * step


def _task(facts: Facts, slot: datetime) -> ReplayTask:
    champion, found = facts.champion, facts.on_trial
    if found is None or found.spec is None:
        return ReplayTask(slot=slot, champion=champion)
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
    )
