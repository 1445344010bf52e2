"""Who is, was and would be in production, from a TrainingSchedule's status alone."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from clm_api.base import Exact, Instant, Name, StatusModel
from clm_api.report import Sha256
from clm_api.schedule_status import TrainingScheduleStatus


class ProductionPointer(StatusModel):
    """The store's object for consumers without Kubernetes; it follows ``status.production``."""

    schedule_uid: Annotated[str, Field(max_length=36)]
    """The schedule that wrote it: one that was made again is another one."""
    version: Name | None
    """The version in production; null while production is empty: bots hold nothing."""
    manifest: Exact | None
    """Address of its manifest."""
    sha256: Sha256 | None
    """Digest of the manifest."""
    since: Instant
    """When it came into production, or production was emptied."""


@dataclass(frozen=True)
class Period:
    """A time in production.

    Parameters
    ----------
    to, replaced_by
        None while it lasts.
    by, reason
        Who asked for the version, and why.
    """

    version: str
    since: datetime
    to: datetime | None
    by: str
    reason: str
    replaced_by: str | None


def periods(status: TrainingScheduleStatus) -> tuple[Period, ...]:
    """Return all known times in production, oldest first."""
    names = [p.version for p in status.previous]
    if status.production is not None:
        names.append(status.production.version)
    followers: list[str | None] = [*names[1:], None]
    found = [
        Period(p.version, p.from_, p.to, p.by, p.reason, follower)
        for p, follower in zip(status.previous, followers, strict=False)
    ]
    if (now := status.production) is not None:
        found.append(Period(now.version, now.since, None, now.approved_by, now.reason, None))
    return tuple(found)


def production_at(status: TrainingScheduleStatus, time: datetime) -> Period | None:
    """Return who was in production at a time; None before the first known one."""
    begun = [p for p in periods(status) if p.since <= time]
    return begun[-1] if begun else None


def way_back(status: TrainingScheduleStatus) -> tuple[str, ...]:
    """Return where rollbacks go, one after the other, left out the versions rolled back from.

    Times in production are read as a stack: a version that comes again takes everything above it
    away. After A, B, C the way is B, A; after A, B, A there is none; after A, B, A, C it is A.
    """
    stack: list[str] = []
    for period in periods(status):
        if period.version in stack:
            del stack[stack.index(period.version) :]
        stack.append(period.version)
    return tuple(reversed(stack[:-1]))


def rollback_target(status: TrainingScheduleStatus, existing: Collection[str]) -> str | None:
    """Return where a rollback goes: the first version on the way back that still exists.

    Parameters
    ----------
    existing
        Names of the schedule's versions: a person may have deleted one.
    """
    return next((name for name in way_back(status) if name in existing), None)
