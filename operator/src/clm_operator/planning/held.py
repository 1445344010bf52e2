"""Runs whose version can't be made yet: said in the schedule's status, tried again, given up.

A slot is given up when it is later than ``startingDeadlineSeconds``, when a newer one is due, or
when the schedule is suspended; a token when it is replaced by another. Then it is a skipped slot
with the reason that held it back.
"""

import re
from collections.abc import Collection, Sequence
from datetime import datetime

from clm_api.reasons import Reason
from clm_api.schedule_status import HeldRun, SkippedRange
from clm_operator.planning.due import skip
from clm_operator.planning.lifecycle import whole_seconds
from clm_operator.snapshot import ScheduleObject, Snapshot, Withheld

_PASSING = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\b(?=[A-Za-z]*\d)\w{12,}"
    r"|(?<=-)[bcdfghjklmnpqrstvwxz2456789]{5,10}(?![a-zA-Z0-9])|\d+"
)
"""What differs from answer to answer: uids, ids of requests, ends of pods' names, numbers."""
LEAVING = "an object of that name, of a schedule that is gone, is being removed"


def hold(snapshot: Snapshot, schedule: ScheduleObject, name: str, slot: datetime) -> HeldRun | None:
    """Return how the run of that name is held back; None if its version may be made.

    The slot of a token is the minute in which it was refused first.
    """
    why = barrier(snapshot, name)
    if why is None:
        return None
    before = next((h for h in schedule.status.held if h.name == name), None)
    message = same_words(before.message if before else "", why.message[:1024])
    since = before.since if before else whole_seconds(snapshot.now)
    kept = before.slot if before else slot
    return HeldRun(name=name, slot=kept, reason=why.reason, message=message, since=since)


def barrier(snapshot: Snapshot, name: str) -> Withheld | None:
    """Return what keeps an object of that name from being made for now."""
    if name in snapshot.leaving:
        return Withheld(Reason.COLLECTION_PENDING, LEAVING)
    return snapshot.withheld.get(name)


def same_words(before: str, after: str) -> str:
    """Return the words of before if only numbers and ids differ: new ones would be a write."""
    return before if _PASSING.sub("0", before) == _PASSING.sub("0", after) else after


def given_up(
    before: Sequence[HeldRun], kept: Collection[str], skipped: Sequence[SkippedRange]
) -> tuple[SkippedRange, ...]:
    """Return the skipped slots, those that were held back with the reason of that.

    Parameters
    ----------
    before
        What the status says.
    kept
        Names of runs that are held on, or were made.
    skipped
        What this round skips.
    """
    told = list(skipped)
    for held in before:
        if held.name in kept:
            continue
        words = f"{held.name} was held back since {held.since:%Y-%m-%d %H:%M} UTC: {held.message}"
        why = {"reason": held.reason, "message": words[:1024]}
        over = next((i for i, s in enumerate(told) if s.from_ <= held.slot <= s.to), None)
        if over is None:
            told.append(skip(held.slot, Reason(held.reason), words[:1024]))
        else:
            told[over] = told[over].model_copy(update=why)
    return tuple(told)
