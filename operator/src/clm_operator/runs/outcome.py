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
from clm_operator.complaints import Complaint
from clm_operator.conditions import Said, stated
from clm_operator.facts import Facts
from clm_operator.findings import CorruptReport, Findings, Report, UnreadableReport
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
from clm_operator.stages.candidates import verdict_words
from clm_operator.stages.lifecycle import (
    CRITERIA_FAILED,
    CRITERIA_PASSED,
    OPERATOR,
    RUN_FAILED,
    move,
)
from clm_operator.view import Withheld
from clm_operator.words import same_words

_VERIFIED = "ArtifactVerified"


class Need(Enum):
    """What a version's Job needs."""

    NOTHING = auto()
    JOB = auto()
    NO_JOB = auto()


@dataclass(frozen=True)
class Outcome:
    """A version's next status and what its Job needs."""

    version: Version
    status: ModelVersionStatus
    need: Need = Need.NOTHING

    @property
    def ended_now(self) -> bool:
        """Whether this round ends the run."""
        ended = (Phase.SUCCEEDED, Phase.FAILED)
        return not self.version.terminal and self.status.phase in ended

    @property
    def says_the_same(self) -> bool:
        """Whether the status stays as it is, but for what is told of it meanwhile."""
        before = self.version.status
        return self.status.having(untold=before.untold) == before


def fold(version: Version, facts: Facts, findings: Findings) -> Outcome:
    """Return what became of one version, and where its files lie."""
    job = facts.jobs.get(version.name)
    if version.terminal:
        goes = goes_at(version, job)
        vain = goes is not None and goes <= facts.now
        return Outcome(version, version.status, Need.NO_JOB if vain else Need.NOTHING)
    if version.spec is None:
        return failed(version, Failure(Reason.SPEC_INVALID, version.problem), facts.now)
    outcome = _of_run(version, version.spec, job, facts, findings)
    place = {"run_uri": version.status.run_uri or _folder(version, version.spec, facts)}
    return replace(outcome, status=outcome.status.model_copy(update=place))


def _of_run(
    version: Version,
    spec: ModelVersionSpec,
    job: Job | None,
    facts: Facts,
    findings: Findings,
) -> Outcome:
    if (read := _of_result(version, spec, job, facts, findings)) is not None:
        return read
    if job is None:
        return _without_job(version, spec, facts)
    if owner_uid(job.raw) != version.uid:
        if (leaving := facts.barred.get(version.name)) is not None:
            return Outcome(version, _withheld(version, leaving))
        taken = f'Job "{version.name}" exists and belongs to something else: delete it'
        return failed(version, Failure(Reason.NAME_COLLISION, taken), facts.now)
    if job.condition("Complete"):
        empty = "its Job completed but the store holds no manifest"
        return failed(version, Failure(Reason.ARTIFACT_CORRUPT, empty), facts.now, job)
    if job.condition("Failed"):
        return failed(version, explain(job), facts.now, job)
    if (vain := lingering(job, facts.now)) is not None:
        return failed(version, vain, facts.now, job)
    return _active(version, spec, job, facts, findings)


def _of_result(
    version: Version,
    spec: ModelVersionSpec,
    job: Job | None,
    facts: Facts,
    findings: Findings,
) -> Outcome | None:
    """Return what the store says of a run whose trainer has ended; None if it says nothing."""
    if job is not None and not job.finished and job.trainer_ended is None:
        return None
    report = findings.reports.get(version.name)
    match report:
        case Report():
            judged = _judged(version, spec, job, report, facts)
            return _sound(judged, facts.now, job)
        case CorruptReport():
            why = Failure(Reason.ARTIFACT_CORRUPT, report.message)
            return failed(version, why, facts.now, job)
        case UnreadableReport() if _has_result(job):
            return _waiting_for_store(version, report, facts.now)
    return None


def _without_job(version: Version, spec: ModelVersionSpec, facts: Facts) -> Outcome:
    if (refusal := facts.refused.get(version.name)) is not None:
        text = f"the API server refuses its Job: {refusal}: correct spec.job"
        return failed(version, Failure(Reason.SPEC_INVALID, text), facts.now)
    if (withheld := facts.barred.get(version.name)) is not None:
        return Outcome(version, _withheld(version, withheld))
    if version.status.job_ref is None:
        problem = policy.problem(spec.run.model.family, spec.run.pod, facts.settings)
        if problem is not None:
            return failed(version, Failure(Reason.SPEC_INVALID, problem), facts.now)
        return Outcome(version, _pending(version), Need.JOB)
    gone = "its Job was deleted before it had stored a result: start another run"
    return failed(version, Failure(Reason.JOB_LOST, gone), facts.now)


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
    status = with_job(moved, job).model_copy(
        update={
            "phase": Phase.FAILED,
            "reason": str(why.reason)[:64],
            "message": why.message[:4096],
            "completion_time": now,
            "progress": None,
            "pod_missing_since": None,
        }
    )
    said: list[Said] = [("JobSucceeded", False, why.reason, why.message)]
    if why.reason == Reason.ARTIFACT_CORRUPT or any(c.type == _VERIFIED for c in status.conditions):
        said.append((_VERIFIED, False, why.reason, why.message))
    return Outcome(version, stated(timed(status), now, *said))


def _folder(version: Version, spec: ModelVersionSpec, facts: Facts) -> str:
    """Return the address of the run's folder in the store."""
    layout = RunLayout(version.namespace, spec.schedule_ref.name, version.run_uid)
    return f"{facts.settings.store.url.rstrip('/')}/{layout.prefix}"


def _pending(
    version: Version, reason: Reason = Reason.RUN_SCHEDULED, message: str = ""
) -> ModelVersionStatus:
    update = {"phase": Phase.PENDING, "stage": Stage.TRAINING, "reason": reason, "progress": None}
    return version.status.model_copy(update=update | {"message": message[:4096]})


