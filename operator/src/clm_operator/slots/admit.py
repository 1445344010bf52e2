"""Which runs begin in a round: those asked for, unless a rule is against it or one is held back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from clm_api.reasons import Reason
from clm_api.run import RunTrials
from clm_api.schedule_status import MOST_ACTIVE, HeldRun, SkippedRange
from clm_api.training_schedule import ConcurrencyPolicy, TrainingScheduleSpec
from clm_operator.facts import Facts, Plausible
from clm_operator.slots.ask import Ask, Fields
from clm_operator.slots.asks import ASKS
from clm_operator.slots.due import crowded, skip
from clm_operator.slots.held import given_up, hold

Barred = tuple[Reason, str]


@dataclass(frozen=True)
class Begin:
    """A run that begins, and what it is told of the tries before it."""

    ask: Ask
    spec: TrainingScheduleSpec
    trials: RunTrials


@dataclass(frozen=True)
class Slots:
    """Which runs begin in a round, and what the schedule's status says of its slots.

    Parameters
    ----------
    skips
        Slots that this round decides to skip.
    fields
        Of the status.
    held
        Runs whose version can't be made yet.
    wakes
        When to look again.
    """

    begin: tuple[Begin, ...] = ()
    skips: tuple[SkippedRange, ...] = ()
    fields: Fields = field(default_factory=dict)
    held: tuple[HeldRun, ...] = ()
    wakes: tuple[datetime, ...] = ()


@dataclass(frozen=True)
class _Heard:
    """An ask, and the runs that begin in this round before it."""

    ask: Ask
    plausible: Plausible
    busy: int


def slots_of(facts: Facts, told: RunTrials | None) -> Slots:
    """Decide about everything that asks for a run.

    Of a spec that can't be followed nothing is due; what was said of its slots stays.

    Parameters
    ----------
    told
        Of the tries so far, which a new run is told.
    """
    plausible = facts.plausible
    if plausible is None or told is None:
        return Slots(fields={"next_schedule_time": None}, held=tuple(facts.schedule.status.held))
    begin, held, skips, wakes = list[Ask](), list[HeldRun](), list[SkippedRange](), list[datetime]()
    fields = dict[str, object]()
    for asks in ASKS:
        asked = asks(facts, plausible)
        fields |= asked.fields
        skips += asked.skips
        wakes += filter(None, (asked.wake_at,))
        if (ask := asked.ask) is None:
            continue
        if any(v.name == ask.name for v in facts.versions):
            fields |= ask.settles
        elif ask.waits and (begin or facts.active):
            continue  # the end of a run wakes the schedule
        elif (why := _first(facts, _Heard(ask, plausible, len(begin)))) is not None:
            skips.append(skip(ask.slot, *why))
            fields |= ask.settles
        elif (waits := hold(facts, ask.name, ask.slot)) is not None:
            held.append(waits)
        else:
            begin.append(ask)
            fields |= ask.settles
    alive = {h.name for h in held} | {ask.name for ask in begin} | {v.name for v in facts.versions}
    return Slots(
        begin=tuple(Begin(ask, plausible.spec, told) for ask in begin),
        skips=given_up(facts.schedule.status.held, alive, skips),
        fields=fields,
        held=tuple(held),
        wakes=(*wakes, *(facts.again.get(h.name, facts.soon) for h in held)),
    )


def the_name_is_taken(facts: Facts, heard: _Heard) -> Barred | None:
    """A name alone tells a run from others, so nothing else may have it."""
    if (name := heard.ask.name) not in facts.taken:
        return None
    return (
        Reason.NAME_COLLISION,
        f'ModelVersion "{name}" exists and belongs to something else: delete it',
    )


def the_api_server_refuses(facts: Facts, heard: _Heard) -> Barred | None:
    """What it calls invalid it would refuse for ever."""
    if (words := facts.refused.get(heard.ask.name)) is None:
        return None
    return Reason.SPEC_INVALID, f"the API server refuses the ModelVersion: {words}"


def others_are_active(facts: Facts, heard: _Heard) -> Barred | None:
    """A run that is asked for is one too many beside others; a slot was decided for its time."""
    active, policy = heard.busy + len(facts.active), heard.plausible.spec.concurrency_policy
    if heard.ask.timely or not active:
        return None
    refused = f"{heard.ask.called} was refused"
    if policy is ConcurrencyPolicy.FORBID:
        text = f"{refused}: another run is active; ask again when it ends"
        return Reason.CONCURRENCY_FORBIDDEN, text
    if active >= MOST_ACTIVE and policy is ConcurrencyPolicy.ALLOW:
        return Reason.TOO_MANY_RUNS, f"{refused}: {crowded(active)}; ask again when one ends"
    return None


ADMIT: tuple[Callable[[Facts, _Heard], Barred | None], ...] = (
    the_name_is_taken,
    the_api_server_refuses,
    others_are_active,
)
"""What keeps a run from beginning, in the order in which it is looked at."""


def _first(facts: Facts, heard: _Heard) -> Barred | None:
    found = (rule(facts, heard) for rule in ADMIT)
    return next((why for why in found if why is not None), None)
