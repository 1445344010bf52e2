"""The move of ``TrainingSchedule.status.production``: the truth that all else follows."""

from dataclasses import dataclass, field
from datetime import datetime

from clm_api.schedule_status import (
    KEPT_PERIODS,
    ArtifactRef,
    ProductionPeriod,
    ProductionStatus,
    TrainingScheduleStatus,
)
from clm_api.timing import whole_seconds
from clm_operator.changes import Changes
from clm_operator.mirror.objects import Version


@dataclass(frozen=True)
class Promotion:
    """The version that the pointer goes to, who asked for it, and why."""

    version: Version
    by: str
    reason: str


@dataclass(frozen=True)
class Promotions:
    """What a round does about stages.

    Parameters
    ----------
    changes
        Of the versions that move or whose request is decided.
    promoted
        Where the pointer goes.
    decided
        Versions whose request is to be removed.
    first
        Whether this comes before all else: stages catch up with the pointer, or a test ends.
    unreadable
        Whether a promotion waits for the store.
    """

    changes: Changes = field(default_factory=dict)
    promoted: Promotion | None = None
    decided: tuple[Version, ...] = ()
    first: bool = False
    unreadable: bool = False

    @property
    def moving(self) -> bool:
        """Whether what is in production or on trial is about to be another version."""
        return self.first or self.promoted is not None


def moved(
    before: TrainingScheduleStatus, promoted: Promotion, now: datetime
) -> tuple[ProductionStatus | None, list[ProductionPeriod]]:
    """Return who is in production from now on, and who was before; of no artifact there is none."""
    artifact, old = promoted.version.status.artifact, before.production
    since, previous = whole_seconds(now), list(before.previous)
    if artifact is None:
        return old, previous
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
    return production, previous[-KEPT_PERIODS:]
