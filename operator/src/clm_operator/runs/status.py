"""What came of a run, as its version's status says it."""

from dataclasses import replace
from datetime import datetime

from pydantic import ValidationError

from clm_api.layout import RunLayout
from clm_api.lifecycle import Stage
from clm_api.model_version import (
    ArtifactStatus,
    DataStatus,
    JobRef,
    MetricsStatus,
    ModelVersionSpec,
    ModelVersionStatus,
    Phase,
)
from clm_api.promotion import judge
from clm_api.reasons import Reason
from clm_api.report import Progress
from clm_operator.changes import Change, Move, Said
from clm_operator.facts import Facts
from clm_operator.findings import Report, UnreadableReport
from clm_operator.jobs.failures import Failure
from clm_operator.jobs.state import JobState
from clm_operator.mirror.objects import Job, Pod, Version
from clm_operator.mirror.specs import validation_text
from clm_operator.runs.luck import significance
from clm_operator.runs.outcome import AwaitsStore, Failed, Judged, Nothing, Outcome, Waits, Works
from clm_operator.stages.candidates import verdict_words
from clm_operator.stages.lifecycle import CRITERIA_FAILED, CRITERIA_PASSED, OPERATOR, RUN_FAILED
from clm_operator.words import calm

_VERIFIED = "ArtifactVerified"


def change_of(outcome: Outcome, facts: Facts) -> Change:
    """Return what becomes of a version's status."""
    version, came, now = outcome.version, outcome.came, facts.now
    if isinstance(came, Nothing):
        return Change(version.status, now)
    version = _placed(version, facts)
    if isinstance(came, AwaitsStore):
        return _awaits_store(version.status, came.report, now)
    state = facts.states.get(version.name)
    if state is not None:
        version = replace(version, status=_with_job(version.status, state))
    match came:
        case Waits():
            return Change(_waits(version.status, came, state), now)
        case Works():
            return Change(_works(version.status, came, state), now)
        case Failed():
            return _failed(version.status, came.why, now)
        case Judged():
            return _judged(version, came.report, facts)


def _placed(version: Version, facts: Facts) -> Version:
    """Return the version with the address of its run's folder in the store."""
    if version.spec is None:
        return version
    folder = facts.settings.store.address(_layout(version, version.spec).prefix)
    uri = version.status.run_uri or folder
    return replace(version, status=version.status.having(run_uri=uri))


def _layout(version: Version, spec: ModelVersionSpec) -> RunLayout:
    return RunLayout(version.namespace, spec.schedule_ref.name, version.run_uid)


def _waits(status: ModelVersionStatus, came: Waits, state: JobState | None) -> ModelVersionStatus:
    missing = state.missing_since if came.has_job and state else status.pod_missing_since
    told = status.having(
        phase=Phase.PENDING,
        stage=Stage.TRAINING,
        reason=came.why.reason,
        message=came.why.words,
        progress=None,
        pod_missing_since=missing,
    )
    return calm(told, status.message)


def _works(status: ModelVersionStatus, came: Works, state: JobState | None) -> ModelVersionStatus:
    known = None if state is None or state.pod is None else _of_this_pod(status, state.pod)
    return status.having(
        phase=Phase.RUNNING,
        stage=Stage.TRAINING,
        reason=came.found.reason,
        message=came.found.words,
        progress=came.progress or known,
        pod_missing_since=None,
    )


def _of_this_pod(status: ModelVersionStatus, pod: Pod) -> Progress | None:
    """Return what was said last, unless a former attempt said it."""
    said = status.progress
    return said if said is not None and said.last_updated_time >= pod.created else None


def _awaits_store(status: ModelVersionStatus, report: UnreadableReport, now: datetime) -> Change:
    """Say that the store is away; once, for its words have times and counts in them."""
    known = status.reason == report.reason
    message = status.message if known and status.message else report.message
    told = status.having(reason=str(report.reason), message=message)
    if status.job_ref is None:
        return Change(told, now)
    return Change(told, now, said=((_VERIFIED, None, report.reason, message),))


