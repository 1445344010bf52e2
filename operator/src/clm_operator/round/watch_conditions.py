"""Conditions of what is watched: each is there while something is in production and it is on."""

from collections.abc import Iterator

from clm_api.drift import DriftVerdict
from clm_api.monitoring import DriftMode, PerformanceMode, StaleMode
from clm_api.performance import PerformanceVerdict
from clm_api.reasons import Reason
from clm_api.schedule_status import TrainingScheduleStatus
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.changes import Said
from clm_operator.facts import Facts
from clm_operator.replays.execution import shortfall
from clm_operator.replays.stale import STALE, staleness
from clm_operator.stages.degraded import would

WATCHED = ("Drifted", "Degraded", STALE, "Executed")
_DRIFT: dict[DriftVerdict, tuple[bool | None, Reason]] = {
    DriftVerdict.DRIFTED: (True, Reason.DRIFTED),
    DriftVerdict.STEADY: (False, Reason.STEADY),
    DriftVerdict.TOO_EARLY: (None, Reason.TOO_EARLY),
    DriftVerdict.NO_REFERENCE: (None, Reason.NO_REFERENCE),
}
_PERFORMANCE: dict[PerformanceVerdict, tuple[bool | None, Reason]] = {
    PerformanceVerdict.DEGRADED: (True, Reason.DEGRADED),
    PerformanceVerdict.AS_PROMISED: (False, Reason.AS_PROMISED),
    PerformanceVerdict.TOO_EARLY: (None, Reason.TOO_EARLY),
}
_SOON = "no replay has looked at it yet"


def watched(facts: Facts, after: TrainingScheduleStatus) -> Iterator[Said]:
    """Yield the conditions that a schedule's next status says."""
    spec = facts.schedule.spec
    if after.production is None or spec is None:
        return
    monitoring = spec.monitoring
    if monitoring.drift.mode is not DriftMode.OFF:
        retrains = monitoring.drift.mode is DriftMode.RETRAIN
        yield _drifted(after, _unless_suspended(spec, retrains=retrains))
    if monitoring.performance.mode is not PerformanceMode.OFF:
        retrains = monitoring.performance.mode is PerformanceMode.RETRAIN
        note = would(spec, after, facts.ended)
        yield _degraded(after, _unless_suspended(spec, retrains=retrains) + note)
    if (age := staleness(facts, after)) is not None:
        retrains = monitoring.on_stale is StaleMode.RETRAIN
        words = age.message + (_unless_suspended(spec, retrains=retrains) if age.stale else "")
        yield STALE, age.stale, Reason.STALE if age.stale else Reason.FRESH, words
    if spec.data.own_trades:
        yield _executed(facts, after)


def _unless_suspended(spec: TrainingScheduleSpec, *, retrains: bool) -> str:
    """Say that nothing is trained by itself."""
    return "; spec.suspend is true: nothing is retrained" if retrains and spec.suspend else ""


def _drifted(after: TrainingScheduleStatus, note: str) -> Said:
    if (drift := after.drift) is None:
        return "Drifted", None, Reason.TOO_EARLY, _SOON
    holds, reason = _DRIFT[drift.verdict]
    return "Drifted", holds, reason, drift.message + (note if holds else "")


def _degraded(after: TrainingScheduleStatus, note: str) -> Said:
    if (performance := after.performance) is None:
        return "Degraded", None, Reason.TOO_EARLY, _SOON
    holds, reason = _PERFORMANCE[performance.verdict]
    return "Degraded", holds, reason, performance.message + (note if holds else "")


def _executed(facts: Facts, after: TrainingScheduleStatus) -> Said:
    execution = after.production.execution if after.production else None
    if execution is None:
        return "Executed", None, Reason.TOO_EARLY, _SOON
    if (words := shortfall(facts, execution)) is None:
        return "Executed", True, Reason.EXECUTED, execution.message
    return "Executed", False, Reason.EXECUTION_SHORTFALL, f"{words}; {execution.message}"
