"""One snapshot in, one plan out: the operator's only place of decision."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from clm_api.errors import SpecError
from clm_api.lifecycle import Stage
from clm_api.model_version import ModelVersionStatus, Phase
from clm_api.production import ProductionPointer
from clm_api.reasons import Reason
from clm_api.schedule import Schedule, parse_schedule
from clm_api.schedule_status import (
    TrainingScheduleStatus,
)
from clm_api.timing import duration
from clm_api.training_schedule import ConcurrencyPolicy, TrainingScheduleSpec
from clm_operator.barriers import barrier
from clm_operator.jobs import policy
from clm_operator.jobs.credentials import Grant, regrant
from clm_operator.jobs.failures import Failure
from clm_operator.jobs.manifest import NewJob
from clm_operator.jobs.waiting import lacks_keys
from clm_operator.mirror.objects import Job, ScheduleObject, Version
from clm_operator.replays import due as replay_due
from clm_operator.replays import outcome as replay_outcome
from clm_operator.replays.job import DueReplay, grant_for, replay_job
from clm_operator.replays.outcome import NewestReplay
from clm_operator.round import trial
from clm_operator.round.schedule_status import run_facts, with_conditions, with_store
from clm_operator.round.tidying import finished_jobs, short_of_room, tidied_at
from clm_operator.round.version_status import observed
from clm_operator.runs.job import training_job
from clm_operator.runs.outcome import Act, Outcome, failed, fold, goes_at
from clm_operator.settings import CredentialsMode, Settings
from clm_operator.slots import tries
from clm_operator.slots.admit import new_runs
from clm_operator.stages import promotion
from clm_operator.stages.automatic import rested_at
from clm_operator.stages.pointer import with_production
from clm_operator.stages.promotion import Promotions
from clm_operator.stages.retention import to_delete
from clm_operator.telling.notices import (
    Notice,
    held_notices,
    missing_notices,
    move_notices,
    replay_notices,
    run_notices,
    skip_notices,
    untold,
)
from clm_operator.view import Snapshot


@dataclass(frozen=True)
class Plan:
    """What to do: create, delete Jobs, write statuses with what is to be told, remove requests.

    What only tidies up, ``pointer`` and ``delete_versions``, is done when nothing else is left.
    """

    create_versions: tuple[dict[str, Any], ...] = ()
    create_jobs: tuple[NewJob, ...] = ()
    create_replay: NewJob | None = None
    lend: tuple[Grant, ...] = ()
    """Keys of Jobs whose pods wait for them."""
    delete_jobs: tuple[Job, ...] = ()
    delete_versions: tuple[Version, ...] = ()
    version_statuses: tuple[tuple[Version, ModelVersionStatus], ...] = ()
    schedule_status: TrainingScheduleStatus | None = None
    remove_requests: tuple[Version, ...] = ()
    pointer: ProductionPointer | None = None
    needs_room: bool = False
    """Whether a quota keeps a pod from being made."""
    wake_at: datetime | None = None
    """When to look again if nothing happens before."""

    @property
    def creates(self) -> bool:
        """Whether it makes anything that the next round has to see."""
        return bool(self.create_versions or self.create_jobs or self.create_replay)


def plan(snapshot: Snapshot, settings: Settings) -> Plan:
    """Decide what follows from a snapshot."""
    schedule = snapshot.schedule
    if schedule is None or schedule.deleted or schedule.restoring:
        return Plan()
    seen, replay = trial.look(snapshot, schedule)
    promotions = promotion.decide(seen)
    folded = zip(_outcomes(snapshot, schedule, settings), seen.versions, strict=True)
    outcomes = tuple(
        _observed(_moved(outcome, version, promotions), snapshot.now) for outcome, version in folded
    )
    runs = [(o.version, o.status) for o in outcomes]
    status = run_facts(schedule.status, runs)
    status = status.having(
        trials=tries.count(status.trials, _after(outcomes)),
        replay=replay.status,
        production=replay_outcome.with_live(status.production, replay.report),
    )
    status = with_production(status, promotions.promoted, snapshot.now)
    try:
        slots, spec = _parsed(schedule, settings)
        new, status, due = new_runs(snapshot, schedule, spec, slots, status, settings)
        problem, retention = "", to_delete(snapshot.versions, spec.retention, status)
        wanted = None if promotions.moving else replay_due.due(seen, schedule, spec, replay)
    except SpecError as error:
        new, due, problem, retention, wanted = (), None, error.message, (), None
        status = status.having(next_schedule_time=None)
    tidied = finished_jobs(snapshot, schedule, replay)
    why = replay_due.impossible(snapshot, wanted, replay, settings) if wanted is not None else None
    why = why or replay_due.abandoned(seen, schedule, replay)
    if why is not None:
        wanted, status = None, status.having(replay=why)
    status = with_conditions(schedule, status, runs, snapshot.now, problem)
    status = with_store(schedule, status, snapshot.store, snapshot.now)
    notices = (
        *skip_notices(schedule, due.skipped if due else ()),
        *held_notices(schedule, status.held),
        *run_notices(outcomes),
        *move_notices(outcomes),
        *replay_notices(schedule, status.replay),
        *missing_notices(schedule, status),
    )
    outcomes = tuple(_telling(o, notices) for o in outcomes)
    status = status.having(untold=untold(schedule.uid, notices))
    settled = {v.name for v in promotions.decided}
    return Plan(
        create_versions=new,
        create_jobs=tuple(
            training_job(
                o.version,
                o.version.spec,
                settings,
                snapshot.now,
                replay_due.champion_of(schedule.status),
            )
            for o in outcomes
            if o.act is Act.CREATE_JOB and o.version.spec is not None
        ),
        create_replay=_replay(snapshot, schedule, wanted, settings),
        lend=_keys(snapshot, schedule, outcomes, replay, settings),
        delete_jobs=(
            *(snapshot.jobs[o.version.name] for o in outcomes if o.act is Act.DELETE_JOB),
            *replay_outcome.to_delete(snapshot, schedule, replay),
            *tidied,
        ),
        delete_versions=retention,
        needs_room=short_of_room(snapshot) and not snapshot.quota_short,
        version_statuses=_changed(outcomes),
        schedule_status=status,
        remove_requests=tuple(
            o.version for o in outcomes if o.version.name in settled and _says_the_same(o)
        ),
        pointer=_pointer(schedule, status),
        wake_at=_wake_at(
            snapshot, outcomes, status, replay, settings, waits=bool(promotions.unreadable)
        ),
    )


def _moved(outcome: Outcome, seen: Version, promotions: Promotions) -> Outcome:
    """Lay what became of a test or a request over an ended version, or beside its run's doing."""
    status = promotions.statuses.get(outcome.version.name)
    if outcome.version.terminal:
        return replace(outcome, status=status or seen.status)
    if status is None:
        return outcome
    return replace(outcome, status=outcome.status.having(promotion=status.promotion))