def _failed(status: ModelVersionStatus, why: Failure, now: datetime) -> Change:
    """End a run without a result."""
    told = status.having(
        phase=Phase.FAILED,
        reason=str(why.reason),
        message=why.message,
        completion_time=now,
        duration=_took(status.start_time, now),
        progress=None,
        pod_missing_since=None,
    )
    said: list[Said] = [("JobSucceeded", False, why.reason, why.message)]
    if why.reason == Reason.ARTIFACT_CORRUPT or any(c.type == _VERIFIED for c in status.conditions):
        said.append((_VERIFIED, False, why.reason, why.message))
    move = Move(RUN_FAILED, now, OPERATOR, f"{why.reason}: {why.message}")
    return Change(told, now, move, tuple(said))


def _judged(version: Version, report: Report, facts: Facts) -> Change:
    """Judge a result; one that no status can hold would be refused for ever, and is corrupt."""
    if version.spec is None:
        return Change(version.status, facts.now)
    try:
        return _verdict(version, version.spec, report, facts)
    except ValidationError as error:
        text = validation_text(error, "the result does not fit into the version's status")
        return _failed(version.status, Failure(Reason.ARTIFACT_CORRUPT, text), facts.now)


def _verdict(version: Version, spec: ModelVersionSpec, report: Report, facts: Facts) -> Change:
    status, promotion, file, now = version.status, spec.run.promotion, report.metrics, facts.now
    verdict = judge(file.metrics, file.undefined, promotion.criteria, promotion.significance)
    stage = Stage(verdict.stage)
    data, store, layout = report.manifest.data, facts.settings.store, _layout(version, spec)
    page = layout.attempt_file(report.manifest.attempt, "report.html")
    told = status.having(
        phase=Phase.SUCCEEDED,
        reason=verdict.reason,
        message=verdict_words(promotion, stage, verdict.message),
        completion_time=now,
        duration=_took(status.start_time, now) or status.duration,
        pod_missing_since=None,
        progress=Progress(stage="done", percent=100, message="", last_updated_time=now),
        data=DataStatus.model_validate(data.model_dump() | {"message": "; ".join(data.notes)}),
        trained_until=file.trained_until,
        metrics=MetricsStatus.model_validate({**file.metrics, "folds": report.folds}),
        criteria=list(verdict.verdicts),
        artifact=ArtifactStatus(
            uri=store.address(layout.manifest),
            sha256=report.manifest_sha256,
            size_bytes=report.size_bytes,
        ),
        report_uri=store.address(page),
    )
    passed = stage is Stage.CANDIDATE
    rule = CRITERIA_PASSED if passed else CRITERIA_FAILED
    files = f"{len(report.manifest.files)} files match their digests"
    return Change(
        told,
        now,
        Move(rule, now, OPERATOR, f"{verdict.reason}: {verdict.message}"),
        (
            ("JobSucceeded", True, "Completed", "the run stored a result"),
            (_VERIFIED, True, "DigestsMatch", files),
            ("CriteriaMet", passed, verdict.reason, verdict.message),
            ("StatisticallySignificant", *significance(file, spec.run.trials)),
        ),
    )


def _with_job(status: ModelVersionStatus, state: JobState) -> ModelVersionStatus:
    """Return the status with what the Job's pods tell of when and how often the run was tried."""
    job = state.job
    started = [p.started for p in job.pods if p.started]
    return status.having(
        job_ref=JobRef(name=job.name, uid=job.uid),
        queue=state.queue,
        attempt=status.attempt + len(_new_pods(status, job)),
        pod_uid=job.pods[-1].uid if job.pods else status.pod_uid,
        start_time=status.start_time or (min(started) if started else None),
    )


def _new_pods(status: ModelVersionStatus, job: Job) -> tuple[Pod, ...]:
    """Return the pods made since the last look; an evicted one may be gone by now."""
    uids = [pod.uid for pod in job.pods]
    known = uids.index(status.pod_uid) + 1 if status.pod_uid in uids else 0
    return job.pods[known:]


def _took(start: datetime | None, end: datetime) -> str | None:
    """Return how long a run took; None if it never began."""
    if start is None:
        return None
    seconds = max(int((end - start).total_seconds()), 0)
    return f"{seconds // 60}m{seconds % 60}s" if seconds >= 60 else f"{seconds}s"
