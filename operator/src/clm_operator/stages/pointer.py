"""The move of ``TrainingSchedule.status.production``: the truth that all else follows."""

from dataclasses import dataclass
from datetime import datetime

from clm_api.schedule_status import (
    KEPT_PERIODS,
    ArtifactRef,
    ProductionPeriod,
    ProductionStatus,
)
from clm_api.timing import whole_seconds
from clm_operator.mirror.objects import Version


@dataclass(frozen=True)
class Promotion:
    """The version that the pointer goes to, who asked for it, and why."""

    version: Version
    by: str
    reason: str


@dataclass(frozen=True)
class Pointer:
    """Who is in production, and who was before."""

    production: ProductionStatus | None
    previous: tuple[ProductionPeriod, ...]


def moved(before: Pointer, promoted: Promotion | None, now: datetime) -> Pointer:
    """Move the pointer; who was there before goes into the history."""
    artifact = promoted.version.status.artifact if promoted else None
    if promoted is None or artifact is None:
        return before
    old, since, previous = before.production, whole_seconds(now), before.previous
    if old is not None:
        since = max(since, old.since)
        left = ProductionPeriod(
            version=old.version,
            from_=old.since,
            to=since,
            by=old.approved_by,
            reason=old.reason,
        )
        previous = (*previous, left)[-KEPT_PERIODS:]
    production = ProductionStatus(
        version=promoted.version.name,
        since=since,
        approved_by=promoted.by,
        reason=promoted.reason,
        artifact=ArtifactRef(uri=artifact.uri, sha256=artifact.sha256),
    )
    return Pointer(production, previous)
