"""Facts from a view: the one place where what follows by itself is worked out."""

from collections.abc import Mapping
from datetime import timedelta

from clm_api.errors import SpecError
from clm_api.reasons import Reason
from clm_api.schedule import Schedule, parse_schedule
from clm_api.timing import duration
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.facts import Facts, Plausible
from clm_operator.jobs import policy
from clm_operator.mirror.objects import ScheduleObject
from clm_operator.replays.due import champion_of
from clm_operator.replays.outcome import newest
from clm_operator.round.tidying import short_of_room
from clm_operator.settings import Settings
from clm_operator.stages.automatic import next_promotion, rested_at
from clm_operator.stages.following import following
from clm_operator.stages.requests import decided, undecided
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
    short = short_of_room(view)
    return Facts(
        now=view.now,
        settings=settings,
        schedule=schedule,
        plausible=plausible,
        problem=problem,
        versions=view.versions,
        ended=ended,
        active=tuple(v for v in view.versions if not v.terminal),
        jobs=view.jobs,
        replays=view.replays,
        newest=newest(schedule, view.replays),
        champion=champion_of(schedule.status),
        lagging=following(schedule.status, ended),
        asked=tuple(v for v in view.versions if undecided(v)),
        settled=tuple(v for v in view.versions if decided(v)),
        on_trial=next((v for v in view.versions if is_tested(v)), None),
        choice=next_promotion(schedule, ended, view.now),
        rested_at=rested_at(schedule, view.now),
        barred=_barred(view),
        taken=view.taken,
        refused=view.refused,
        short_of_room=short,
        room_wanted=short and not view.quota_short,
        sibling_trials=view.sibling_trials,
        store=view.store,
    )


def _barred(view: View) -> Mapping[str, Withheld]:
    gone = {name: Withheld(Reason.COLLECTION_PENDING, _LEAVING) for name in view.leaving}
    return {**view.withheld, **gone}


def _read(schedule: ScheduleObject, settings: Settings) -> tuple[Plausible | None, str]:
    """Return a spec as it can be followed; or None, and what is wrong with it."""
    if schedule.spec is None:
        return None, schedule.problem
    try:
        return Plausible(schedule.spec, _slots(schedule.spec, settings)), ""
    except SpecError as error:
        return None, error.message


def _slots(spec: TrainingScheduleSpec, settings: Settings) -> Schedule:
    """Return the slots of a spec that this operator allows."""
    least, family = timedelta(minutes=settings.min_interval_minutes), spec.model.family
    settings.pod_defaults(family)
    policy.check("spec.job", spec.job, settings.job_defaults(family), settings.job_policy)
    if duration(spec.monitoring.interval) < least:
        text = f"is below {settings.min_interval_minutes}m, the least that the operator allows"
        raise SpecError("spec.monitoring.interval", text)
    return parse_schedule(spec, min_interval=least)
