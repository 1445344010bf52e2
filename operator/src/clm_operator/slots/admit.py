"""Which runs begin in a round: of the slot that is due, and of the token that asks."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clm_api.model_version import Trigger, TriggerType
from clm_api.reasons import Reason
from clm_api.resolve import resolve
from clm_api.schedule import schedule_hash
from clm_api.schedule_status import (
    MOST_ACTIVE,
    HeldRun,
    ScheduleSeen,
    SkippedRange,
    TrialsStatus,
)
from clm_api.timing import TIMEFRAME_SECONDS, floor_to, slot_time, whole_seconds
from clm_api.training_schedule import ConcurrencyPolicy, TrainingScheduleSpec
from clm_operator.facts import Facts, Plausible
from clm_operator.mirror.objects import ScheduleObject
from clm_operator.names import manual_version, slot_version
from clm_operator.slots import tries
from clm_operator.slots.due import History, Rules, Span, crowded, decide_due, skip
from clm_operator.slots.held import given_up, hold
from clm_operator.slots.version import Asked, version_manifest

_YEAR_SECONDS = 365.25 * 86400


@dataclass(frozen=True)
class Slots:
    """Which runs begin in a round, and what the schedule's status says of its slots.

    Parameters
    ----------
    manifests
        Versions to create.
    skips
        Slots that this round decides to skip.
    seen, text, notes, last, next, token
        ``scheduleSeen``, ``scheduleText``, ``scheduleNotes``, ``lastScheduleTime``,
        ``nextScheduleTime``, ``lastRunToken``.
    held
        Runs whose version can't be made yet.
    wakes
        When to look again.
    """

    seen: ScheduleSeen | None
    text: str | None
    notes: tuple[str, ...]
    last: datetime | None
    token: str | None
    held: tuple[HeldRun, ...]
    next: datetime | None = None
    manifests: tuple[dict[str, Any], ...] = ()
    skips: tuple[SkippedRange, ...] = ()
    wakes: tuple[datetime, ...] = ()


def slots_of(facts: Facts, own: TrialsStatus) -> Slots:
    """Decide about the slot that is due and the token that asks.

    Of a spec that can't be followed nothing is due; what was said of its slots stays.

    Parameters
    ----------
    own
        The schedule's own trials so far: a new run is told of them.
    """
    if facts.plausible is None:
        before = facts.schedule.status
        return Slots(
            before.schedule_seen,
            before.schedule_text,
            tuple(before.schedule_notes),
            before.last_schedule_time,
            before.last_run_token,
            tuple(before.held),
        )
    return _decided(facts, facts.plausible, own)


def _decided(facts: Facts, plausible: Plausible, own: TrialsStatus) -> Slots:
    schedule, spec, slots = facts.schedule, plausible.spec, plausible.slots
    seen = _seen(schedule, spec, facts.now)
    newest = _newest_slot(facts)
    last = max(filter(None, (schedule.status.last_schedule_time, newest)), default=None)
    due = decide_due(slots, _rules(spec), _history(facts, seen, last), facts.now)
    new, held = list[dict[str, Any]](), list[HeldRun]()
    skipped, last_slot = due.skipped, due.last_slot
    if due.run is not None:
        name = slot_version(schedule.name, due.run)
        if (why := _barred(facts, name)) is not None:
            skipped = (*skipped, skip(due.run, *why))
        elif (waits := hold(facts, name, due.run)) is not None:
            held, last_slot = [waits], last
        else:
            asked = Asked(name, due.run, Trigger(type=due.trigger))
            new = [_version(facts, plausible, own, asked)]
    by_hand = _by_hand(facts, plausible, own, busy=len(new))
    new, held = [*new, *by_hand.new], [*held, *by_hand.held]
    alive = {h.name for h in held} | {v.name for v in facts.versions}
    alive |= {manifest["metadata"]["name"] for manifest in new}
    return Slots(
        seen=seen,
        text=slots.text,
        notes=tuple(slots.notes(facts.now)),
        last=last_slot,
        token=by_hand.token,
        held=tuple(held),
        next=due.next_slot,
        manifests=tuple(new),
        skips=given_up(schedule.status.held, alive, (*skipped, *by_hand.refused)),
        wakes=(*filter(None, (due.next_slot,)), *(facts.again_at(h.name) for h in held)),
    )


def _newest_slot(facts: Facts) -> datetime | None:
    taken = [v.slot for v in facts.versions if v.slot is not None]
    return slot_time(max(taken)) if taken else None


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


def _barred(facts: Facts, name: str) -> tuple[Reason, str] | None:
    """Return why no version of that name can be made."""
    if name in facts.taken:
        text = f'ModelVersion "{name}" exists and belongs to something else: delete it'
        return Reason.NAME_COLLISION, text
    if (words := facts.refused.get(name)) is not None:
        return Reason.SPEC_INVALID, f"the API server refuses the ModelVersion: {words}"[:1024]
    return None


def _seen(schedule: ScheduleObject, spec: TrainingScheduleSpec, now: datetime) -> ScheduleSeen:
    """A new schedule counts from its creation, an edited one from the moment it was noticed.

    A moment that lies ahead was noticed on a clock that has been set back since.
    """
    digest, before = schedule_hash(spec), schedule.status.schedule_seen
    begin = floor_to(schedule.created, 60)
    if before is None:
        return ScheduleSeen(hash=digest, since=begin)
    if before.hash != digest or before.since > max(now, begin):
        return ScheduleSeen(hash=digest, since=max(whole_seconds(now), begin))
    return before


@dataclass(frozen=True)
class _ByHand:
    """What became of a token: the last one that is decided, and what follows."""

    token: str | None
    new: tuple[dict[str, Any], ...] = ()
    refused: tuple[SkippedRange, ...] = ()
    held: tuple[HeldRun, ...] = ()


def _by_hand(facts: Facts, plausible: Plausible, own: TrialsStatus, *, busy: int) -> _ByHand:
    """A token asks for one run, once; it is refused while too many others are active.

    Parameters
    ----------
    busy
        Runs that begin in this round.
    """
    schedule = facts.schedule
    token, known = schedule.run_token, schedule.status.last_run_token
    if token is None or token == known:
        return _ByHand(known)
    name = manual_version(schedule.name, token)
    slot = floor_to(facts.now, 60)
    if any(v.name == name for v in facts.versions):
        return _ByHand(token)
    active = busy + len(facts.active)
    if (why := _barred(facts, name) or _crowded(plausible.spec, token, active)) is not None:
        return _ByHand(token, refused=(skip(slot, *why),))
    if (waits := hold(facts, name, slot)) is not None:
        return _ByHand(known, held=(waits,))
    trigger = Trigger(type=TriggerType.MANUAL, reason=f"{token}"[:512])
    return _ByHand(token, (_version(facts, plausible, own, Asked(name, slot, trigger)),))


def _crowded(spec: TrainingScheduleSpec, token: str, active: int) -> tuple[Reason, str] | None:
    """Return why a run by hand is one too many."""
    refused, policy = f'run by hand "{token}" was refused', spec.concurrency_policy
    if active and policy is ConcurrencyPolicy.FORBID:
        text = f"{refused}: another run is active; ask again when it ends"
        return Reason.CONCURRENCY_FORBIDDEN, text
    if active >= MOST_ACTIVE and policy is ConcurrencyPolicy.ALLOW:
        return Reason.TOO_MANY_RUNS, f"{refused}: {crowded(active)}; ask again when one ends"
    return None


def _version(facts: Facts, plausible: Plausible, own: TrialsStatus, asked: Asked) -> dict[str, Any]:
    spec = plausible.spec
    bars_per_year = _YEAR_SECONDS / TIMEFRAME_SECONDS[spec.data.timeframe]
    so_far = (own, *facts.sibling_trials)
    run = resolve(
        spec,
        slot=asked.slot,
        trials=tries.frozen(so_far, bars_per_year, spec.model.seeds),
        pod_defaults=facts.settings.pod_defaults(spec.model.family),
    )
    return version_manifest(facts.schedule, spec, asked, run)