def _observed(outcome: Outcome, now: datetime) -> Outcome:
    return replace(outcome, status=observed(outcome.version, outcome.status, now))


def _telling(outcome: Outcome, notices: Iterable[Notice]) -> Outcome:
    told = untold(outcome.version.uid, notices)
    return replace(outcome, status=outcome.status.having(untold=told))


def _says_the_same(outcome: Outcome) -> bool:
    """Whether a status stays as it is, but for what is told of it meanwhile."""
    before = outcome.version.status
    return outcome.status.having(untold=before.untold) == before


def _replay(
    snapshot: Snapshot,
    schedule: ScheduleObject,
    wanted: DueReplay | None,
    settings: Settings,
) -> NewJob | None:
    if wanted is None:
        return None
    return replay_job(schedule, wanted, settings, snapshot.now)


def _keys(
    snapshot: Snapshot,
    schedule: ScheduleObject,
    outcomes: tuple[Outcome, ...],
    latest: NewestReplay,
    settings: Settings,
) -> tuple[Grant, ...]:
    """Return the credentials that a crash or a refusal kept from Jobs, unless it stands."""
    if settings.store.credentials is not CredentialsMode.PER_RUN:
        return ()
    grants: list[Grant | None] = []
    for outcome in outcomes:
        version, job = outcome.version, snapshot.jobs.get(outcome.version.name)
        if version.spec and job and outcome.status.phase is Phase.PENDING and lacks_keys(job):
            champion = replay_due.champion_of(schedule.status)
            made = training_job(version, version.spec, settings, snapshot.now, champion)
            grants.extend(regrant(grant, job) for grant in filter(None, [made.grant]))
    if (waits := replay_due.keyless(snapshot, latest)) is not None:
        grant = grant_for(schedule, waits.due, settings, snapshot.now)
        grants.append(regrant(grant, waits.job))
    return tuple(g for g in grants if g is not None and g.job not in snapshot.withheld)


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
    policy.check("spec.job", schedule.spec.job, defaults, settings.job_policy)
    if duration(schedule.spec.monitoring.interval) < least:
        text = f"is below {settings.min_interval_minutes}m, the least that the operator allows"
        raise SpecError("spec.monitoring.interval", text)
    return parse_schedule(schedule.spec, min_interval=least), schedule.spec


def _wake_at(
    snapshot: Snapshot,
    outcomes: tuple[Outcome, ...],
    status: TrainingScheduleStatus,
    replay: NewestReplay,
    settings: Settings,
    *,
    waits: bool,
) -> datetime | None:
    times = [status.next_schedule_time] if status.next_schedule_time else []
    soon = timedelta(seconds=settings.progress_poll_seconds)
    works = status.replay is not None and status.replay.phase is Phase.RUNNING
    if waits or works:
        times.append(snapshot.now + soon)
    active = [o.version.name for o in outcomes if not o.version.terminal and not o.ended_now]
    waiting = [*active, *(held.name for held in status.held)]
    times.extend(_again(snapshot, name, soon) for name in waiting)
    schedule = snapshot.schedule
    if schedule is not None and schedule.spec is not None:
        times.extend(tidied_at(snapshot, schedule, replay))
        times.extend(_left_alone(snapshot, replay))
        times.append(rested_at(schedule, snapshot.now))
        if replay_due.watched(status, _after(outcomes)):
            times.append(replay_due.next_at(snapshot, schedule, schedule.spec))
        if status.replay is not None and barrier(snapshot, status.replay.name):
            times.append(_again(snapshot, status.replay.name, soon))
    return min((t for t in times if t > snapshot.now), default=None)


def _left_alone(snapshot: Snapshot, replay: NewestReplay) -> Iterator[datetime]:
    """Yield when Jobs whose result was read go, if they have not ended by themselves."""
    for version in snapshot.versions:
        if version.terminal and (at := goes_at(version, snapshot.jobs.get(version.name))):
            yield at
    if (at := replay_outcome.goes_at(snapshot, replay)) is not None:
        yield at


def _again(snapshot: Snapshot, name: str, soon: timedelta) -> datetime:
    """Return when to look again at what works, or can't be made yet.

    A wait that ended while the round was reading is over at the next look.
    """
    why = snapshot.withheld.get(name)
    return why.until if why and why.until and why.until > snapshot.now else snapshot.now + soon
