"""Kubernetes events to post once the status write has succeeded."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from clm_api.model_version import Phase
from clm_api.reasons import Reason
from clm_api.schedule_status import SkippedRange
from clm_operator.planning.outcomes import Act, Outcome
from clm_operator.snapshot import ScheduleObject


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


def run_notices(outcomes: Iterable[Outcome]) -> tuple[Notice, ...]:
    """A run's steps: its Job, its start, its end."""
    notices = []
    for outcome in outcomes:
        before, after = outcome.version.status, outcome.status
        about = outcome.version.raw
        if outcome.act is Act.CREATE_JOB:
            text = "a Job is being created"
            notices.append(Notice(about, "Normal", Reason.RUN_SCHEDULED, text, "scheduled"))
        if before.phase is not Phase.RUNNING and after.phase is Phase.RUNNING:
            text = "the pod is working"
            notices.append(Notice(about, "Normal", Reason.TRAINING_STARTED, text, "started"))
        if outcome.ended_now:
            good = after.phase is Phase.SUCCEEDED
            kind: Literal["Normal", "Warning"] = "Normal" if good else "Warning"
            text = f"{after.stage}: {after.message}"
            notices.append(Notice(about, kind, after.reason, text, "ended"))
    return tuple(notices)
