"""The status that says what came of a simulation, and what it makes known."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from clm_api.happening import Happening
from clm_api.kstatus import conditions_of
from clm_api.model_version import TERMINAL, ArtifactStatus, JobRef, Phase
from clm_api.reasons import Reason
from clm_api.simulation import SimulatedVariant, SimulationStatus
from clm_api.simulation_task import VariantResult
from clm_api.timing import whole_seconds
from clm_operator.simulations.came import Came
from clm_operator.simulations.facts import Facts
from clm_operator.simulations.frozen import Frozen
from clm_operator.simulations.view import SimulationReport

_LONGEST_S = 10 * 365 * 86400
"""Nobody knows an end that lies further off."""


def frozen_status(facts: Facts, frozen: Frozen) -> SimulationStatus:
    """Return the status of a simulation that has just been frozen, as far as that goes."""
    named = zip(frozen.task.variants, frozen.slots, strict=True)
    return facts.simulation.status.having(
        task_sha256=frozen.sha256,
        uri=facts.settings.store.address(facts.layout.prefix),
        variants=[SimulatedVariant(name=v.name, slots=slots) for v, slots in named],
        slots=sum(frozen.slots),
    )


def status_of(facts: Facts, came: Came) -> SimulationStatus:
    """Return the status that says it."""
    before, now = facts.simulation.status, whole_seconds(facts.now)
    variants = list(came.variants) or before.variants
    slots, trained = sum(v.slots for v in variants), sum(v.trained for v in variants)
    start = before.start_time or (now if came.works else None)
    ended = came.phase in TERMINAL
    job = facts.reduce.job
    status = before.having(
        observed_generation=facts.simulation.generation,
        phase=came.phase,
        reason=came.reason,
        message=came.message,
        start_time=start,
        completion_time=before.completion_time or (now if ended else None),
        estimated_completion_time=None if ended else _eta(before, start, trained, slots, now),
        slots=slots,
        trained=trained,
        percent=100 * trained // slots if slots else 0,
        variants=variants,
        reduce_job_ref=before.reduce_job_ref if job is None else JobRef(name=job.name, uid=job.uid),
        reduce_queue=None if ended or facts.reduce.state is None else facts.reduce.state.queue,
        conditions=list(
            conditions_of(before.conditions, came.phase, came.reason, came.message, facts.now)
        ),
        untold=[],
    )
    return status if came.report is None else _with_report(status, facts, came.report)


def _eta(
    before: SimulationStatus, start: datetime | None, trained: int, slots: int, now: datetime
) -> datetime | None:
    """Return when all slots will be trained at the speed so far; anew only where more are."""
    if start is None or not trained or trained == slots:
        return None
    if trained == before.trained and before.estimated_completion_time is not None:
        return before.estimated_completion_time
    left = max((now - start).total_seconds(), 0.0) * (slots / trained - 1)
    return now + timedelta(seconds=round(left)) if left <= _LONGEST_S else None


def _with_report(
    status: SimulationStatus, facts: Facts, report: SimulationReport
) -> SimulationStatus:
    store, layout = facts.settings.store, facts.layout
    results = {one.name: one for one in report.result.variants}
    best = _best(report.result.variants)
    figures = {} if best is None else best.production
    page = report.manifest.file("report.html")
    return status.having(
        variants=[_judged(one, results[one.name]) for one in status.variants],
        best=None if best is None else best.name,
        total_return=figures.get("totalReturn"),
        sharpe=figures.get("sharpe"),
        overfitting_probability=report.result.overfitting.probability,
        artifact=ArtifactStatus(
            uri=store.address(layout.manifest),
            sha256=report.manifest_sha256,
            size_bytes=report.size_bytes,
        ),
        report_uri=store.address(layout.file(page.path)),
    )


def _judged(one: SimulatedVariant, result: VariantResult) -> SimulatedVariant:
    production = result.production
    return one.having(
        failed=result.failed,
        passed=result.passed,
        promotions=result.promotions,
        total_return=production.get("totalReturn"),
        sharpe=production.get("sharpe"),
        max_drawdown=production.get("maxDrawdown"),
        buy_and_hold=result.buy_and_hold,
    )


def _best(results: list[VariantResult]) -> VariantResult | None:
    """Return the first one with the highest Sharpe ratio; None where none has one."""
    judged = [one for one in results if "sharpe" in one.production]
    return max(judged, key=lambda one: one.production["sharpe"], default=None)


def happenings_of(facts: Facts, came: Came) -> Iterator[Happening]:
    """Return what a change of phase makes known."""
    before = facts.simulation.status.phase
    if came.phase is before or came.phase is Phase.PENDING:
        return
    if before is Phase.PENDING and came.works:
        slots = sum(v.slots for v in came.variants)
        yield _told("begun", Reason.SIMULATING, f"{slots} versions are being trained", facts)
    if came.phase in TERMINAL:
        yield _told("ended", came.reason, came.message, facts, well=came.phase is Phase.SUCCEEDED)


def _told(key: str, reason: Reason, message: str, facts: Facts, *, well: bool = True) -> Happening:
    return Happening(
        id=f"{facts.simulation.uid}/{key}",
        type="Normal" if well else "Warning",
        reason=reason,
        message=message,
        at=whole_seconds(facts.now),
    )
