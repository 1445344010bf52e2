"""Facts from a view: the one place where what follows by itself is worked out."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from clm_api.errors import SpecError
from clm_api.lifecycle import RequestedStage, Stage, StageRequest
from clm_api.model_version import Phase
from clm_api.reasons import Reason
from clm_api.schedule_status import ReplayStatus
from clm_operator.facts import Facts, Plausible, Want
from clm_operator.jobs.plausible import followed
from clm_operator.jobs.state import JobState, state_of
from clm_operator.jobs.waiting import left_until, missing_since
from clm_operator.mirror.objects import Job, ScheduleObject, Version, owner_uid
from clm_operator.replays.due import champion_of, slots_of
from clm_operator.replays.outcome import newest
from clm_operator.round.tidying import short_of_room
from clm_operator.settings import Settings
from clm_operator.stages import degraded
from clm_operator.stages.automatic import rested_at, wanted
from clm_operator.stages.candidates import compared, overtaken_by, ranked
from clm_operator.stages.following import following
from clm_operator.stages.requests import decided, is_missing, undecided
from clm_operator.stages.shadow import is_tested
from clm_operator.view import View, Withheld

_LEAVING = "an object of that name, of a schedule that is gone, is being removed"


def facts_of(view: View, settings: Settings) -> Facts | None:
    """Return the facts; None where nothing is to be decided."""
    schedule = view.schedule
    if schedule is None or schedule.deleted or schedule.restoring:
        return None
    plausible, problem = _read(schedule, settings)
    ended = tuple(v for v in view.versions if v.terminal)
    active = tuple(v for v in view.versions if not v.terminal)
    replay, short = newest(schedule, view.replays), short_of_room(view)
    champion = champion_of(schedule.status)
    on_trial = next((v for v in view.versions if is_tested(v)), None)
    slots = slots_of(schedule, replay, view.replays, view.now)
    watched = champion is not None or on_trial is not None
    return Facts(
        now=view.now,
        key=view.key,
        settings=settings,
        soon=view.now + timedelta(seconds=settings.progress_poll_seconds),
        again=_again(view),
        schedule=schedule,
        plausible=plausible,
        problem=problem,
        versions=view.versions,
        ended=ended,
        active=active,
        jobs=view.jobs,
        replays=view.replays,
        states=_states(view, schedule, active, replay),
        foreign=frozenset(v.name for v in active if _is_foreign(v, view.jobs.get(v.name))),
        left_alone=_left_alone(view, ended, replay),
        newest=replay,
        replay_slot=slots.newest,
        first_look=slots.first_look,
        next_replay_at=slots.following if watched else None,
        champion=champion,
        missing=is_missing(schedule.status.production, view.versions),
        lagging=following(schedule.status, ended),
        ranking=ranked(ended, view.now),
        wants=_wants(view, schedule, ended),
        settled=tuple(v for v in view.versions if decided(v)),
        in_test=next((v.name for v in ended if v.status.stage is Stage.SHADOW), None),
        on_trial=on_trial,
        rested_at=rested_at(schedule, view.now),
        barred=_barred(view),
        taken=view.taken,
        refused=view.refused,
        short_of_room=short,
        room_wanted=short and not view.quota_short,
        sibling_trials=view.sibling_trials,
        store=view.store,
    )


def _again(view: View) -> dict[str, datetime]:
    """A wait that ended while the round was reading is over at the next look."""
    waits = ((name, why.until) for name, why in view.withheld.items())
    return {name: until for name, until in waits if until is not None and until > view.now}


def _is_foreign(version: Version, job: Job | None) -> bool:
    return job is not None and owner_uid(job.raw) != version.uid


def _states(
    view: View, schedule: ScheduleObject, active: tuple[Version, ...], replay: ReplayStatus | None
) -> dict[str, JobState]:
    states = dict[str, JobState]()
    for version in active:
        job, status = view.jobs.get(version.name), version.status
        if job is None or version.spec is None or _is_foreign(version, job):
            continue
        known = status.pod_missing_since
        had_one = known is not None or status.pod_uid is not None or status.phase is Phase.RUNNING
        missing = missing_since(job, known, view.now) if had_one else None
        limit_s = version.spec.run.pod.pending_deadline_seconds
        states[version.name] = state_of(job, missing, limit_s, view.now, status.queue)
    if replay is not None and replay.phase is Phase.RUNNING and replay.name in view.replays:
        job = view.replays[replay.name]
        missing = missing_since(job, replay.pod_missing_since, view.now)
        limit = schedule.spec.job.pending_deadline_seconds if schedule.spec else None
        states[replay.name] = state_of(job, missing, limit, view.now, replay.queue)
    return states


def _left_alone(
    view: View, ended: tuple[Version, ...], replay: ReplayStatus | None
) -> dict[str, datetime]:
    """Return the Jobs whose result was read and which have not ended, with when they go."""
    goes = dict[str, datetime]()
    for version in ended:
        job, status = view.jobs.get(version.name), version.status
        if job is not None and not job.finished and not _is_foreign(version, job):
            end = status.completion_time or version.created
            goes[version.name] = left_until(end, status.phase, status.reason)
    if replay is not None and replay.completion_time is not None:
        job = view.replays.get(replay.name)
        if job is not None and not job.finished:
            goes[replay.name] = left_until(replay.completion_time, replay.phase, replay.reason)
    return goes


def _wants(view: View, schedule: ScheduleObject, ended: tuple[Version, ...]) -> tuple[Want, ...]:
    """Return what persons want; else what follows for a degraded version, or by mode Automatic."""
    asked = tuple(_want(v, r, ended) for v in view.versions if (r := undecided(v)) is not None)
    if asked:
        return asked
    chosen = degraded.wanted(schedule, ended) or wanted(schedule, ended, view.now)
    return () if chosen is None else (chosen,)


def _want(version: Version, request: StageRequest, ended: tuple[Version, ...]) -> Want:
    tests = request.stage is RequestedStage.SHADOW
    ahead = overtaken_by(version, ended) if tests else None
    behind = compared(version, ahead) if ahead is not None else ""
    return Want(version, request.stage, request.by, request.reason, request, behind)


def _barred(view: View) -> Mapping[str, Withheld]:
    gone = {name: Withheld(Reason.COLLECTION_PENDING, _LEAVING) for name in view.leaving}
    return {**view.withheld, **gone}


def _read(schedule: ScheduleObject, settings: Settings) -> tuple[Plausible | None, str]:
    """Return a spec as it can be followed; or None, and what is wrong with it."""
    if schedule.spec is None:
        return None, schedule.problem
    try:
        return Plausible(schedule.spec, followed(schedule.spec, settings)), ""
    except SpecError as error:
        return None, error.message
