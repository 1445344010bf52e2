"""The move of ``TrainingSchedule.status.production``: the truth that all else follows."""

from dataclasses import dataclass, field
from datetime import datetime

from clm_api.schedule_status import (
    KEPT_PERIODS,
    ArtifactRef,
    Emptied,
    HaltedStatus,
    LiveStatus,
    ProductionPeriod,
    ProductionStatus,
    TrainingScheduleStatus,
)
from clm_api.timing import whole_seconds
from clm_operator.changes import Changes
from clm_operator.facts import Facts
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
    goes
        Where the pointer goes: to a version, or nowhere.
    decided
        Versions whose request is to be removed.
    first
        Whether this comes before all else: stages catch up with the pointer, or a test ends.
    unreadable
        Whether a promotion waits for the store.
    """

    changes: Changes = field(default_factory=dict)
    goes: Promotion | Emptied | None = None
    decided: tuple[Version, ...] = ()
    first: bool = False
    unreadable: bool = False

    @property
    def moving(self) -> bool:
        """Whether what is in production or on trial is about to change."""
        return self.first or self.goes is not None


@dataclass(frozen=True)
class Pointer:
    """Who is in production, and who was before."""

    production: ProductionStatus | None
    previous: list[ProductionPeriod]
    halted: HaltedStatus | None = None
    missing: bool = False
    """Whether the ModelVersion of the one that is there was deleted."""


def pointer_of(facts: Facts, goes: Promotion | Emptied | None, live: LiveStatus | None) -> Pointer:
    """Return where the pointer goes; a version without an artifact changes nothing.

    Parameters
    ----------
    live
        How the version in production does, where a replay says it in this round.
    """
    before = facts.schedule.status
    if isinstance(goes, Emptied):
        return _emptied(before, goes, facts.now)
    artifact = goes.version.status.artifact if goes else None
    if goes is None or artifact is None:
        old = before.production
        present = old if old is None or live is None else old.having(live=live)
        return Pointer(present, before.previous, before.halted, facts.missing)
    since = _changed_at(before, facts.now)
    production = ProductionStatus(
        version=goes.version.name,
        since=since,
        approved_by=goes.by,
        reason=goes.reason,
        artifact=ArtifactRef(uri=artifact.uri, sha256=artifact.sha256),
    )
    return Pointer(production, _past(before, since))


def _emptied(before: TrainingScheduleStatus, emptied: Emptied, now: datetime) -> Pointer:
    """Return a pointer that names nobody; where it names nobody already nothing changes."""
    if (old := before.production) is None:
        return Pointer(None, before.previous, before.halted)
    since = _changed_at(before, now)
    halted = HaltedStatus(version=old.version, since=since, by=emptied.by, reason=emptied.reason)
    return Pointer(None, _past(before, since, emptied), halted)


def _changed_at(before: TrainingScheduleStatus, now: datetime) -> datetime:
    """Return the time of a change: no clock that was set back makes it one before the last."""
    last = before.production or before.halted
    return whole_seconds(now) if last is None else max(whole_seconds(now), last.since)


def _past(
    before: TrainingScheduleStatus, to: datetime, emptied: Emptied | None = None
) -> list[ProductionPeriod]:
    """Return who was in production before, with the version that leaves now."""
    if (old := before.production) is None:
        return before.previous
    period = ProductionPeriod(
        version=old.version,
        from_=old.since,
        to=to,
        by=old.approved_by,
        reason=old.reason,
        emptied=emptied,
    )
    return [*before.previous, period][-KEPT_PERIODS:]
