"""Runs whose version can't be made yet: said in the schedule's status, tried again, given up.

A slot is given up when it is later than ``startingDeadlineSeconds``, when a newer one is due, or
when the schedule is suspended; a token when it is replaced by another. Then it is a skipped slot
with the reason that held it back.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from clm_api.reasons import Reason
from clm_api.schedule_status import HeldRun, SkippedRange
from clm_api.timing import whole_seconds
from clm_operator.facts import Facts
from clm_operator.slots.due import skip
from clm_operator.words import calm


def hold(facts: Facts, name: str, slot: datetime) -> HeldRun | None:
    """Return how the run of that name is held back; None if its version may be made.

    The slot of a token is the minute in which it was refused first.
    """
    why = facts.barred.get(name)
    if why is None:
        return None
    before = next((h for h in facts.schedule.status.held if h.name == name), None)
    since = before.since if before else whole_seconds(facts.now)
    kept = before.slot if before else slot
    held = HeldRun(name=name, slot=kept, reason=why.reason, message=why.message, since=since)
    return calm(held, before.message) if before else held


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
        over = next((i for i, s in enumerate(told) if s.from_ <= held.slot <= s.to), None)
        if over is None:
            told.append(skip(held.slot, Reason(held.reason), words))
        else:
            told[over] = told[over].having(reason=held.reason, message=words)
    return tuple(told)
