"""What came of a simulation so far: one reason and one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from clm_api.model_version import JobRef, Phase
from clm_api.queueing import QueueStatus
from clm_api.reasons import Reason
from clm_api.simulation import SimulatedVariant
from clm_api.simulation_task import SimulationTask
from clm_operator.findings import CorruptReport, UnreadableReport
from clm_operator.jobs import policy
from clm_operator.jobs.failures import Failure
from clm_operator.jobs.state import JobState, state_of
from clm_operator.simulations.acts import TASK
from clm_operator.simulations.facts import Facts, JobSeen, VariantSeen, trained_by
from clm_operator.simulations.view import Fault, Findings, SimulationReport


@dataclass(frozen=True)
class Came:
    """How a simulation stands.

    Parameters
    ----------
    phase, reason, message
        As in the status.
    variants
        Of the status; empty before it is frozen.
    works
        Whether a pod of it works, or worked.
    report
        The verified result, of one that has succeeded.
    """

    phase: Phase
    reason: Reason
    message: str
    variants: tuple[SimulatedVariant, ...] = ()
    works: bool = False
    report: SimulationReport | None = None


def pending(reason: Reason, message: str) -> Came:
    """Return one that has not begun."""
    return Came(Phase.PENDING, reason, message)


def failed(reason: Reason, message: str) -> Came:
    """Return one that has failed."""
    return Came(Phase.FAILED, reason, message)


def before_frozen(facts: Facts, findings: Findings, held: Fault | None) -> Came:
    """Return how one stands of which nothing is frozen.

    Parameters
    ----------
    held
        Why task.json can't be written now.
    """
    simulation, found = facts.simulation, findings.frozen or facts.view.schedule
    if simulation.spec is None:
        return failed(Reason.SPEC_INVALID, simulation.problem)
    if (other := facts.view.refused.get(TASK)) is not None:
        return failed(Reason.ARTIFACT_CORRUPT, other)
    if isinstance(found, Fault):
        return failed(found.reason, found.message)
    if found is None:
        name = simulation.spec.schedule_name
        text = f'spec.scheduleName: there is no TrainingSchedule "{name}": it begins once there is'
        return pending(Reason.SPEC_INVALID, text)
    if held is not None:
        return pending(held.reason, held.message)
    return pending(Reason.SIMULATING, "schedule and variants are frozen; its Jobs are being made")


def of_frozen(facts: Facts, findings: Findings) -> Came:
    """Return how one stands whose Jobs are made, or are to be."""
    if isinstance(findings.task, CorruptReport):
        return failed(Reason.ARTIFACT_CORRUPT, findings.task.message)
    variants = tuple(_variant(one, facts, findings) for one in facts.variants)
    bad = next((v for v in variants if v.phase is Phase.FAILED), None)
    works = any(v.trained for v in variants) or any(v.seen.worked for v in facts.variants)
    if bad is not None:
        text = f'variant "{bad.name}": {bad.message}'
        reason = _why(facts.variants[variants.index(bad)], facts, findings)
        return replace(failed(reason, text), variants=variants, works=works)
    if any(v.phase is not Phase.SUCCEEDED for v in variants):
        came = _training(facts, findings, variants)
        return replace(came, variants=variants, works=works)
    return replace(_reducing(facts, findings), variants=variants, works=True)


def _training(facts: Facts, findings: Findings, variants: Sequence[SimulatedVariant]) -> Came:
    begun = any(v.phase is not Phase.PENDING for v in variants)
    phase = Phase.RUNNING if begun else Phase.PENDING
    done, all_ = sum(v.trained for v in variants), sum(v.slots for v in variants)
    text = f"{done} of {all_} versions are trained"
    if isinstance(findings.task, UnreadableReport):
        return Came(phase, findings.task.reason, findings.task.message)
    held = [(v, w) for v in facts.variants if (w := _waits(v.seen, facts)) is not None]
    if held and not begun:
        return Came(phase, held[0][1].reason, held[0][1].message)
    if held:
        text = f'{text}; variant "{held[0][0].status.name}" waits: {held[0][1].message}'
    return Came(phase, Reason.SIMULATING, text)


def _reducing(facts: Facts, findings: Findings) -> Came:
    seen, found = facts.reduce, findings.report
    if isinstance(found, SimulationReport):
        return Came(Phase.SUCCEEDED, Reason.SIMULATED, _answer(found), report=found)
    if isinstance(found, CorruptReport):
        return failed(Reason.ARTIFACT_CORRUPT, found.message)
    if isinstance(found, UnreadableReport):
        return Came(Phase.RUNNING, found.reason, found.message)
    if seen.state is not None and seen.state.completed:
        empty = "the Job that reduces completed but the store holds no manifest"
        return failed(Reason.ARTIFACT_CORRUPT, empty)
    if isinstance(findings.task, UnreadableReport) and seen.state is None:
        return Came(Phase.RUNNING, findings.task.reason, findings.task.message)
    if (why := _ended(seen, facts) or _barred(seen, 0, facts, findings)) is not None:
        return failed(Reason.SIMULATION_FAILED, f"the Job that reduces: {why}")
    if (late := _late(seen, 0, facts, findings)) is not None:
        return failed(_given_up(late), f"the Job that reduces: {late.reason}: {late.message}")
    if (waits := _waits(seen, facts)) is not None:
        return Came(Phase.RUNNING, waits.reason, waits.message)
    return Came(Phase.RUNNING, Reason.REDUCING, "all versions are trained; the report is written")


def _variant(one: VariantSeen, facts: Facts, findings: Findings) -> SimulatedVariant:
    status, seen = one.status, one.seen
    if status.phase in (Phase.SUCCEEDED, Phase.FAILED):
        return status
    if (why := _over(one, facts, findings)) is not None:
        ref = _ref(seen) or status.job_ref
        return status.having(phase=Phase.FAILED, message=why, job_ref=ref, queue=_queue(seen))
    if seen.job is None:
        held = _waits(seen, facts)
        return status.having(message="" if held is None else held.message, queue=None)
    if seen.state is not None and seen.state.completed:
        return status.having(
            phase=Phase.SUCCEEDED, trained=status.slots, message="", job_ref=_ref(seen), queue=None
        )
    listed = findings.progress.get(status.name, 0)
    trained = max(status.trained, listed, trained_by(seen.job, status.slots))
    waits = _waits(seen, facts)
    return status.having(
        phase=Phase.RUNNING if trained or seen.worked else status.phase,
        trained=min(trained, status.slots),
        message="" if waits is None else waits.message,
        job_ref=_ref(seen),
        queue=_queue(seen),
    )


def _over(one: VariantSeen, facts: Facts, findings: Findings) -> str | None:
    """Return why a variant can't be trained any more; None while it may."""
    seen = one.seen
    why = _ended(seen, facts) or _barred(seen, one.number, facts, findings)
    late = _late(seen, one.number, facts, findings, begun=one.status.phase is not Phase.PENDING)
    return why or (None if late is None else f"{late.reason}: {late.message}")


