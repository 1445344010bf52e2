"""Evaluation Jobs: when one is due, whom it replays, and what came of the newest one.

A Job is named after its slot, so making it decides that the slot happened; its report is written
once. Whoever looks next finds the Job or its report, or finds neither and waits for the next slot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from clm_api.evaluation import Contender, EvaluationReport, EvaluationTask
from clm_api.model_version import Phase
from clm_api.reasons import Reason
from clm_api.schedule_status import (
    EvaluationStatus,
    LiveStatus,
    ProductionStatus,
    TrainingScheduleStatus,
)
from clm_api.timing import TIMEFRAME_SECONDS, duration, floor_to, slot_time
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.building.evaluations import task_of
from clm_operator.building.names import LABEL_EVALUATION, evaluation_job
from clm_operator.planning.failures import Failure, explain
from clm_operator.planning.shadow import tested
from clm_operator.snapshot import (
    CorruptReport,
    Job,
    ScheduleObject,
    Snapshot,
    UnreadableReport,
    Version,
    Withheld,
)

PENDING = Phase.PENDING
_LACKS = "CreateContainerConfigError"
"""The kubelet's word for a container whose Secret is not there."""


@dataclass(frozen=True)
class Evaluation:
    """What a round knows of the newest evaluation.

    Parameters
    ----------
    report
        Of an evaluation that ends in this round.
    """

    status: EvaluationStatus | None = None
    report: EvaluationReport | None = None

    @property
    def runs(self) -> bool:
        """Whether its Job has not ended yet."""
        return self.status is not None and self.status.phase is Phase.RUNNING


def newest(schedule: ScheduleObject, jobs: dict[str, Job]) -> EvaluationStatus | None:
    """Return the newest evaluation: the recorded one, or one whose Job was just made."""
    known = schedule.status.evaluation
    for name, job in jobs.items():
        slot = slot_time(int(job.raw["metadata"]["labels"][LABEL_EVALUATION]))
        wanted = known is not None and known.phase is PENDING and known.slot == slot
        if known is None or slot > known.slot or wanted:
            known = EvaluationStatus(name=name, slot=slot, phase=Phase.RUNNING)
    return known


def look(snapshot: Snapshot, schedule: ScheduleObject) -> Evaluation:
    """Return what became of the newest evaluation."""
    status = newest(schedule, snapshot.evaluations)
    if status is None or status.phase is not Phase.RUNNING:
        return Evaluation(status)
    job, found = snapshot.evaluations.get(status.name), snapshot.evaluation
    if isinstance(found, EvaluationReport):
        return Evaluation(_ended(status, snapshot.now, *_found(found)), found)
    if isinstance(found, CorruptReport):
        why = Failure(Reason.ARTIFACT_CORRUPT, found.message)
        return Evaluation(_failed(status, why, snapshot.now))
    if isinstance(found, UnreadableReport) and (job is None or job.condition("Complete")):
        return Evaluation(_waiting(status, found))
    if (why_ := _lost(job, schedule.spec, snapshot.now)) is not None:
        return Evaluation(_failed(status, why_, snapshot.now))
    return Evaluation(status)


def _lost(job: Job | None, spec: TrainingScheduleSpec | None, now: datetime) -> Failure | None:
    """Return why an evaluation without a report will never have one; None while it may."""
    if job is None:
        return Failure(Reason.JOB_LOST, "its Job was deleted before it had stored a report")
    if job.condition("Complete"):
        return Failure(Reason.ARTIFACT_CORRUPT, "its Job completed but the store holds no report")
    if job.condition("Failed"):
        return explain(job)
    pod = job.pods[-1] if job.pods else None
    waits = (pod is None or pod.phase == "Pending") and not job.suspended
    limit = spec.job.pending_deadline_seconds if spec else 0
    if waits and spec and now - (pod.created if pod else job.created) > timedelta(seconds=limit):
        text = (pod.unschedulable if pod else "") or "no pod was made: look at the Job's events"
        return Failure(Reason.UNSCHEDULABLE, f"waited {limit} s for a node: {text}")
    return None


def _waiting(status: EvaluationStatus, why: UnreadableReport | Withheld) -> EvaluationStatus:
    """Say what it waits for; once, for a store's words have times and counts in them."""
    if status.reason == why.reason:
        return status
    waits = {"reason": str(why.reason), "message": why.message[:1024]}
    return status.model_copy(update=waits)


def _found(report: EvaluationReport) -> tuple[Reason | str, str]:
    if report.problems:
        first = report.problems[0]
        return first.reason, f"{first.version}: {first.message}"
    replays = [r for r in (report.live, report.shadow) if r is not None]
    told = ", ".join(f"{r.version} replayed on {r.bars} bars" for r in replays)
    return Reason.EVALUATED, " \u00b7 ".join([told, *report.notes])


def _ended(status: EvaluationStatus, now: datetime, reason: str, text: str) -> EvaluationStatus:
    update = {"phase": Phase.SUCCEEDED, "reason": str(reason)[:64], "message": text[:1024]}
    return status.model_copy(update=update | {"completion_time": now.replace(microsecond=0)})


def _failed(status: EvaluationStatus, why: Failure, now: datetime) -> EvaluationStatus:
    failed = _ended(status, now, why.reason, why.message)
    return failed.model_copy(update={"phase": Phase.FAILED})


