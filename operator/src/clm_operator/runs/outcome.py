"""What came of a run: Job, pods, progress and verified report folded into the version's status.

              no Job yet            pod works           report verified
    (created) ----------> Pending ----------> Running -----------------> Succeeded: judged
                             |                   |
                             +---- fails --------+---------------------> Failed
A terminal status never changes again.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, auto

from clm_api.model_version import ModelVersionSpec
from clm_api.reasons import Reason
from clm_api.report import Progress
from clm_api.training_schedule import ConcurrencyPolicy
from clm_operator.complaints import Complaint
from clm_operator.facts import Facts
from clm_operator.findings import CorruptReport, Findings, Report, UnreadableReport
from clm_operator.jobs import policy
from clm_operator.jobs.failures import Failure
from clm_operator.jobs.state import JobState
from clm_operator.mirror.objects import Pod, Version


class Need(Enum):
    """What a version's Job needs."""

    NOTHING = auto()
    JOB = auto()
    NO_JOB = auto()
    KEYS = auto()


@dataclass(frozen=True)
class Nothing:
    """Nothing new: the run has ended."""


@dataclass(frozen=True)
class Waits:
    """It can't begin yet, and why.

    Parameters
    ----------
    has_job
        Whether a Job is there.
    """

    why: Complaint
    has_job: bool = False


@dataclass(frozen=True)
class Works:
    """Its pod works, or is held up in its work."""

    found: Complaint
    progress: Progress | None


@dataclass(frozen=True)
class AwaitsStore:
    """It has ended, and the store does not say what it left."""

    report: UnreadableReport


@dataclass(frozen=True)
class Judged:
    """It has ended with a result."""

    report: Report


@dataclass(frozen=True)
class Failed:
    """It has ended without a result."""

    why: Failure


Came = Nothing | Waits | Works | AwaitsStore | Judged | Failed


@dataclass(frozen=True)
class Outcome:
    """What came of a version's run, and what its Job needs."""

    version: Version
    came: Came
    need: Need = Need.NOTHING

    @property
    def ends(self) -> bool:
        """Whether this round ends the run."""
        return isinstance(self.came, Judged | Failed)


def outcomes_of(facts: Facts, findings: Findings) -> tuple[Outcome, ...]:
    """Return what came of every run; under policy Replace only the newest active one may stay."""
    outcomes = [outcome_of(version, facts, findings) for version in facts.versions]
    spec = facts.schedule.spec
    if spec is None or spec.concurrency_policy is not ConcurrencyPolicy.REPLACE:
        return tuple(outcomes)
    active = [i for i, o in enumerate(outcomes) if not o.version.terminal and not o.ends]
    for index in active[:-1]:
        newer = outcomes[active[-1]].version.name
        why = Failure(Reason.REPLACED, f"{newer} took its place (spec.concurrencyPolicy Replace)")
        outcomes[index] = replace(outcomes[index], came=Failed(why), need=Need.NOTHING)
    return tuple(outcomes)


def outcome_of(version: Version, facts: Facts, findings: Findings) -> Outcome:
    """Return what came of one run."""
    if version.terminal:
        goes = facts.left_alone.get(version.name)
        vain = goes is not None and goes <= facts.now
        return Outcome(version, Nothing(), Need.NO_JOB if vain else Need.NOTHING)
    if version.spec is None:
        return _failed(version, Reason.SPEC_INVALID, version.problem)
    state, report = facts.states.get(version.name), findings.reports.get(version.name)
    if isinstance(report, Report):
        return Outcome(version, Judged(report))
    if isinstance(report, CorruptReport):
        return _failed(version, Reason.ARTIFACT_CORRUPT, report.message)
    ours = version.name not in facts.foreign and (state is None or state.promises)
    if isinstance(report, UnreadableReport) and ours:
        return Outcome(version, AwaitsStore(report))
    if state is None:
        return _without_job(version, version.spec, facts)
    return _with_job(version, version.spec, state, facts, findings.progress.get(version.name))


def _failed(version: Version, reason: str, message: str) -> Outcome:
    return Outcome(version, Failed(Failure(reason, message)))


def _without_job(version: Version, spec: ModelVersionSpec, facts: Facts) -> Outcome:
    """Return whether its Job may be made, and why not."""
    if (barred := facts.barred.get(version.name)) is not None:
        return Outcome(version, Waits(Complaint(barred.reason, barred.message)))
    if version.name in facts.foreign:
        taken = f'Job "{version.name}" exists and belongs to something else: delete it'
        return _failed(version, Reason.NAME_COLLISION, taken)
    if (refusal := facts.refused.get(version.name)) is not None:
        text = f"the API server refuses its Job: {refusal}: correct spec.job"
        return _failed(version, Reason.SPEC_INVALID, text)
    if version.status.job_ref is not None:
        gone = "its Job was deleted before it had stored a result: start another run"
        return _failed(version, Reason.JOB_LOST, gone)
    problem = policy.problem(spec.run.model.family, spec.run.pod, facts.settings)
    if problem is not None:
        return _failed(version, Reason.SPEC_INVALID, problem)
    return Outcome(version, Waits(Complaint(Reason.RUN_SCHEDULED, "")), Need.JOB)


def _with_job(
    version: Version,
    spec: ModelVersionSpec,
    state: JobState,
    facts: Facts,
    progress: Progress | None,
) -> Outcome:
    """Return how the Job stands; what it left was looked for before."""
    if state.completed:
        empty = "its Job completed but the store holds no manifest"
        return _failed(version, Reason.ARTIFACT_CORRUPT, empty)
    if (why := state.failure or state.lingering or state.overdue) is not None:
        return Outcome(version, Failed(why))
    if state.pod is None or not state.begun:
        barred = facts.barred.get(version.name)
        found = Complaint(barred.reason, barred.message) if barred else state.held_up
        fresh = state.pod is not None and state.pod.uid != version.status.pod_uid
        keys = barred is None and (state.keyless or (fresh and state.takes_keys))
        return Outcome(version, Waits(found, has_job=True), Need.KEYS if keys else Need.NOTHING)
    if (silent := _silent(state.pod, progress, spec, facts)) is not None:
        return Outcome(version, Failed(silent))
    works = Complaint(Reason.TRAINING_STARTED, progress.message if progress else "")
    return Outcome(version, Works(state.interrupted or works, progress))


def _silent(
    pod: Pod, progress: Progress | None, spec: ModelVersionSpec, facts: Facts
) -> Failure | None:
    """Return why a working pod is given up; one that is being removed has another time to wait."""
    if pod.leaving is not None:
        limit = spec.run.pod.pending_deadline_seconds
        if facts.now - pod.leaving <= timedelta(seconds=limit):
            return None
        text = f"its pod has been leaving for {limit} s: its node does not answer; its Job is ended"
        return Failure(Reason.DEADLINE_EXCEEDED, text)
    began, stall_s = pod.started or pod.created, facts.settings.stall_seconds
    heard = max(began, progress.last_updated_time) if progress else began
    if pod.phase != "Running" or facts.now - heard <= timedelta(seconds=stall_s):
        return None
    text = f"no progress for {stall_s} s; its Job is ended"
    return Failure(Reason.DEADLINE_EXCEEDED, text)
