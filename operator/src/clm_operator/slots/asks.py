"""What may begin a run: every trigger is one line in ``ASKS``, and the rule that it names.

A rule looks at the facts and says which run it asks for, and what the schedule's status is to say:
at once, and once the run is made or refused. A run that is held back is asked for again.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from clm_api.model_version import Trigger, TriggerType
from clm_api.reasons import Reason
from clm_api.schedule import schedule_hash
from clm_api.schedule_status import KEPT_TOKENS, ScheduleSeen, SkippedRange
from clm_api.timing import floor_to, slot_time, whole_seconds
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.facts import Facts, Plausible
from clm_operator.names import asked_version, manual_version, slot_version, token_digest
from clm_operator.slots.ask import Ask, Asked
from clm_operator.slots.due import History, Rules, Span, decide_due
from clm_operator.slots.retrain import (
    production_is_stale,
    results_are_degraded,
    the_market_has_drifted,
)


def a_slot_is_due(facts: Facts, plausible: Plausible) -> Asked:
    """The schedule's own slots: the newest one that has come, while no newer one is decided."""
    schedule, spec, slots = facts.schedule, plausible.spec, plausible.slots
    before, seen = schedule.status.last_schedule_time, _seen(facts, spec)
    taken = [v.slot for v in facts.versions if v.slot is not None]
    last = max(filter(None, (before, slot_time(max(taken)) if taken else None)), default=None)
    due = decide_due(slots, _rules(spec), _history(facts, seen, last), facts.now)
    fields = {
        "schedule_seen": seen,
        "schedule_text": slots.text,
        "schedule_notes": list(slots.notes(facts.now)),
        "last_schedule_time": due.last_slot,
        "next_schedule_time": due.next_slot,
    }
    skips = (*_before_the_edit(facts, seen, last), *due.skipped)
    if due.run is None:
        return Asked(None, skips, fields, due.next_slot)
    ask = Ask(
        slot_version(schedule.name, due.run),
        due.run,
        Trigger(type=due.trigger),
        timely=True,
        settles={"last_schedule_time": due.last_slot},
    )
    return Asked(ask, skips, fields | {"last_schedule_time": last}, due.next_slot)


def somebody_asks(facts: Facts, _: Plausible) -> Asked:
    """A token asks for one run, once."""
    schedule = facts.schedule
    token, known = schedule.run_token, schedule.status.last_run_token
    if token is None or token == known:
        return Asked()
    trigger = Trigger(type=TriggerType.MANUAL, reason=token)
    name, slot = manual_version(schedule.name, token), floor_to(facts.now, 60)
    called, settles = f'run by hand "{token}"', {"last_run_token": token}
    return Asked(Ask(name, slot, trigger, called=called, settles=settles))


def a_message_asks(facts: Facts, _: Plausible) -> Asked:
    """The oldest message that waits asks for one run; it is remembered once that is settled."""
    schedule, status = facts.schedule, facts.schedule.status
    if not status.asked:
        return Asked()
    first, *rest = status.asked
    digests = [*status.settled_tokens, token_digest(first.token)]
    return Asked(
        Ask(
            asked_version(schedule.name, first.token),
            floor_to(facts.now, 60),
            Trigger(type=TriggerType.MESSAGE, reason=first.reason),
            called=f'the run that message "{first.token}" asks for',
            settles={"asked": rest, "settled_tokens": digests[-KEPT_TOKENS:]},
        )
    )


ASKS: tuple[Callable[[Facts, Plausible], Asked], ...] = (
    a_slot_is_due,
    somebody_asks,
    a_message_asks,
    the_market_has_drifted,
    results_are_degraded,
    production_is_stale,
)
"""In the order in which they are met: a later one finds the runs of the earlier ones active."""


def _seen(facts: Facts, spec: TrainingScheduleSpec) -> ScheduleSeen:
    """A new schedule counts from its creation, an edited one from the moment it was noticed.

    A moment that lies ahead was noticed on a clock that has been set back since.
    """
    digest, before = schedule_hash(spec), facts.schedule.status.schedule_seen
    begin = floor_to(facts.schedule.created, 60)
    if before is None:
        return ScheduleSeen(hash=digest, since=begin)
    if before.hash != digest or before.since > max(facts.now, begin):
        return ScheduleSeen(hash=digest, since=max(whole_seconds(facts.now), begin))
    return before


def _before_the_edit(
    facts: Facts, seen: ScheduleSeen, decided: datetime | None
) -> tuple[SkippedRange, ...]:
    """Record what came due before an edit was noticed: the former slots are known no more.

    Parameters
    ----------
    decided
        Newest slot that was run or skipped.
    """
    status = facts.schedule.status
    before, armed = status.schedule_seen, status.next_schedule_time
    if before is None or before.hash == seen.hash or armed is None or armed > seen.since:
        return ()
    if decided is not None and armed <= decided:
        return ()
    until = max(floor_to(seen.since, 60), armed)
    text = "the schedule was edited while the operator was away; its former slots are not run"
    return (SkippedRange(from_=armed, to=until, count=1, reason=Reason.MISSED_SLOT, message=text),)


def _rules(spec: TrainingScheduleSpec) -> Rules:
    return Rules(
        suspend=spec.suspend,
        run_on_create=spec.run_on_create,
        starting_deadline=timedelta(seconds=spec.starting_deadline_seconds),
        concurrency=spec.concurrency_policy,
    )


def _history(facts: Facts, seen: ScheduleSeen, last: datetime | None) -> History:
    spans = tuple(
        Span(v.created, v.status.completion_time if v.terminal else None) for v in facts.versions
    )
    ran = bool(facts.versions) or facts.schedule.status.last_run is not None
    return History(facts.schedule.created, seen.since, last, spans, ran)
