"""When a replay Job is due, whom it replays, and why it can't be made.

A Job is named after its slot, so making it decides that the slot happened.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from clm_api.reasons import Reason
from clm_api.replay import Contender, ReplayTask
from clm_api.schedule_status import ReplayStatus, TrainingScheduleStatus
from clm_api.timing import TIMEFRAME_SECONDS, duration, floor_to
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.barriers import barrier
from clm_operator.jobs import policy
from clm_operator.jobs.failures import Failure
from clm_operator.jobs.waiting import lacks_keys
from clm_operator.mirror.objects import Job, ScheduleObject, Version
from clm_operator.names import replay_job
from clm_operator.replays.job import DueReplay, task_of
from clm_operator.replays.outcome import PENDING, NewestReplay, failed, recorded, waiting
from clm_operator.settings import Settings
from clm_operator.stages.shadow import tested
from clm_operator.view import Snapshot


@dataclass(frozen=True)
class Keyless:
    """A replay's Job whose pod waits for its Secret."""

    due: DueReplay
    job: Job


def due(
    snapshot: Snapshot, schedule: ScheduleObject, spec: TrainingScheduleSpec, latest: NewestReplay
) -> DueReplay | None:
    """Return the replay that is due, if no other runs.

    Slots lie one ``monitoring.interval`` apart, counted from the schedule's creation. One is due if
    a version had time to see a new bar since the last one.
    """
    if latest.runs or not recorded(schedule, latest):
        return None
    slot = _slot(schedule, spec, snapshot.now)
    if not _is_new(slot, latest.status, TIMEFRAME_SECONDS[spec.data.timeframe]):
        return None
    task = _task(snapshot, schedule, slot)
    models = _models(snapshot, task)
    if not models or slot <= min(c.since for c in task.contenders):
        return None
    return DueReplay(replay_job(schedule.name, slot), task, models)


def _is_new(slot: datetime, latest: ReplayStatus | None, bar_seconds: int) -> bool:
    """Whether a bar has closed since the newest replay; one that waits is tried again."""
    if latest is None:
        return True
    if latest.phase is PENDING:
        return slot >= latest.slot
    return floor_to(slot, bar_seconds) > floor_to(latest.slot, bar_seconds)


def keyless(snapshot: Snapshot, latest: NewestReplay) -> Keyless | None:
    """Return the running replay if the kubelet says that its pod lacks something.

    Its task is the one that the Job was told: by now another version may be in production.
    """
    job = snapshot.replays.get(latest.status.name) if latest.status else None
    if latest.status is None or not latest.runs or job is None or not lacks_keys(job):
        return None
    task = task_of(job)
    models = _models(snapshot, task) if task else ()
    if task is None or not models:
        return None
    return Keyless(DueReplay(latest.status.name, task, models), job)


def _models(snapshot: Snapshot, task: ReplayTask) -> tuple[Version, ...]:
    known = {v.name: v for v in snapshot.versions if v.spec is not None}
    return tuple(known[c.version] for c in task.contenders if c.version in known)


def impossible(
    snapshot: Snapshot, wanted: DueReplay, latest: NewestReplay, settings: Settings
) -> ReplayStatus | None:
    """Return why a replay's Job can't be made, or not yet; None where it can."""
    status = ReplayStatus(name=wanted.name, slot=wanted.task.slot, phase=PENDING)
    if latest.status is not None and latest.status.name == wanted.name:
        status = latest.status
    if (withheld := barrier(snapshot, wanted.name)) is not None:
        return waiting(status, withheld)
    if wanted.name in snapshot.taken:
        text = f'Job "{wanted.name}" exists and belongs to something else: delete it'
        return failed(status, Failure(Reason.NAME_COLLISION, text), snapshot.now)
    if (words := snapshot.refused.get(wanted.name)) is not None:
        pod = f"its pod is that of {wanted.models[0].name}, a new version has one as spec.job says"
        text = f"the API server refuses its Job: {words}: {pod}"
        return failed(status, Failure(Reason.SPEC_INVALID, text), snapshot.now)
    family = wanted.runs[0].model.family
    if (problem := policy.problem(family, wanted.pod, settings)) is not None:
        text = f"{wanted.models[0].name}, whose pod it needs: {problem}"
        return failed(status, Failure(Reason.SPEC_INVALID, text), snapshot.now)
    return None


def abandoned(
    snapshot: Snapshot, schedule: ScheduleObject, latest: NewestReplay
) -> ReplayStatus | None:
    """Return the end of a replay that waits for its Job and has nothing to replay any more."""
    status = latest.status
    if status is None or status.phase is not PENDING:
        return None
    if _models(snapshot, _task(snapshot, schedule, status.slot)):
        return None
    text = "what it was to replay was deleted, withdrawn or decided before its Job could be made"
    return failed(status, Failure(Reason.NOTHING_TO_REPLAY, text), snapshot.now)


def next_at(snapshot: Snapshot, schedule: ScheduleObject, spec: TrainingScheduleSpec) -> datetime:
    """Return the next slot."""
    return _slot(schedule, spec, snapshot.now) + duration(spec.monitoring.interval)


def watched(status: TrainingScheduleStatus, versions: Sequence[Version]) -> bool:
    """Whether there is anything to replay."""
    return status.production is not None or any(tested(v) for v in versions)


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


def _task(snapshot: Snapshot, schedule: ScheduleObject, slot: datetime) -> ReplayTask:
    champion = champion_of(schedule.status)
    found = next((v for v in snapshot.versions if tested(v)), None)
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