def _withheld(version: Version, why: Withheld) -> ModelVersionStatus:
    """Say why there is no Job."""
    return _pending(version, why.reason, same_words(version.status.message, why.message[:4096]))


def _active(
    version: Version,
    spec: ModelVersionSpec,
    job: Job,
    facts: Facts,
    findings: Findings,
) -> Outcome:
    pod = job.pods[-1] if job.pods else None
    status = with_job(version.status, job)
    progress = findings.progress.get(version.name)
    if pod is None or pod.phase == "Pending":
        status = status.model_copy(update={"progress": None})
        keys = facts.barred.get(version.name)
        return _not_started(version, spec, job, status, facts.now, keys)
    if (silent := _silent(pod, progress, spec, facts)) is not None:
        return failed(version, silent, facts.now, job)
    works = Complaint(Reason.TRAINING_STARTED, progress.message if progress else "")
    found = interrupted(job) or works
    update = {
        "phase": Phase.RUNNING,
        "stage": Stage.TRAINING,
        "reason": found.reason[:64],
        "message": found.words[:4096],
        "progress": progress or _of_this_pod(status.progress, pod),
        "pod_missing_since": None,
    }
    return Outcome(version, status.model_copy(update=update))


def _of_this_pod(progress: Progress | None, pod: Pod) -> Progress | None:
    """Return what was said last, unless a former attempt said it."""
    said_since = progress is not None and progress.last_updated_time >= pod.created
    return progress if said_since else None


def _silent(
    pod: Pod,
    progress: Progress | None,
    spec: ModelVersionSpec,
    facts: Facts,
) -> Failure | None:
    """Return why a working pod is given up; one that is being removed has another time to wait."""
    if pod.leaving is not None:
        limit = spec.run.pod.pending_deadline_seconds
        if facts.now - pod.leaving <= timedelta(seconds=limit):
            return None
        text = f"its pod has been leaving for {limit} s: its node does not answer; its Job is ended"
        return Failure(Reason.DEADLINE_EXCEEDED, text)
    began = pod.started or pod.created
    heard = max(began, progress.last_updated_time) if progress else began
    stall_s = facts.settings.stall_seconds
    if pod.phase != "Running" or facts.now - heard <= timedelta(seconds=stall_s):
        return None
    text = f"no progress for {stall_s} s; its Job is ended"
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
    update = {
        "phase": Phase.PENDING,
        "stage": Stage.TRAINING,
        "reason": found.reason[:64],
        "message": same_words(status.message, found.words[:1024]),
        "pod_missing_since": missing,
    }
    return Outcome(version, status.model_copy(update=update))


def _waiting_for_store(version: Version, report: UnreadableReport, now: datetime) -> Outcome:
    """Say that the store is away; once, for its words have times and counts in them."""
    status = version.status
    known = status.reason == report.reason
    message = status.message if known and status.message else report.message[:4096]
    status = status.model_copy(update={"reason": str(report.reason), "message": message})
    if status.job_ref is None:
        return Outcome(version, status)
    return Outcome(version, stated(status, now, (_VERIFIED, None, report.reason, message)))


def _sound(outcome: Outcome, now: datetime, job: Job | None) -> Outcome:
    """Refuse a result that no status can hold: the API server would refuse it for ever."""
    try:
        ModelVersionStatus.model_validate(outcome.status.to_json_dict())
    except ValidationError as error:
        text = validation_text(error, "the result does not fit into the version's status")
        why = Failure(Reason.ARTIFACT_CORRUPT, text)
        return failed(outcome.version, why, now, job)
    return outcome


def _judged(
    version: Version,
    spec: ModelVersionSpec,
    job: Job | None,
    report: Report,
    facts: Facts,
) -> Outcome:
    promotion, file = spec.run.promotion, report.metrics
    verdict = judge(file.metrics, file.undefined, promotion.criteria, promotion.significance)
    message = verdict_words(promotion, Stage(verdict.stage), verdict.message)
    folder = _folder(version, spec, facts)
    data = report.manifest.data
    passed = verdict.stage == Stage.CANDIDATE
    moved = move(
        version.status,
        CRITERIA_PASSED if passed else CRITERIA_FAILED,
        at=facts.now,
        by=OPERATOR,
        reason=f"{verdict.reason}: {verdict.message}",
    )
    status = with_job(moved, job).model_copy(
        update={
            "phase": Phase.SUCCEEDED,
            "reason": verdict.reason,
            "message": message[:4096],
            "completion_time": facts.now,
            "pod_missing_since": None,
            "progress": Progress(
                stage="done", percent=100, message="", last_updated_time=facts.now
            ),
            "data": DataStatus.model_validate(
                data.model_dump() | {"message": "; ".join(data.notes)[:1024]}
            ),
            "trained_until": file.trained_until,
            "metrics": MetricsStatus.model_validate(
                {**file.metrics, "folds": [f.model_dump() for f in report.folds]}
            ),
            "criteria": list(verdict.verdicts),
            "artifact": ArtifactStatus(
                uri=f"{folder}/manifest.json",
                sha256=report.manifest_sha256,
                size_bytes=report.size_bytes,
            ),
            "report_uri": f"{folder}/attempts/{report.manifest.attempt}/report.html",
        }
    )
    files = f"{len(report.manifest.files)} files match their digests"
    return Outcome(
        version,
        stated(
            timed(status),
            facts.now,
            ("JobSucceeded", True, "Completed", "the run stored a result"),
            (_VERIFIED, True, "DigestsMatch", files),
            ("CriteriaMet", passed, verdict.reason, verdict.message),
            ("StatisticallySignificant", *significance(file, spec.run.trials)),
        ),
    )
