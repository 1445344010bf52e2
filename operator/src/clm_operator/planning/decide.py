"""One snapshot in, one plan out: the operator's only place of decision."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from clm_api.errors import SpecError
from clm_api.lifecycle import Stage
from clm_api.model_version import ModelVersionStatus, Phase, Trigger, TriggerType
from clm_api.production import ProductionPointer
from clm_api.reasons import Reason
from clm_api.resolve import resolve
from clm_api.schedule import Schedule, parse_schedule, schedule_hash
from clm_api.schedule_status import (
    KEPT_SKIPS,
    ScheduleSeen,
    SkippedRange,
    TrainingScheduleStatus,
)
from clm_api.timing import TIMEFRAME_SECONDS, duration, floor_to, slot_time
from clm_api.training_schedule import ConcurrencyPolicy, TrainingScheduleSpec
from clm_operator.building.credentials import Grant
from clm_operator.building.evaluations import DueEvaluation, evaluation_job, grant_for, regrant
from clm_operator.building.jobs import NewJob, training_job
from clm_operator.building.names import manual_version, slot_version
from clm_operator.building.versions import version_manifest
from clm_operator.planning import (
    evaluation_slots,
    evaluations,
    job_policy,
    production,
    trial,
    trials,
)
from clm_operator.planning.automatic import rested_at
from clm_operator.planning.due import Due, History, Rules, Span, decide_due, skip
from clm_operator.planning.evaluations import Evaluation
from clm_operator.planning.failures import Failure
from clm_operator.planning.lifecycle import whole_seconds
from clm_operator.planning.notices import (
    Notice,
    evaluation_notices,
    missing_notices,
    move_notices,
    run_notices,
    skip_notices,
)
from clm_operator.planning.outcomes import Act, Outcome, failed, fold
from clm_operator.planning.pointer import with_production
from clm_operator.planning.production import Promotions
from clm_operator.planning.retention import to_delete
from clm_operator.settings import CredentialsMode, Settings
from clm_operator.snapshot import Job, ScheduleObject, Snapshot, Version
from clm_operator.status.schedule import run_facts, with_conditions
from clm_operator.status.version import observed

_YEAR_SECONDS = 365.25 * 86400
_RAREST = timedelta(minutes=5)


@dataclass(frozen=True)
class Plan:
    """What to do: create, delete Jobs, write statuses, remove requests, post events.

    What only tidies up, ``pointer`` and ``delete_versions``, is done when nothing else is left.
    """

    create_versions: tuple[dict[str, Any], ...] = ()
    create_jobs: tuple[NewJob, ...] = ()
    create_evaluation: NewJob | None = None
    lend: Grant | None = None
    """Keys of an evaluation Job whose pod waits for them."""
    delete_jobs: tuple[Job, ...] = ()
    delete_versions: tuple[Version, ...] = ()
    version_statuses: tuple[tuple[Version, ModelVersionStatus], ...] = ()
    schedule_status: TrainingScheduleStatus | None = None
    remove_requests: tuple[Version, ...] = ()
    pointer: ProductionPointer | None = None
    notices: tuple[Notice, ...] = ()
    wake_at: datetime | None = None
    """When to look again if nothing happens before."""


def plan(snapshot: Snapshot, settings: Settings) -> Plan:
    """Decide what follows from a snapshot."""
    schedule = snapshot.schedule
    if schedule is None or schedule.deleted or schedule.restoring:
        return Plan()
    seen, evaluation = trial.look(snapshot, schedule)
    promotions = production.decide(seen)
    folded = zip(_outcomes(snapshot, schedule, settings), seen.versions, strict=True)
    outcomes = tuple(
        _observed(_moved(outcome, version, promotions), snapshot.now) for outcome, version in folded
    )
    runs = [(o.version, o.status) for o in outcomes]
    status = run_facts(schedule.status, runs)
    status = status.model_copy(
        update={
            "trials": trials.count(status.trials, _after(outcomes)),
            "evaluation": evaluation.status,
            "production": evaluations.with_live(status.production, evaluation.report),
        }
    )
    status = with_production(status, promotions.promoted, snapshot.now)
    try:
        slots, spec = _parsed(schedule, settings)
        new, status, due = _new_runs(snapshot, schedule, spec, slots, status, settings)
        problem, retention = "", to_delete(snapshot.versions, spec.retention, status)
        wanted = (
            None if promotions.moving else evaluation_slots.due(seen, schedule, spec, evaluation)
        )
    except SpecError as error:
        new, due, problem, retention, wanted = (), None, error.message, (), None
        status = status.model_copy(update={"next_schedule_time": None})
    why = (
        evaluation_slots.impossible(snapshot, wanted, evaluation, settings)
        if wanted is not None
        else None
    )
    if why is not None:
        wanted, status = None, status.model_copy(update={"evaluation": why})
    status = with_conditions(schedule, status, runs, snapshot.now, problem)
    skipped = due.skipped if due else ()
    settled = {v.name for v in promotions.decided}
    return Plan(
        create_versions=new,
        create_jobs=tuple(
            training_job(
                o.version,
                o.version.spec,
                settings,
                snapshot.now,
                evaluation_slots.champion_of(schedule.status),
            )
            for o in outcomes
            if o.act is Act.CREATE_JOB and o.version.spec is not None
        ),
        create_evaluation=_evaluation(snapshot, schedule, wanted, settings),
        lend=_keys(snapshot, schedule, evaluation, settings),
        delete_jobs=(
            *(snapshot.jobs[o.version.name] for o in outcomes if o.act is Act.DELETE_JOB),
            *evaluations.to_delete(snapshot, schedule, evaluation),
        ),
        delete_versions=retention,
        version_statuses=_changed(outcomes),
        schedule_status=status,
        remove_requests=tuple(
            o.version
            for o in outcomes
            if o.version.name in settled and o.status == o.version.status
        ),
        pointer=_pointer(schedule, status),
        notices=(
            *skip_notices(schedule, skipped),
            *run_notices(outcomes),
            *move_notices(outcomes),
            *evaluation_notices(schedule, status.evaluation),
            *missing_notices(schedule, status),
        ),
        wake_at=_wake_at(snapshot, outcomes, status, settings, waits=bool(promotions.unreadable)),
    )


def _moved(outcome: Outcome, seen: Version, promotions: Promotions) -> Outcome:
    """Lay what became of a test or a request over an ended version, or beside its run's doing."""
    status = promotions.statuses.get(outcome.version.name)
    if outcome.version.terminal:
        return replace(outcome, status=status or seen.status)
    if status is None:
        return outcome
    decided = {"promotion": status.promotion}
    return replace(outcome, status=outcome.status.model_copy(update=decided))


