"""Which runs begin in a round: of the slot that is due, and of the token that asks."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from clm_api.model_version import Trigger, TriggerType
from clm_api.reasons import Reason
from clm_api.resolve import resolve
from clm_api.schedule import Schedule, schedule_hash
from clm_api.schedule_status import (
    KEPT_SKIPS,
    MOST_ACTIVE,
    HeldRun,
    ScheduleSeen,
    SkippedRange,
    TrainingScheduleStatus,
)
from clm_api.timing import TIMEFRAME_SECONDS, floor_to, slot_time, whole_seconds
from clm_api.training_schedule import ConcurrencyPolicy, TrainingScheduleSpec
from clm_operator.mirror.objects import ScheduleObject
from clm_operator.names import manual_version, slot_version
from clm_operator.settings import Settings
from clm_operator.slots import tries
from clm_operator.slots.due import Due, History, Rules, Span, crowded, decide_due, skip
from clm_operator.slots.held import given_up, hold
from clm_operator.slots.version import version_manifest
from clm_operator.view import Snapshot

_YEAR_SECONDS = 365.25 * 86400


def new_runs(
    snapshot: Snapshot,
    schedule: ScheduleObject,
    spec: TrainingScheduleSpec,
    slots: Schedule,
    status: TrainingScheduleStatus,
    settings: Settings,
) -> tuple[tuple[dict[str, Any], ...], TrainingScheduleStatus, Due]:
    """Return the versions to create, the status that records the decision, and the decision."""
    seen = _seen(schedule, spec, snapshot.now)
    spans = tuple(
        Span(v.created, v.status.completion_time if v.terminal else None) for v in snapshot.versions
    )
    taken_slots = [v.slot for v in snapshot.versions if v.slot is not None]
    newest_slot = slot_time(max(taken_slots)) if taken_slots else None
    last = max(filter(None, (schedule.status.last_schedule_time, newest_slot)), default=None)
    rules = Rules(
        suspend=spec.suspend,
        run_on_create=spec.run_on_create,
        starting_deadline=timedelta(seconds=spec.starting_deadline_seconds),
        concurrency=spec.concurrency_policy,
    )
    ran = bool(snapshot.versions) or schedule.status.last_run is not None
    history = History(schedule.created, seen.since, last, spans, ran)
    due = decide_due(slots, rules, history, snapshot.now)
    new: list[dict[str, Any]] = []
    held: tuple[HeldRun, ...] = ()
    skipped, last_slot = due.skipped, due.last_slot
    if due.run is not None:
        name = slot_version(schedule.name, due.run)
        if (why := _barred(snapshot, name)) is not None:
            skipped = (*skipped, skip(due.run, *why))
        elif (waits := hold(snapshot, schedule, name, due.run)) is not None:
            held, last_slot = (waits,), last
        else:
            run = _Run(name, due.run, Trigger(type=due.trigger))
            new.append(_version(snapshot, schedule, spec, status, settings, run))
    by_hand = _by_hand(snapshot, schedule, spec, status, settings, busy=len(new))
    new, held = [*new, *by_hand.new], (*held, *by_hand.held)
    alive = {h.name for h in held} | {v.name for v in snapshot.versions}
    alive |= {manifest["metadata"]["name"] for manifest in new}
    skipped = given_up(schedule.status.held, alive, (*skipped, *by_hand.refused))
    status = status.having(
        schedule_seen=seen,
        schedule_text=slots.text,
        schedule_notes=list(slots.notes(snapshot.now)),
        last_schedule_time=last_slot,
        next_schedule_time=due.next_slot,
        last_run_token=by_hand.token,
        held=list(held),
        skipped=[*schedule.status.skipped, *skipped][-KEPT_SKIPS:],
    )
    due = replace(due, skipped=skipped, last_slot=last_slot)
    return tuple(new), status, due


def _barred(snapshot: Snapshot, name: str) -> tuple[Reason, str] | None:
    """Return why no version of that name can be made."""
    if name in snapshot.taken:
        text = f'ModelVersion "{name}" exists and belongs to something else: delete it'
        return Reason.NAME_COLLISION, text
    if (words := snapshot.refused.get(name)) is not None:
        return Reason.SPEC_INVALID, f"the API server refuses the ModelVersion: {words}"
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
class _Run:
    """A run that begins: its version's name, its slot, and what it begins for."""

    name: str
    slot: datetime
    trigger: Trigger


@dataclass(frozen=True)
class _ByHand:
    """What became of a token: the last one that is decided, and what follows."""

    token: str | None
    new: tuple[dict[str, Any], ...] = ()
    refused: tuple[SkippedRange, ...] = ()
    held: tuple[HeldRun, ...] = ()


def _by_hand(
    snapshot: Snapshot,
    schedule: ScheduleObject,
    spec: TrainingScheduleSpec,
    status: TrainingScheduleStatus,
    settings: Settings,
    *,
    busy: int,
) -> _ByHand:
    """A token asks for one run, once; it is refused while too many others are active.

    Parameters
    ----------
    busy
        Runs that begin in this round.
    """
    token, known = schedule.run_token, schedule.status.last_run_token
    if token is None or token == known:
        return _ByHand(known)
    name = manual_version(schedule.name, token)
    slot = floor_to(snapshot.now, 60)
    if any(v.name == name for v in snapshot.versions):
        return _ByHand(token)
    active = busy + sum(not v.terminal for v in snapshot.versions)
    if (why := _barred(snapshot, name) or _crowded(spec, token, active)) is not None:
        return _ByHand(token, refused=(skip(slot, *why),))
    if (waits := hold(snapshot, schedule, name, slot)) is not None:
        return _ByHand(known, held=(waits,))
    run = _Run(name, slot, Trigger(type=TriggerType.MANUAL, reason=token))
    made = _version(snapshot, schedule, spec, status, settings, run)
    return _ByHand(token, (made,))


def _crowded(spec: TrainingScheduleSpec, token: str, active: int) -> tuple[Reason, str] | None:
    """Return why a run by hand is one too many."""
    refused, policy = f'run by hand "{token}" was refused', spec.concurrency_policy
    if active and policy is ConcurrencyPolicy.FORBID:
        text = f"{refused}: another run is active; ask again when it ends"
        return Reason.CONCURRENCY_FORBIDDEN, text
    if active >= MOST_ACTIVE and policy is ConcurrencyPolicy.ALLOW:
        return Reason.TOO_MANY_RUNS, f"{refused}: {crowded(active)}; ask again when one ends"
    return None


def _version(
    snapshot: Snapshot,
    schedule: ScheduleObject,
    spec: TrainingScheduleSpec,
    status: TrainingScheduleStatus,
    settings: Settings,
    run: _Run,
) -> dict[str, Any]:
    bars_per_year = _YEAR_SECONDS / TIMEFRAME_SECONDS[spec.data.timeframe]
    told = resolve(
        spec,
        slot=run.slot,
        trials=tries.frozen(
            (status.trials, *snapshot.sibling_trials), bars_per_year, spec.model.seeds
        ),
        pod_defaults=settings.pod_defaults(spec.model.family),
    )
    return version_manifest(
        schedule, spec, name=run.name, slot=run.slot, trigger=run.trigger, run=told
    )