def with_live(
    production: ProductionStatus | None, report: EvaluationReport | None
) -> ProductionStatus | None:
    """Lay a replay over the production version that it is of."""
    live = report.live if report else None
    if production is None or live is None:
        return production
    if (live.version, live.sha256) != (production.version, production.artifact.sha256):
        return production
    figures = LiveStatus(
        bars=live.bars,
        to=live.to,
        trades=round(live.metrics.get("trades", 0)),
        sharpe=live.metrics.get("sharpe"),
        total_return=live.metrics.get("totalReturn"),
        max_drawdown=live.metrics.get("maxDrawdown"),
    )
    return production.model_copy(update={"live": figures})


@dataclass(frozen=True)
class Due:
    """An evaluation whose Job is to be made.

    Parameters
    ----------
    models
        The versions that it replays, as far as they exist: the one on trial first.
    """

    name: str
    task: EvaluationTask
    models: tuple[Version, ...]


@dataclass(frozen=True)
class Keyless:
    """An evaluation's Job whose pod waits for its Secret."""

    due: Due
    job: Job


def recorded(schedule: ScheduleObject, latest: Evaluation) -> bool:
    """Whether what became of the newest evaluation is stored: no Job comes or goes before."""
    return latest.status == schedule.status.evaluation


def due(
    snapshot: Snapshot, schedule: ScheduleObject, spec: TrainingScheduleSpec, latest: Evaluation
) -> Due | None:
    """Return the evaluation that is due, if no other runs.

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
    return Due(evaluation_job(schedule.name, slot), task, models)


def _is_new(slot: datetime, latest: EvaluationStatus | None, bar_seconds: int) -> bool:
    """Whether a bar has closed since the newest evaluation; one that waits is tried again."""
    if latest is None:
        return True
    if latest.phase is PENDING:
        return slot >= latest.slot
    return floor_to(slot, bar_seconds) > floor_to(latest.slot, bar_seconds)


def keyless(snapshot: Snapshot, latest: Evaluation) -> Keyless | None:
    """Return the running evaluation if the kubelet says that its pod lacks something.

    Its task is the one that the Job was told: by now another version may be in production.
    """
    job = snapshot.evaluations.get(latest.status.name) if latest.status else None
    if latest.status is None or not latest.runs or job is None or not job.pods:
        return None
    if not job.pods[-1].unschedulable.startswith(_LACKS):
        return None
    task = task_of(job)
    models = _models(snapshot, task) if task else ()
    if task is None or not models:
        return None
    return Keyless(Due(latest.status.name, task, models), job)


def _models(snapshot: Snapshot, task: EvaluationTask) -> tuple[Version, ...]:
    known = {v.name: v for v in snapshot.versions if v.spec is not None}
    return tuple(known[c.version] for c in task.contenders if c.version in known)


def impossible(snapshot: Snapshot, wanted: Due, latest: Evaluation) -> EvaluationStatus | None:
    """Return why an evaluation's Job can't be made, or not yet; None where it can."""
    status = EvaluationStatus(name=wanted.name, slot=wanted.task.slot, phase=PENDING)
    if latest.status is not None and latest.status.name == wanted.name:
        status = latest.status
    if (withheld := snapshot.withheld.get(wanted.name)) is not None:
        return _waiting(status, withheld)
    if wanted.name in snapshot.taken:
        text = f'Job "{wanted.name}" exists and belongs to something else: delete it'
        return _failed(status, Failure(Reason.NAME_COLLISION, text), snapshot.now)
    if (words := snapshot.refused.get(wanted.name)) is not None:
        pod = f"its pod is that of {wanted.models[0].name}, a new version has one as spec.job says"
        text = f"the API server refuses its Job: {words}: {pod}"
        return _failed(status, Failure(Reason.SPEC_INVALID, text), snapshot.now)
    return None


def next_at(snapshot: Snapshot, schedule: ScheduleObject, spec: TrainingScheduleSpec) -> datetime:
    """Return the next slot."""
    return _slot(schedule, spec, snapshot.now) + duration(spec.monitoring.interval)


def watched(status: TrainingScheduleStatus, versions: Sequence[Version]) -> bool:
    """Whether there is anything to replay."""
    return status.production is not None or any(tested(v) for v in versions)


def to_delete(snapshot: Snapshot, schedule: ScheduleObject, latest: Evaluation) -> tuple[Job, ...]:
    """Return the Jobs that nobody needs: all but the newest, and that one if it was given up."""
    if not recorded(schedule, latest):
        return ()
    status = latest.status
    given_up = status is not None and status.phase is Phase.FAILED
    return tuple(
        job
        for name, job in snapshot.evaluations.items()
        if status is None or name != status.name or (given_up and not job.finished)
    )


def _slot(schedule: ScheduleObject, spec: TrainingScheduleSpec, now: datetime) -> datetime:
    """Return the newest slot up to now; the creation itself is the first one."""
    anchor, step = floor_to(schedule.created, 60), duration(spec.monitoring.interval)
    return anchor + max((now - anchor) // step, 0) * step


def _task(snapshot: Snapshot, schedule: ScheduleObject, slot: datetime) -> EvaluationTask:
    production = schedule.status.production
    champion = production and Contender(
        version=production.version,
        uri=production.artifact.uri,
        sha256=production.artifact.sha256,
        since=production.since,
    )
    found = next((v for v in snapshot.versions if tested(v)), None)
    if found is None or found.spec is None:
        return EvaluationTask(slot=slot, champion=champion)
    artifact, shadow, rules = found.status.artifact, found.status.shadow, found.spec.run.promotion
    challenger = (
        Contender(version=found.name, uri=artifact.uri, sha256=artifact.sha256, since=shadow.since)
        if artifact and shadow
        else None
    )
    return EvaluationTask(
        slot=slot,
        champion=champion,
        challenger=challenger,
        shadow=rules.shadow,
        comparison=rules.champion,
    )