def _observed(outcome: Outcome, now: datetime) -> Outcome:
    return replace(outcome, status=observed(outcome.version, outcome.status, now))


def _evaluation(
    snapshot: Snapshot,
    schedule: ScheduleObject,
    wanted: DueEvaluation | None,
    settings: Settings,
) -> NewJob | None:
    if wanted is None:
        return None
    return evaluation_job(schedule, wanted, settings, snapshot.now)


def _keys(
    snapshot: Snapshot, schedule: ScheduleObject, latest: Evaluation, settings: Settings
) -> Grant | None:
    """Return the credentials that a crash kept from the newest evaluation's Job."""
    waits = evaluation_slots.keyless(snapshot, latest)
    if waits is None or settings.store.credentials is not CredentialsMode.PER_RUN:
        return None
    grant = grant_for(schedule, waits.due, settings, snapshot.now)
    return regrant(grant, waits.job)


def _changed(outcomes: tuple[Outcome, ...]) -> tuple[tuple[Version, ModelVersionStatus], ...]:
    """Return the statuses to write: nobody arrives in production before all others have left."""
    found = [(o.version, o.status) for o in outcomes if o.status != o.version.status]
    return tuple(sorted(found, key=lambda pair: pair[1].stage is Stage.PRODUCTION))


def _pointer(schedule: ScheduleObject, status: TrainingScheduleStatus) -> ProductionPointer | None:
    if (now := status.production) is None:
        return None
    return ProductionPointer(
        schedule_uid=schedule.uid,
        version=now.version,
        manifest=now.artifact.uri,
        sha256=now.artifact.sha256,
        since=now.since,
    )


def _outcomes(
    snapshot: Snapshot, schedule: ScheduleObject, settings: Settings
) -> tuple[Outcome, ...]:
    """Fold every version; under policy Replace only the newest active run may stay."""
    outcomes = [fold(v, snapshot, settings) for v in snapshot.versions]
    spec = schedule.spec
    if spec is None or spec.concurrency_policy is not ConcurrencyPolicy.REPLACE:
        return tuple(outcomes)
    active = [i for i, o in enumerate(outcomes) if not o.version.terminal and not o.ended_now]
    for index in active[:-1]:
        version = outcomes[index].version
        newer = outcomes[active[-1]].version.name
        why = Failure(Reason.REPLACED, f"{newer} took its place (spec.concurrencyPolicy Replace)")
        outcomes[index] = failed(version, why, snapshot.now, snapshot.jobs.get(version.name))
    return tuple(outcomes)


def _after(outcomes: tuple[Outcome, ...]) -> list[Version]:
    return [Version(o.version.raw, o.version.spec, "", o.status) for o in outcomes]


def _parsed(schedule: ScheduleObject, settings: Settings) -> tuple[Schedule, TrainingScheduleSpec]:
    if schedule.spec is None:
        raise SpecError("spec", schedule.problem)
    least = timedelta(minutes=settings.min_interval_minutes)
    family = schedule.spec.model.family
    settings.pod_defaults(family)
    defaults = settings.job_defaults(family)
    job_policy.check("spec.job", schedule.spec.job, defaults, settings.job_policy)
    if duration(schedule.spec.monitoring.interval) < least:
        text = f"is below {settings.min_interval_minutes}m, the least that the operator allows"
        raise SpecError("spec.monitoring.interval", text)
    return parse_schedule(schedule.spec, min_interval=least), schedule.spec


