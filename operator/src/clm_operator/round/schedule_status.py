"""The status of a TrainingSchedule from what a round saw and decided."""

from dataclasses import replace
from datetime import datetime

from clm_api.conditions import SpecCondition, condition, set_conditions
from clm_api.lifecycle import Stage
from clm_api.model_version import ModelVersionStatus, Phase
from clm_api.reasons import Reason
from clm_api.schedule_status import KEPT_ACTIVE, ActiveRun, LastRun, TrainingScheduleStatus
from clm_operator.findings import StoreSeen
from clm_operator.mirror.objects import ScheduleObject, Version
from clm_operator.stages.candidates import leading
from clm_operator.stages.requests import is_missing

_DATA_REASONS = {
    Reason.DATA_GAP,
    Reason.DATA_INVALID,
    Reason.DATA_UNAVAILABLE,
    Reason.INSUFFICIENT_DATA,
    Reason.SYMBOL_UNKNOWN,
    Reason.EXCHANGE_BANNED,
    Reason.EXCHANGE_DENIED,
}
_ONLY_WHILE_TRUE = {"Stalled", "ProductionVersionMissing"}
"""Conditions of trouble: they are there while it lasts, as kstatus and kubectl wait expect it."""
Runs = list[tuple[Version, ModelVersionStatus]]


def run_facts(status: TrainingScheduleStatus, runs: Runs) -> TrainingScheduleStatus:
    """Lay what the runs say over a status.

    Parameters
    ----------
    runs
        Every version with its next status, oldest first.
    """
    active = [
        ActiveRun(name=v.name, phase=s.phase)
        for v, s in runs
        if s.phase in (Phase.PENDING, Phase.RUNNING)
    ]
    ended = [s.completion_time for _, s in runs if s.phase is Phase.SUCCEEDED and s.completion_time]
    first = leading([replace(v, status=s) for v, s in runs if s.stage is Stage.CANDIDATE])
    return status.having(
        active=active[-KEPT_ACTIVE:],
        last_run=_last_run(runs) or status.last_run,
        last_successful_time=max(ended, default=status.last_successful_time),
        candidate=first.name if first else None,
        shadow=next((v.name for v, s in runs if s.stage is Stage.SHADOW), None),
    )


def _last_run(runs: Runs) -> LastRun | None:
    """Return the newest run; None if there is none, or what was asked for can't be read."""
    version, newest = runs[-1] if runs else (None, None)
    if version is None or newest is None or version.spec is None:
        return None
    return LastRun(
        name=version.name,
        trigger=version.spec.trigger.type,
        phase=newest.phase,
        stage=newest.stage,
        reason=newest.reason,
        start_time=newest.start_time,
        completion_time=newest.completion_time,
    )


def with_conditions(
    schedule: ScheduleObject,
    status: TrainingScheduleStatus,
    runs: Runs,
    now: datetime,
    problem: str = "",
) -> TrainingScheduleStatus:
    """Return the status with all conditions and the observed generation.

    By kstatus one that is suspended is up to date, and one whose spec is invalid has failed.
    """
    made = [
        _ready(schedule, status, now, problem),
        _valid(schedule, status, now, problem),
        _progressing(schedule, status, now),
    ]
    if (data := _data(schedule, runs, now)) is not None:
        made.append(data)
    if problem:
        why = Reason.SPEC_INVALID
        made.append(_made("Stalled", schedule, now, holds=True, reason=why, message=problem))
    if status.production is not None and is_missing(status.production, [v for v, _ in runs]):
        why, name = Reason.PRODUCTION_VERSION_MISSING, status.production.version
        text = f"{name} is in production and its ModelVersion was deleted: promote another version"
        made.append(_made(str(why), schedule, now, holds=True, reason=why, message=text))
    over = _ONLY_WHILE_TRUE - {c.type for c in made}
    kept = [c for c in status.conditions if c.type not in over]
    return status.having(
        observed_generation=schedule.generation, conditions=list(set_conditions(kept, made))
    )


def with_store(
    schedule: ScheduleObject, status: TrainingScheduleStatus, seen: StoreSeen | None, now: datetime
) -> TrainingScheduleStatus:
    """Return the status with what is known of the store."""
    if seen is None:
        return status
    made = _made(
        "StoreReady", schedule, now, holds=seen.ready, reason=seen.reason, message=seen.message
    )
    return status.having(conditions=list(set_conditions(status.conditions, [made])))


def _ready(
    schedule: ScheduleObject, status: TrainingScheduleStatus, now: datetime, problem: str
) -> SpecCondition:
    if problem:
        holds, reason, message = False, Reason.SPEC_INVALID, problem
    elif schedule.spec is not None and schedule.spec.suspend:
        holds, reason, message = True, Reason.SUSPENDED, "spec.suspend is true: no slot is due"
    else:
        armed = status.next_schedule_time
        message = f"next slot {armed:%Y-%m-%d %H:%M} UTC" if armed else "no further slot"
        holds, reason = True, Reason.SCHEDULED
    return _made("Ready", schedule, now, holds=holds, reason=reason, message=message)


def _valid(
    schedule: ScheduleObject, status: TrainingScheduleStatus, now: datetime, problem: str
) -> SpecCondition:
    if problem:
        return _made(
            "ScheduleValid", schedule, now,
            holds=False, reason=Reason.SPEC_INVALID, message=problem,
        )  # fmt: skip
    text = " · ".join([status.schedule_text or "", *status.schedule_notes])
    return _made("ScheduleValid", schedule, now, holds=True, reason=Reason.SCHEDULED, message=text)


def _progressing(
    schedule: ScheduleObject, status: TrainingScheduleStatus, now: datetime
) -> SpecCondition:
    names = ", ".join(run.name for run in status.active)
    reason = Reason.RUN_ACTIVE if names else Reason.IDLE
    return _made("Progressing", schedule, now, holds=bool(names), reason=reason, message=names)


def _data(schedule: ScheduleObject, runs: Runs, now: datetime) -> SpecCondition | None:
    """The newest run that got as far as its bars, or failed for them, decides."""
    for _, status in reversed(runs):
        if status.phase is Phase.SUCCEEDED and status.data is not None:
            until = f"{status.data.to:%Y-%m-%d %H:%M} UTC"
            text = f"{status.data.bars} bars until {until}, {status.data.gaps} missing"
            text += f"; {status.data.message}" if status.data.message else ""
            return _made(
                "DataAvailable", schedule, now, holds=True, reason=Reason.DATA_READY, message=text
            )
        if status.phase is Phase.FAILED and status.reason in _DATA_REASONS:
            return _made(
                "DataAvailable", schedule, now,
                holds=False, reason=status.reason, message=status.message,
            )  # fmt: skip
    return None


def _made(
    kind: str, schedule: ScheduleObject, now: datetime, *, holds: bool, reason: str, message: str
) -> SpecCondition:
    made = condition(kind, holds=holds, reason=reason, message=message, now=now)
    return SpecCondition(**dict(made), observed_generation=schedule.generation)
