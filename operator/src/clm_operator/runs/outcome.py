"""What came of a run: Job, pods, progress and verified report folded into the version's status.

              no Job yet            pod works           report verified
    (created) ----------> Pending ----------> Running -----------------> Succeeded: judged
                             |                   |
                             +---- fails --------+---------------------> Failed
A terminal status never changes again.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from pydantic import ValidationError

from clm_api.layout import RunLayout
from clm_api.lifecycle import Stage
from clm_api.model_version import (
    ArtifactStatus,
    DataStatus,
    MetricsStatus,
    ModelVersionSpec,
    ModelVersionStatus,
    Phase,
)
from clm_api.promotion import judge
from clm_api.reasons import Reason
from clm_api.report import Progress
from clm_operator.barriers import LEAVING, barrier, calm
from clm_operator.complaints import Complaint
from clm_operator.conditions import Said, stated
from clm_operator.findings import CorruptReport, Report, UnreadableReport
from clm_operator.jobs import policy
from clm_operator.jobs.failures import Failure, explain
from clm_operator.jobs.waiting import (
    held_up,
    interrupted,
    left_until,
    lingering,
    missing_since,
    overdue,
)
from clm_operator.mirror.objects import Job, Pod, Version, owner_uid, validation_text
from clm_operator.runs.attempts import timed, with_job
from clm_operator.runs.luck import significance
from clm_operator.settings import Settings
from clm_operator.stages.candidates import verdict_words
from clm_operator.stages.lifecycle import (
    CRITERIA_FAILED,
    CRITERIA_PASSED,
    OPERATOR,
    RUN_FAILED,
    move,
)
from clm_operator.view import Snapshot, Withheld

_VERIFIED = "ArtifactVerified"


class Act(Enum):
    """What a version's Job needs."""

    NOTHING = auto()
    CREATE_JOB = auto()
    DELETE_JOB = auto()


@dataclass(frozen=True)
class Outcome:
    """A version's next status and what its Job needs."""

    version: Version
    status: ModelVersionStatus
    act: Act = Act.NOTHING

    @property
    def ended_now(self) -> bool:
        """Whether this round ends the run."""
        ended = (Phase.SUCCEEDED, Phase.FAILED)
        return not self.version.terminal and self.status.phase in ended


def fold(version: Version, snapshot: Snapshot, settings: Settings) -> Outcome:
    """Return what became of one version, and where its files lie."""
    job = snapshot.jobs.get(version.name)
    if version.terminal:
        goes = goes_at(version, job)
        vain = goes is not None and goes <= snapshot.now
        return Outcome(version, version.status, Act.DELETE_JOB if vain else Act.NOTHING)
    if version.spec is None:
        return failed(version, Failure(Reason.SPEC_INVALID, version.problem), snapshot.now)
    outcome = _of_run(version, version.spec, job, snapshot, settings)
    place = version.status.run_uri or _folder(version, version.spec, settings)
    return replace(outcome, status=outcome.status.having(run_uri=place))


def _of_run(
    version: Version,
    spec: ModelVersionSpec,
    job: Job | None,
    snapshot: Snapshot,
    settings: Settings,
) -> Outcome:
    if (read := _of_result(version, spec, job, snapshot, settings)) is not None:
        return read
    if job is None:
        return _without_job(version, spec, snapshot, settings)
    if owner_uid(job.raw) != version.uid:
        if version.name in snapshot.leaving:
            return Outcome(
                version, _withheld(version, Withheld(Reason.COLLECTION_PENDING, LEAVING))
            )
        taken = f'Job "{version.name}" exists and belongs to something else: delete it'
        return failed(version, Failure(Reason.NAME_COLLISION, taken), snapshot.now)
    if job.condition("Complete"):
        empty = "its Job completed but the store holds no manifest"
        return failed(version, Failure(Reason.ARTIFACT_CORRUPT, empty), snapshot.now, job)
    if job.condition("Failed"):
        return failed(version, explain(job), snapshot.now, job)
    if (vain := lingering(job, snapshot.now)) is not None:
        return failed(version, vain, snapshot.now, job)
    return _active(version, spec, job, snapshot, settings)


def _of_result(
    version: Version,
    spec: ModelVersionSpec,
    job: Job | None,
    snapshot: Snapshot,
    settings: Settings,
) -> Outcome | None:
    """Return what the store says of a run whose trainer has ended; None if it says nothing."""
    if job is not None and not job.finished and job.trainer_ended is None:
        return None
    report = snapshot.reports.get(version.name)
    match report:
        case Report():
            return _believed(version, spec, job, report, snapshot, settings)
        case CorruptReport():
            why = Failure(Reason.ARTIFACT_CORRUPT, report.message)
            return failed(version, why, snapshot.now, job)
        case UnreadableReport() if _has_result(job):
            return _waiting_for_store(version, report, snapshot.now)
    return None


