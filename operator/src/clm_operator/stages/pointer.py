"""The move of ``TrainingSchedule.status.production``: the truth that all else follows."""

from dataclasses import dataclass, field

from clm_api.schedule_status import (
    KEPT_PERIODS,
    ArtifactRef,
    LiveStatus,
    ProductionPeriod,
    ProductionStatus,
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


@dataclass(frozen=True)
class Pointer:
    """Who is in production, and who was before."""

    production: ProductionStatus | None
    previous: list[ProductionPeriod]
    missing: bool = False
    """Whether the ModelVersion of the one that is there was deleted."""


def pointer_of(facts: Facts, promoted: Promotion | None, live: LiveStatus | None) -> Pointer:
    """Return where the pointer goes; a version without an artifact changes nothing.

    Parameters
    ----------
    live
        How the version in production does, where a replay says it in this round.
    """
    before = facts.schedule.status
    old, previous, now = before.production, list(before.previous), whole_seconds(facts.now)
    artifact = promoted.version.status.artifact if promoted else None
    if promoted is None or artifact is None:
        present = old if old is None or live is None else old.having(live=live)
        return Pointer(present, previous, facts.missing)
    since = now if old is None else max(now, old.since)
    if old is not None:
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
    return Pointer(production, previous[-KEPT_PERIODS:])
