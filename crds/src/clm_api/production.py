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
    """A time in production, or one in which production was empty.

    Parameters
    ----------
    version
        None while production was empty.
    to
        None while it lasts.
    by, reason
        Who asked for the version, or emptied production, and why; empty where nobody knows.
    replaced_by
        The version that came next; None where none has, or production was emptied first.
    """

    version: str | None
    since: datetime
    to: datetime | None
    by: str
    reason: str
    replaced_by: str | None


def periods(status: TrainingScheduleStatus) -> tuple[Period, ...]:
    """Return all known times in production and the empty ones between them, oldest first."""
    begun: list[tuple[str | None, datetime | None]] = [
        (p.version, p.from_) for p in status.previous
    ]
    if (now := status.production) is not None:
        begun.append((now.version, now.since))
    found = list[Period]()
    for past, (name, since) in zip(status.previous, [*begun[1:], (None, None)], strict=False):
        empty = past.emptied is not None or since is None or since > past.to
        follower = None if empty else name
        found.append(Period(past.version, past.from_, past.to, past.by, past.reason, follower))
        if empty:
            by, why = (past.emptied.by, past.emptied.reason) if past.emptied else ("", "")
            found.append(Period(None, past.to, since, by, why, name))
    if now is not None:
        found.append(Period(now.version, now.since, None, now.approved_by, now.reason, None))
    return tuple(found)


def production_at(status: TrainingScheduleStatus, time: datetime) -> Period | None:
    """Return the period that a time lies in; None before the first known one."""
    begun = [p for p in periods(status) if p.since <= time]
    return begun[-1] if begun else None


def way_back(status: TrainingScheduleStatus) -> tuple[str, ...]:
    """Return where rollbacks go, one after the other.

    Left out are versions that were rolled back from, and those that production was emptied of.
    Times in production are read as a stack: a version that comes again takes everything above it
    away, and emptying takes the version that was there. After A, B, C the way is B, A; after A, B,
    A there is none; after A, B, A, C it is A; after A, B, nothing it is A, and after A, B, nothing,
    C too.
    """
    stack = list[str]()
    for period in periods(status):
        if period.version is None:
            stack.pop()
            continue
        if period.version in stack:
            del stack[stack.index(period.version) :]
        stack.append(period.version)
    if status.production is not None:
        stack.pop()
    return tuple(reversed(stack))


def rollback_target(status: TrainingScheduleStatus, existing: Collection[str]) -> str | None:
    """Return where a rollback goes: the first version on the way back that still exists.

    Parameters
    ----------
    existing
        Names of the schedule's versions: a person may have deleted one.
    """
    return next((name for name in way_back(status) if name in existing), None)