def _without_job(
    version: Version, spec: ModelVersionSpec, snapshot: Snapshot, settings: Settings
) -> Outcome:
    if (refusal := snapshot.refused.get(version.name)) is not None:
        text = f"the API server refuses its Job: {refusal}: correct spec.job"
        return failed(version, Failure(Reason.SPEC_INVALID, text), snapshot.now)
    if (withheld := barrier(snapshot, version.name)) is not None:
        return Outcome(version, _withheld(version, withheld))
    if version.status.job_ref is None:
        problem = policy.problem(spec.run.model.family, spec.run.pod, settings)
        if problem is not None:
            return failed(version, Failure(Reason.SPEC_INVALID, problem), snapshot.now)
        return Outcome(version, _pending(version), Act.CREATE_JOB)
    gone = "its Job was deleted before it had stored a result: start another run"
    return failed(version, Failure(Reason.JOB_LOST, gone), snapshot.now)


def goes_at(version: Version, job: Job | None) -> datetime | None:
    """Return when an ended version's Job that has not ended goes; None if there is none."""
    if job is None or job.finished or owner_uid(job.raw) != version.uid:
        return None
    status = version.status
    return left_until(status.completion_time or version.created, status.phase, status.reason)


def _has_result(job: Job | None) -> bool:
    """Whether the store must hold one, as far as the Job tells."""
    if job is None or job.condition("Complete"):
        return True
    return job.trainer_ended is not None and job.trainer_ended.exit_code == 0


def failed(version: Version, why: Failure, now: datetime, job: Job | None = None) -> Outcome:
    """End a run without a result."""
    moved = move(
        version.status,
        RUN_FAILED,
        at=now,
        by=OPERATOR,
        reason=f"{why.reason}: {why.message}",
    )
    status = with_job(moved, job).having(
        phase=Phase.FAILED,
        reason=why.reason,
        message=why.message,
        completion_time=now,
        progress=None,
        pod_missing_since=None,
    )
    said: list[Said] = [("JobSucceeded", False, why.reason, why.message)]
    if why.reason == Reason.ARTIFACT_CORRUPT or any(c.type == _VERIFIED for c in status.conditions):
        said.append((_VERIFIED, False, why.reason, why.message))
    return Outcome(version, stated(timed(status), now, *said))


def _folder(version: Version, spec: ModelVersionSpec, settings: Settings) -> str:
    """Return the address of the run's folder in the store."""
    return settings.store.address(_layout(version, spec).prefix)


def _layout(version: Version, spec: ModelVersionSpec) -> RunLayout:
    return RunLayout(version.namespace, spec.schedule_ref.name, version.run_uid)


def _pending(
    version: Version, reason: Reason = Reason.RUN_SCHEDULED, message: str = ""
) -> ModelVersionStatus:
    return version.status.having(
        phase=Phase.PENDING, stage=Stage.TRAINING, reason=reason, message=message, progress=None
    )


def _withheld(version: Version, why: Withheld) -> ModelVersionStatus:
    """Say why there is no Job."""
    return calm(_pending(version, why.reason, why.message), version.status.message)


def _active(
    version: Version,
    spec: ModelVersionSpec,
    job: Job,
    snapshot: Snapshot,
    settings: Settings,
) -> Outcome:
    pod = job.pods[-1] if job.pods else None
    status = with_job(version.status, job)
    progress = snapshot.progress.get(version.name)
    if pod is None or pod.phase == "Pending":
        status = status.having(progress=None)
        keys = snapshot.withheld.get(version.name)
        return _not_started(version, spec, job, status, snapshot.now, keys)
    if (silent := _silent(pod, progress, spec, settings, snapshot.now)) is not None:
        return failed(version, silent, snapshot.now, job)
    works = Complaint(Reason.TRAINING_STARTED, progress.message if progress else "")
    found = interrupted(job) or works
    status = status.having(
        phase=Phase.RUNNING,
        stage=Stage.TRAINING,
        reason=found.reason,
        message=found.words,
        progress=progress or _of_this_pod(status.progress, pod),
        pod_missing_since=None,
    )
    return Outcome(version, status)


def _of_this_pod(progress: Progress | None, pod: Pod) -> Progress | None:
    """Return what was said last, unless a former attempt said it."""
    said_since = progress is not None and progress.last_updated_time >= pod.created
    return progress if said_since else None


