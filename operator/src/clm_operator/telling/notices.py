"""What a change of a status makes known, as happenings that are written along with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from clm_api.happening import Happening, bounded
from clm_api.lifecycle import Stage
from clm_api.model_version import ModelVersionStatus, Phase, ShadowVerdict
from clm_api.reasons import Reason
from clm_api.schedule_status import (
    HeldRun,
    ReplayStatus,
    SkippedRange,
    TrainingScheduleStatus,
)
from clm_operator.mirror.objects import ScheduleObject, Version
from clm_operator.runs.outcome import Outcome
from clm_operator.stages.following import significant


@dataclass(frozen=True)
class Notice:
    """One event about one object."""

    about: dict[str, Any]
    """The raw resource."""
    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    key: str
    """Tells this event from others of the same object: posting twice makes one."""

    @property
    def happening(self) -> Happening:
        """As it is kept in the object's status until it is told."""
        return Happening(
            id=self.key,
            type=self.type,
            reason=self.reason,
            message=self.message,
        )


def untold(uid: str, notices: Iterable[Notice]) -> list[Happening]:
    """Return what is to be told of an object."""
    return bounded(n.happening for n in notices if n.about["metadata"]["uid"] == uid)


def skip_notices(schedule: ScheduleObject, skipped: Iterable[SkippedRange]) -> tuple[Notice, ...]:
    """Every skipped range is worth a warning."""
    return tuple(
        Notice(
            about=schedule.raw,
            type="Warning",
            reason=s.reason,
            message=f"{s.count} slot(s) {s.from_:%Y-%m-%dT%H:%MZ} to {s.to:%Y-%m-%dT%H:%MZ} "
            f"skipped: {s.message}",
            key=f"{s.reason}-{s.from_.timestamp():.0f}-{s.to.timestamp():.0f}",
        )
        for s in skipped
    )


HELD = (
    Reason.QUOTA_PENDING,
    Reason.ADMISSION_DENIED,
    Reason.ADMISSION_UNAVAILABLE,
    Reason.COLLECTION_PENDING,
    Reason.STORAGE_DENIED,
    Reason.STORAGE_UNAVAILABLE,
)
"""Why a run waits that could begin."""


def held_notices(schedule: ScheduleObject, after: Iterable[HeldRun]) -> tuple[Notice, ...]:
    """A slot or a token whose version can't be made yet, once for each reason."""
    known = {(held.name, held.reason) for held in schedule.status.held}
    return tuple(
        Notice(
            about=schedule.raw,
            type="Warning",
            reason=held.reason,
            message=f"{held.name} is held back and tried again: {held.message}",
            key=f"held-{held.name}-{held.reason}",
        )
        for held in after
        if (held.name, held.reason) not in known
    )


def run_notices(outcomes: Iterable[Outcome]) -> tuple[Notice, ...]:
    """A run's steps: its Job, what holds it back, its start, its end."""
    notices = []
    for outcome in outcomes:
        before, after = outcome.version.status, outcome.status
        about = outcome.version.raw
        if before.job_ref is None and after.job_ref is not None:
            text = "its Job was created"
            notices.append(Notice(about, "Normal", Reason.RUN_SCHEDULED, text, "scheduled"))
        if after.phase is Phase.PENDING and after.reason in HELD and after.reason != before.reason:
            text = f"held back: {after.message}"
            notices.append(Notice(about, "Warning", after.reason, text, f"held-{after.reason}"))
        if before.phase is not Phase.RUNNING and after.phase is Phase.RUNNING:
            text = "the pod is working"
            notices.append(Notice(about, "Normal", Reason.TRAINING_STARTED, text, "started"))
        if outcome.ended_now:
            good = after.phase is Phase.SUCCEEDED
            kind: Literal["Normal", "Warning"] = "Normal" if good else "Warning"
            text = f"{after.stage}: {after.message}"
            notices.append(Notice(about, kind, after.reason, text, "ended"))
    return tuple(notices)


def move_notices(outcomes: Iterable[Outcome]) -> tuple[Notice, ...]:
    """Every move of an ended version, every verdict, every request that was refused."""
    return tuple(n for o in outcomes for n in _moved(o.version, o.status))


def _moved(version: Version, after: ModelVersionStatus) -> Iterable[Notice]:
    before, decision = version.status, after.promotion
    if after.reason == Reason.DATA_BEHIND != before.reason:
        yield Notice(version.raw, "Warning", after.reason, after.message, "data-behind")
    if version.terminal and after.stage is not before.stage:
        key = f"{after.stage}-{after.history[-1].at.timestamp():.0f}"
        kind: Literal["Normal", "Warning"] = (
            "Warning" if after.stage is Stage.REJECTED else "Normal"
        )
        yield Notice(version.raw, kind, after.reason, after.message, key)
        if after.stage is Stage.PRODUCTION and not significant(version):
            text = "went into production although its Sharpe ratio may be luck"
            yield Notice(version.raw, "Warning", Reason.NOT_SIGNIFICANT, text, f"luck-{key}")
    elif _passed(after) and not _passed(before):
        key = f"shadow-passed-{after.message}"
        yield Notice(version.raw, "Normal", Reason.SHADOW_PASSED, after.message, key)
    elif decision is not None and decision != before.promotion:
        text = f"{decision.stage} for {decision.by} refused: {decision.message}"
        key = f"refused-{version.generation}"
        yield Notice(version.raw, "Warning", decision.outcome, text, key)


def _passed(status: ModelVersionStatus) -> bool:
    return status.shadow is not None and status.shadow.verdict is ShadowVerdict.PASSED


def missing_notices(schedule: ScheduleObject, after: TrainingScheduleStatus) -> tuple[Notice, ...]:
    """The version in production was deleted."""
    reason = Reason.PRODUCTION_VERSION_MISSING
    if after.production is None or any(c.type == reason for c in schedule.status.conditions):
        return ()
    since = f"{after.production.since.timestamp():.0f}"
    return tuple(
        Notice(schedule.raw, "Warning", reason, c.message, f"missing-{since}")
        for c in after.conditions
        if c.type == reason
    )


def replay_notices(schedule: ScheduleObject, after: ReplayStatus | None) -> tuple[Notice, ...]:
    """A replay that is held back, failed, or could not replay a version."""
    before = schedule.status.replay
    if after is None or after == before:
        return ()
    if after.completion_time is None and after.reason in HELD:
        if before is not None and (before.name, before.reason) == (after.name, after.reason):
            return ()
        text = f"replay {after.name} is held back: {after.message}"
        key = f"replay-{after.name}-{after.reason}"
        return (Notice(schedule.raw, "Warning", after.reason, text, key),)
    if after.completion_time is None or after.reason == Reason.REPLAYED:
        return ()
    text = f"replay {after.name}: {after.message}"
    return (Notice(schedule.raw, "Warning", after.reason, text, f"replay-{after.name}"),)
