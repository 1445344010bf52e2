"""The status of a TrainingSchedule from what a round saw and decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from clm_api.conditions import SpecCondition, condition, set_conditions
from clm_api.lifecycle import Stage
from clm_api.model_version import Phase
from clm_api.promotion import PromotionMode
from clm_api.reasons import Reason
from clm_api.replay import ReplayReport
from clm_api.schedule_status import (
    KEPT_ACTIVE,
    KEPT_SKIPS,
    ActiveRun,
    HaltedStatus,
    LastRun,
    ReplayStatus,
    SkippedRange,
    TrainingScheduleStatus,
    TrialsStatus,
)
from clm_api.timing import whole_seconds
from clm_operator.facts import Facts
from clm_operator.mirror.objects import ScheduleObject, Version
from clm_operator.replays.found import found
from clm_operator.round.watch_conditions import WATCHED, watched
from clm_operator.slots.admit import Slots
from clm_operator.stages.candidates import leading
from clm_operator.stages.lifecycle import OPERATOR
from clm_operator.stages.pointer import Pointer

_DATA_REASONS = {
    Reason.DATA_GAP,
    Reason.DATA_INVALID,
    Reason.DATA_UNAVAILABLE,
    Reason.INSUFFICIENT_DATA,
    Reason.SYMBOL_UNKNOWN,
    Reason.EXCHANGE_BANNED,
    Reason.EXCHANGE_DENIED,
}
_ONLY_WHILE_TRUE = {"Stalled", "ProductionVersionMissing", "Halted"}
"""Conditions of trouble: they are there while it lasts, as kstatus and kubectl wait expect it."""


@dataclass(frozen=True)
class Parts:
    """What the subjects of a round say of a schedule.

    Parameters
    ----------
    versions
        With their next statuses, oldest first.
    trials
        Of all its runs so far.
    latest
        The newest replay.
    report
        Its report, if it ends in this round.
    """

    versions: Sequence[Version]
    slots: Slots
    trials: TrialsStatus
    pointer: Pointer
    latest: ReplayStatus | None = None
    report: ReplayReport | None = None


def schedule_status(facts: Facts, parts: Parts) -> TrainingScheduleStatus:
    """Return a schedule's next status, but for what is to be told of it."""
    before, slots, versions = facts.schedule.status, parts.slots, parts.versions
    first = leading([v for v in versions if v.status.stage is Stage.CANDIDATE])
    status = before.having(
        observed_generation=facts.schedule.generation,
        active=_active(versions),
        last_run=_last_run(versions) or before.last_run,
        last_successful_time=_last_success(versions) or before.last_successful_time,
        candidate=first.name if first else None,
        shadow=next((v.name for v in versions if v.status.stage is Stage.SHADOW), None),
        trials=parts.trials,
        replay=parts.latest,
        production=parts.pointer.production,
        halted=parts.pointer.halted,
        previous=parts.pointer.previous,
        held=list(slots.held),
        skipped=[*before.skipped, *(_on_record(one, facts.now) for one in slots.skips)][
            -KEPT_SKIPS:
        ],
        **slots.fields,
    )
    status = status.having(**found(facts, status, parts.report))
    return status.having(conditions=_conditions(facts, status, parts))


def _on_record(skipped: SkippedRange, now: datetime) -> SkippedRange:
    return skipped.having(at=whole_seconds(now))


def _active(versions: Sequence[Version]) -> list[ActiveRun]:
    works = (v for v in versions if v.status.phase in (Phase.PENDING, Phase.RUNNING))
    return [ActiveRun(name=v.name, phase=v.status.phase) for v in works][-KEPT_ACTIVE:]


def _last_run(versions: Sequence[Version]) -> LastRun | None:
    newest = versions[-1] if versions else None
    if newest is None or newest.spec is None:
        return None
    return LastRun(
        name=newest.name,
        trigger=newest.spec.trigger.type,
        phase=newest.status.phase,
        stage=newest.status.stage,
        reason=newest.status.reason,
        start_time=newest.status.start_time,
        completion_time=newest.status.completion_time,
    )


def _last_success(versions: Sequence[Version]) -> datetime | None:
    good = (v.status for v in versions if v.status.phase is Phase.SUCCEEDED)
    return max((s.completion_time for s in good if s.completion_time), default=None)


def _conditions(facts: Facts, status: TrainingScheduleStatus, parts: Parts) -> list[SpecCondition]:
    """Return all conditions.

    By kstatus one that is suspended is up to date, and one whose spec is invalid has failed.
    """
    schedule, now, problem = facts.schedule, facts.now, facts.problem
    made = [
        _ready(schedule, status, now, problem),
        _valid(schedule, status, now, problem),
        _progressing(schedule, status, now),
    ]
    if (data := _data(schedule, parts.versions, now)) is not None:
        made.append(data)
    if problem:
        why = Reason.SPEC_INVALID
        made.append(_made("Stalled", schedule, now, holds=True, reason=why, message=problem))
    if parts.pointer.missing and status.production is not None:
        why, name = Reason.PRODUCTION_VERSION_MISSING, status.production.version
        text = f"{name} is in production and its ModelVersion was deleted: promote another version"
        made.append(_made(str(why), schedule, now, holds=True, reason=why, message=text))
    if (halted := status.halted) is not None:
        by_rule = halted.by == OPERATOR
        why, text = Reason.STOOD_DOWN if by_rule else Reason.HALTED, _halted(schedule, halted)
        made.append(_made("Halted", schedule, now, holds=True, reason=why, message=text))
    if (seen := facts.store) is not None:
        made.append(
            _made(
                "StoreReady", schedule, now,
                holds=seen.ready, reason=seen.reason, message=seen.message,
            )
        )  # fmt: skip
    for kind, holds, because, said in watched(facts, status):
        made.append(_made(kind, schedule, now, holds=holds, reason=because, message=said))
    over = {*_ONLY_WHILE_TRUE, *WATCHED} - {c.type for c in made}
    return list(set_conditions([c for c in status.conditions if c.type not in over], made))


def _halted(schedule: ScheduleObject, halted: HaltedStatus) -> str:
    """Say who emptied production, and what ends it."""
    automatic = (
        schedule.spec is not None and schedule.spec.promotion.mode is PromotionMode.AUTOMATIC
    )
    ends = "clm promote ends it"
    if automatic and halted.by == OPERATOR:
        ends += ", or a newer version that passes"
    elif automatic:
        ends += ", mode Automatic promotes nothing until then"
    return f"bots hold nothing since {halted.by} took {halted.version} out: {ends}: {halted.reason}"


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


def _data(
    schedule: ScheduleObject, versions: Sequence[Version], now: datetime
) -> SpecCondition | None:
    """The newest run that got as far as its bars, or failed for them, decides."""
    for status in (v.status for v in reversed(versions)):
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
    kind: str,
    schedule: ScheduleObject,
    now: datetime,
    *,
    holds: bool | None,
    reason: str,
    message: str,
) -> SpecCondition:
    made = condition(kind, holds=holds, reason=str(reason), message=message, now=now)
    return SpecCondition(**dict(made), observed_generation=schedule.generation)