def _silent(
    pod: Pod,
    progress: Progress | None,
    spec: ModelVersionSpec,
    settings: Settings,
    now: datetime,
) -> Failure | None:
    """Return why a working pod is given up; one that is being removed has another time to wait."""
    if pod.leaving is not None:
        limit = spec.run.pod.pending_deadline_seconds
        if now - pod.leaving <= timedelta(seconds=limit):
            return None
        text = f"its pod has been leaving for {limit} s: its node does not answer; its Job is ended"
        return Failure(Reason.DEADLINE_EXCEEDED, text)
    began = pod.started or pod.created
    heard = max(began, progress.last_updated_time) if progress else began
    if pod.phase != "Running" or now - heard <= timedelta(seconds=settings.stall_seconds):
        return None
    text = f"no progress for {settings.stall_seconds} s; its Job is ended"
    return Failure(Reason.DEADLINE_EXCEEDED, text)


def _not_started(
    version: Version,
    spec: ModelVersionSpec,
    job: Job,
    status: ModelVersionStatus,
    now: datetime,
    keys: Withheld | None,
) -> Outcome:
    known = status.pod_missing_since
    had_one = known is not None or status.pod_uid is not None or status.phase is Phase.RUNNING
    missing = missing_since(job, known, now) if had_one else None
    limit_s = spec.run.pod.pending_deadline_seconds
    if (why := overdue(job, missing, limit_s, now)) is not None:
        return failed(version, why, now, job)
    found = held_up(job)
    if keys is not None:
        found = Complaint(keys.reason, keys.message)
    told = status.having(
        phase=Phase.PENDING,
        stage=Stage.TRAINING,
        reason=found.reason,
        message=found.words,
        pod_missing_since=missing,
    )
    return Outcome(version, calm(told, status.message))


def _waiting_for_store(version: Version, report: UnreadableReport, now: datetime) -> Outcome:
    """Say that the store is away; once, for its words have times and counts in them."""
    status = version.status
    known = status.reason == report.reason
    message = status.message if known and status.message else report.message
    status = status.having(reason=report.reason, message=message)
    if status.job_ref is None:
        return Outcome(version, status)
    return Outcome(version, stated(status, now, (_VERIFIED, None, report.reason, message)))


def _believed(
    version: Version,
    spec: ModelVersionSpec,
    job: Job | None,
    report: Report,
    snapshot: Snapshot,
    settings: Settings,
) -> Outcome:
    """Judge a result; refuse one that no status can hold: the API server would for ever."""
    try:
        return _judged(version, spec, job, report, snapshot, settings)
    except ValidationError as error:
        text = validation_text(error, "the result does not fit into the version's status")
        return failed(version, Failure(Reason.ARTIFACT_CORRUPT, text), snapshot.now, job)


def _judged(
    version: Version,
    spec: ModelVersionSpec,
    job: Job | None,
    report: Report,
    snapshot: Snapshot,
    settings: Settings,
) -> Outcome:
    promotion, file = spec.run.promotion, report.metrics
    verdict = judge(file.metrics, file.undefined, promotion.criteria, promotion.significance)
    message = verdict_words(promotion, Stage(verdict.stage), verdict.message)
    layout, data = _layout(version, spec), report.manifest.data
    passed = verdict.stage == Stage.CANDIDATE
    moved = move(
        version.status,
        CRITERIA_PASSED if passed else CRITERIA_FAILED,
        at=snapshot.now,
        by=OPERATOR,
        reason=f"{verdict.reason}: {verdict.message}",
    )
    status = with_job(moved, job).having(
        phase=Phase.SUCCEEDED,
        reason=verdict.reason,
        message=message,
        completion_time=snapshot.now,
        pod_missing_since=None,
        progress=Progress(stage="done", percent=100, message="", last_updated_time=snapshot.now),
        data=DataStatus.model_validate(data.model_dump() | {"message": "; ".join(data.notes)}),
        trained_until=file.trained_until,
        metrics=MetricsStatus.model_validate({**file.metrics, "folds": report.folds}),
        criteria=list(verdict.verdicts),
        artifact=ArtifactStatus(
            uri=settings.store.address(layout.manifest),
            sha256=report.manifest_sha256,
            size_bytes=report.size_bytes,
        ),
        report_uri=settings.store.address(
            layout.attempt_file(report.manifest.attempt, "report.html")
        ),
    )
    files = f"{len(report.manifest.files)} files match their digests"
    return Outcome(
        version,
        stated(
            timed(status),
            snapshot.now,
            ("JobSucceeded", True, "Completed", "the run stored a result"),
            (_VERIFIED, True, "DigestsMatch", files),
            ("CriteriaMet", passed, verdict.reason, verdict.message),
            ("StatisticallySignificant", *significance(file, spec.run.trials)),
        ),
    )
