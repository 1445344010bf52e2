"""The move of ``TrainingSchedule.status.production``: the truth that all else follows."""

from dataclasses import dataclass
from datetime import datetime

from clm_api.schedule_status import (
    KEPT_PERIODS,
    ArtifactRef,
    ProductionPeriod,
    ProductionStatus,
    TrainingScheduleStatus,
)
from clm_api.timing import whole_seconds
from clm_operator.mirror.objects import Version


@dataclass(frozen=True)
class Promotion:
    """The version that the pointer goes to, who asked for it, and why."""

    version: Version
    by: str
    reason: str


def with_production(
    status: TrainingScheduleStatus, promoted: Promotion | None, now: datetime
) -> TrainingScheduleStatus:
    """Move the pointer; who was there before goes into the history."""
    artifact = promoted.version.status.artifact if promoted else None
    if promoted is None or artifact is None:
        return status
    old, since = status.production, whole_seconds(now)
    previous = list(status.previous)
    if old is not None:
        since = max(since, old.since)
        previous.append(
            ProductionPeriod(
                version=old.version,
                from_=old.since,
                to=since,
                by=old.approved_by,
                reason=old.reason,
            )
        )
    production = ProductionStatus(
        version=promoted.version.name,
        since=since,
        approved_by=promoted.by,
        reason=promoted.reason,
        artifact=ArtifactRef(uri=artifact.uri, sha256=artifact.sha256),
    )
    return status.having(production=production, previous=previous[-KEPT_PERIODS:])
