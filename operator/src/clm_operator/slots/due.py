"""Which slot is due now, which were missed, when is the next: pure arithmetic on one snapshot.

last slot          now
|    missed  newest |        next
---+------x------x-----+---------x----->
recorded run           armed
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from clm_api.model_version import TriggerType
from clm_api.reasons import Reason
from clm_api.schedule import Schedule
from clm_api.schedule_status import MOST_ACTIVE, SkippedRange
from clm_api.timing import floor_to
from clm_api.training_schedule import ConcurrencyPolicy


@dataclass(frozen=True)
class Span:
    """The life of a run, as far as concurrency is concerned."""

    begin: datetime
    end: datetime | None
    """None while it is active."""

    def covers(self, time: datetime) -> bool:
        """Whether the run was active at that time."""
        return self.begin <= time and (self.end is None or self.end > time)


@dataclass(frozen=True)
class History:
    """What a schedule has behind it.

    Parameters
    ----------
    created
        Creation of the schedule: an interval counts from there, whatever is edited later.
    since
        First observation of its present form: no slot up to then is due.
    last_slot
        Newest slot that was run or skipped, None if there is none.
    spans
        Lives of all its runs that still exist.
    ran
        Whether it ever had a run.
    """

    created: datetime
    since: datetime
    last_slot: datetime | None
    spans: tuple[Span, ...] = ()
    ran: bool = False


@dataclass(frozen=True)
class Rules:
    """The fields of a schedule that decide about slots."""

    suspend: bool
    run_on_create: bool
    starting_deadline: timedelta
    concurrency: ConcurrencyPolicy


@dataclass(frozen=True)
class Due:
    """The decision."""

    run: datetime | None
    """Slot to run now."""
    trigger: TriggerType
    skipped: tuple[SkippedRange, ...]
    """Slots to record as skipped."""
    last_slot: datetime | None
    """Newest slot that is decided, by this round or before."""
    next_slot: datetime | None
    """Next slot to wait for."""


def decide_due(schedule: Schedule, rules: Rules, history: History, now: datetime) -> Due:
    """Decide about all slots up to ``now``.

    Only the newest one can run. Older ones become one skipped range, which is recorded by itself,
    and the newest one runs at the next look: a version tells that all slots before its own are on
    record, whatever write is cut off. Whether the policy forbids a slot depends on the runs at the
    slot's own time, so a late look decides as a timely one.
    """
    anchor = floor_to(history.created, 60)
    if rules.suspend:
        return Due(None, TriggerType.SCHEDULED, (), history.last_slot, None)
    floor = max(filter(None, (history.last_slot, history.since)))
    next_slot = schedule.after(max(now, floor), anchor)
    newest = schedule.until(now, anchor)
    if newest is not None and newest <= floor:
        newest = None
    initial = (
        floor_to(history.created, 60)
        if rules.run_on_create and history.last_slot is None and not history.spans
        else None
    )
    slot = newest or initial
    if slot is None:
        return Due(None, TriggerType.SCHEDULED, (), history.last_slot, next_slot)
    trigger = TriggerType.SCHEDULED if history.ran else TriggerType.INITIAL
    missed = _missed(schedule, anchor, floor, newest)
    refusal = _refusal(slot, rules, history, now, initial=newest is None)
    if refusal is not None:
        return Due(None, trigger, (*missed, refusal), slot, next_slot)
    if missed:
        return Due(None, trigger, missed, missed[-1].to, next_slot)
    return Due(slot, trigger, (), slot, next_slot)


def _missed(
    schedule: Schedule, anchor: datetime, floor: datetime, newest: datetime | None
) -> tuple[SkippedRange, ...]:
    """Slots between the last one and the newest passed while nothing could run them."""
    if newest is None:
        return ()
    first = schedule.after(floor, anchor)
    last = schedule.until(newest - timedelta(minutes=1), anchor)
    if first is None or last is None or first > last:
        return ()
    return (
        SkippedRange(
            from_=first,
            to=last,
            count=max(schedule.count(floor, last, anchor), 1),
            reason=Reason.MISSED_SLOT,
            message="the operator was away; only the newest missed slot is run",
        ),
    )


def _refusal(
    slot: datetime, rules: Rules, history: History, now: datetime, *, initial: bool
) -> SkippedRange | None:
    late = now - slot
    if late > rules.starting_deadline and not initial:
        return skip(
            slot,
            Reason.STARTING_DEADLINE_EXCEEDED,
            f"noticed {int(late.total_seconds())} s late, "
            f"spec.startingDeadlineSeconds is {int(rules.starting_deadline.total_seconds())}",
        )
    active = sum(span.covers(slot) for span in history.spans)
    if active >= MOST_ACTIVE and rules.concurrency is not ConcurrencyPolicy.REPLACE:
        return skip(slot, Reason.TOO_MANY_RUNS, crowded(active))
    if active and rules.concurrency is ConcurrencyPolicy.FORBID:
        return skip(
            slot,
            Reason.CONCURRENCY_FORBIDDEN,
            "another run was active; spec.concurrencyPolicy Allow or Replace would start this one",
        )
    return None


def crowded(active: int) -> str:
    """Say that no more runs begin."""
    return f"{active} runs of the schedule were active, and {MOST_ACTIVE} may be at once"


def skip(slot: datetime, reason: Reason, message: str) -> SkippedRange:
    """Record one slot as skipped."""
    return SkippedRange(from_=slot, to=slot, count=1, reason=reason, message=message)