def _new_runs(
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
    skipped = due.skipped
    if due.run is not None:
        name = slot_version(schedule.name, due.run)
        if (why := _barred(snapshot, name)) is not None:
            skipped = (*skipped, skip(due.run, *why))
        else:
            trigger = Trigger(type=due.trigger)
            new.append(_version(snapshot, schedule, spec, status, settings, name, due.run, trigger))
    manual, token, refusal = _by_hand(snapshot, schedule, spec, status, settings, busy=bool(new))
    new.extend(manual)
    skipped = (*skipped, *refusal)
    status = status.model_copy(
        update={
            "schedule_seen": seen,
            "schedule_text": slots.text,
            "schedule_notes": list(slots.notes(snapshot.now)),
            "last_schedule_time": due.last_slot,
            "next_schedule_time": due.next_slot,
            "last_run_token": token,
            "skipped": [*schedule.status.skipped, *skipped][-KEPT_SKIPS:],
        }
    )
    due = Due(due.run, due.trigger, skipped, due.last_slot, due.next_slot)
    return tuple(new), status, due


def _barred(snapshot: Snapshot, name: str) -> tuple[Reason, str] | None:
    """Return why no version of that name can be made."""
    if name in snapshot.taken:
        text = f'ModelVersion "{name}" exists and belongs to something else: delete it'
        return Reason.NAME_COLLISION, text
    if (words := snapshot.refused.get(name)) is not None:
        return Reason.SPEC_INVALID, f"the API server refuses the ModelVersion: {words}"[:1024]
    if (withheld := snapshot.withheld.get(name)) is not None:
        return withheld.reason, withheld.message[:1024]
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


def _by_hand(
    snapshot: Snapshot,
    schedule: ScheduleObject,
    spec: TrainingScheduleSpec,
    status: TrainingScheduleStatus,
    settings: Settings,
    *,
    busy: bool,
) -> tuple[list[dict[str, Any]], str | None, tuple[SkippedRange, ...]]:
    """A token asks for one run, once; policy Forbid refuses it while another is active."""
    token = schedule.run_token
    if token is None or token == schedule.status.last_run_token:
        return [], schedule.status.last_run_token, ()
    name = manual_version(schedule.name, token)
    slot = floor_to(snapshot.now, 60)
    if any(v.name == name for v in snapshot.versions):
        return [], token, ()
    if (why := _barred(snapshot, name)) is not None:
        return [], token, (skip(slot, *why),)
    active = busy or any(not v.terminal for v in snapshot.versions)
    if active and spec.concurrency_policy is ConcurrencyPolicy.FORBID:
        text = f'run by hand "{token}" was refused: another run is active; ask again when it ends'
        return [], token, (skip(slot, Reason.CONCURRENCY_FORBIDDEN, text),)
    trigger = Trigger(type=TriggerType.MANUAL, reason=f"{token}"[:512])
    made = _version(snapshot, schedule, spec, status, settings, name, slot, trigger)
    return [made], token, ()


def _version(
    snapshot: Snapshot,
    schedule: ScheduleObject,
    spec: TrainingScheduleSpec,
    status: TrainingScheduleStatus,
    settings: Settings,
    name: str,
    slot: datetime,
    trigger: Trigger,
) -> dict[str, Any]:
    bars_per_year = _YEAR_SECONDS / TIMEFRAME_SECONDS[spec.data.timeframe]
    run = resolve(
        spec,
        slot=slot,
        trials=trials.frozen(
            (status.trials, *snapshot.sibling_trials), bars_per_year, spec.model.seeds
        ),
        pod_defaults=settings.pod_defaults(spec.model.family),
    )
    return version_manifest(schedule, spec, name=name, slot=slot, trigger=trigger, run=run)


def _wake_at(
    snapshot: Snapshot,
    outcomes: tuple[Outcome, ...],
    status: TrainingScheduleStatus,
    settings: Settings,
    *,
    waits: bool,
) -> datetime | None:
    times = [status.next_schedule_time] if status.next_schedule_time else []
    soon = timedelta(seconds=settings.progress_poll_seconds)
    works = status.evaluation is not None and status.evaluation.phase is Phase.RUNNING
    if waits or works:
        times.append(snapshot.now + soon)
    for outcome in outcomes:
        if not outcome.version.terminal and not outcome.ended_now:
            withheld = outcome.version.name in snapshot.withheld
            waited = snapshot.now - outcome.version.created
            times.append(snapshot.now + (_patience(waited, soon) if withheld else soon))
    schedule = snapshot.schedule
    if schedule is not None and schedule.spec is not None:
        times.append(rested_at(schedule, snapshot.now))
        if evaluation_slots.watched(status, _after(outcomes)):
            times.append(evaluation_slots.next_at(snapshot, schedule, schedule.spec))
        if status.evaluation is not None and status.evaluation.name in snapshot.withheld:
            times.append(snapshot.now + _patience(snapshot.now - status.evaluation.slot, soon))
    return min((t for t in times if t > snapshot.now), default=None)


def _patience(waited: timedelta, soon: timedelta) -> timedelta:
    """Return how long to wait before a store is asked for credentials again."""
    return max(soon, min(waited, _RAREST))