def _why(one: VariantSeen, facts: Facts, findings: Findings) -> Reason:
    """Return the reason of a simulation of which a variant has failed."""
    late = _late(one.seen, one.number, facts, findings, begun=True)
    return Reason.SIMULATION_FAILED if late is None else _given_up(late)


def _given_up(late: Failure) -> Reason:
    held = late.reason == Reason.NOT_ADMISSIBLE
    return Reason.NOT_ADMISSIBLE if held else Reason.SIMULATION_FAILED


def _queue(seen: JobSeen) -> QueueStatus | None:
    return None if seen.state is None else seen.state.queue


def _ref(seen: JobSeen) -> JobRef | None:
    return None if seen.job is None else JobRef(name=seen.job.name, uid=seen.job.uid)


def _ended(seen: JobSeen, facts: Facts) -> str | None:
    """Return why a Job can't end well; None while it may, or has."""
    if seen.foreign and not seen.leaving:
        return f'Job "{seen.name}" exists and belongs to something else: delete it'
    if seen.state is None:
        refusal = facts.view.refused.get(seen.name)
        return refusal and f"the API server refuses its Job: {refusal}"
    if seen.state.completed:
        return None
    why = seen.state.failure
    return None if why is None else f"{why.reason}: {why.message}"


def _barred(seen: JobSeen, number: int, facts: Facts, findings: Findings) -> str | None:
    """Return why a Job that was frozen earlier is not made any more; None where it may be."""
    task = findings.task
    if seen.state is not None or not isinstance(task, SimulationTask):
        return None
    run = task.variants[number].run
    return policy.problem(run.model.family, run.pod, facts.settings)


def _late(
    seen: JobSeen, number: int, facts: Facts, findings: Findings, *, begun: bool = False
) -> Failure | None:
    """Return why a Job of which no pod works is given up; None while it may wait.

    Parameters
    ----------
    begun
        Whether pods of it worked before: then it waits for a node as long as it may last.
    """
    task, job = findings.task, seen.job
    if job is None or job.finished or seen.works or not isinstance(task, SimulationTask):
        return None
    if not job.suspended and (begun or seen.worked):
        return None
    limit_s = task.variants[number].run.pod.pending_deadline_seconds
    return state_of(job, None, limit_s, facts.now, _queue(seen)).overdue


def _waits(seen: JobSeen, facts: Facts) -> Fault | None:
    """Return what holds up a Job; None where it works, or nobody says anything."""
    if seen.leaving:
        text = f'Job "{seen.name}", of a simulation that is gone, is being removed'
        return Fault(Reason.COLLECTION_PENDING, text)
    if (held := facts.view.withheld.get(seen.name)) is not None:
        return Fault(held.reason, held.message)
    state: JobState | None = seen.state
    if state is not None and "deletionTimestamp" in state.job.raw["metadata"]:
        text = f'Job "{seen.name}" is being removed; another one is made once it is gone'
        return Fault(Reason.COLLECTION_PENDING, text)
    if state is None or state.job.finished or seen.works or not state.held_up.words:
        return None
    return Fault(Reason(state.held_up.reason), state.held_up.words)


def _answer(report: SimulationReport) -> str:
    result = report.result
    passed = sum(v.passed for v in result.variants)
    judged = sum(v.versions - v.failed for v in result.variants)
    return f"{passed} of {judged} versions passed the gate; the report is verified"
