"""Facts and findings of a simulation in, one plan out.

    frozen: task.json       all Jobs of variants          all slots trained          report verified
    Pending ------------> Pending, then Running ----------> Running: reducing -------> Succeeded
       |                          |                                |
       +-- spec at fault ---------+-- a Job failed ----------------+-----------------> Failed

A simulation that has ended never changes again; after ``ttlSecondsAfterFinished`` its Jobs go, and
the trained slots with them.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from clm_api.model_version import TERMINAL, Phase
from clm_api.simulation_task import SimulationTask
from clm_operator.simulations import acts
from clm_operator.simulations.acts import Act, Plan
from clm_operator.simulations.came import Came, before_frozen, of_frozen
from clm_operator.simulations.facts import Facts, JobSeen
from clm_operator.simulations.frozen import Frozen
from clm_operator.simulations.needs import is_missing, may_lack_keys
from clm_operator.simulations.status import frozen_status, happenings_of, status_of
from clm_operator.simulations.view import Fault, Findings


def plan(facts: Facts, findings: Findings) -> Plan:
    """Decide."""
    if facts.simulation.terminal:
        return _afterwards(facts)
    if not facts.is_frozen:
        return _freezing(facts, findings)
    came = of_frozen(facts, findings)
    return _planned(facts, came, tuple(_jobs(facts, findings, came)))


def _freezing(facts: Facts, findings: Findings) -> Plan:
    store, held = facts.view.store, facts.view.withheld.get(acts.TASK)
    why = None
    if held is not None:
        why = Fault(held.reason, held.message)
    elif store is not None and not store.ready:
        why = Fault(store.reason, store.message)
    came = before_frozen(facts, findings, why)
    frozen = findings.frozen
    if not isinstance(frozen, Frozen) or why is not None or came.phase is Phase.FAILED:
        return _planned(facts, came)
    made = status_of(facts, came)
    fixed = frozen_status(facts, frozen)
    status = made.having(
        task_sha256=fixed.task_sha256, uri=fixed.uri, variants=fixed.variants, slots=fixed.slots
    )
    return Plan(status, (acts.WriteTask(frozen),), wake_at=facts.now)


def _jobs(facts: Facts, findings: Findings, came: Came) -> Iterator[Act]:
    """Yield what is made and what is ended."""
    if came.phase is Phase.FAILED:
        yield from (acts.DeleteJob(job) for job in facts.ours if not job.finished)
        return
    if not isinstance(findings.task, SimulationTask):
        return
    reduces = all(v.phase is Phase.SUCCEEDED for v in came.variants)
    if reduces and came.report is None:
        yield from _made(facts, facts.reduce, None)
    for one, after in zip(facts.variants, came.variants, strict=True):
        if after.phase in TERMINAL:
            continue
        yield from _made(facts, one.seen, one.number)


def _made(facts: Facts, seen: JobSeen, number: int | None) -> Iterator[Act]:
    """Yield what makes a Job, or the keys that it may lack."""
    if seen.name in facts.view.withheld:
        return
    if is_missing(seen):
        yield acts.CreateJob(number)
    elif may_lack_keys(seen) and seen.job is not None:
        yield acts.Lend(seen.job, number)


def _planned(facts: Facts, came: Came, made: tuple[Act, ...] = ()) -> Plan:
    status = status_of(facts, came)
    again = facts.now + facts.poll
    if came.phase in TERMINAL:
        again = _goes(facts, status.completion_time or facts.now)
    return Plan(status, made, tuple(happenings_of(facts, came)), again)


def _afterwards(facts: Facts) -> Plan:
    """End what still works; remove Jobs and slots once their time is up."""
    status = facts.simulation.status
    goes = _goes(facts, status.completion_time or facts.simulation.created)
    kept = status.having(untold=[])
    if facts.now < goes:
        over = tuple(acts.DeleteJob(job) for job in facts.ours if not job.finished)
        return Plan(kept, over, wake_at=goes)
    gone = tuple(acts.DeleteJob(job) for job in facts.ours)
    slots = () if status.task_sha256 is None else (acts.RemoveSlots(),)
    return Plan(kept, (*gone, *slots))


def _goes(facts: Facts, ended: datetime) -> datetime:
    spec = facts.simulation.spec
    return ended + timedelta(seconds=0 if spec is None else spec.ttl_seconds_after_finished)
