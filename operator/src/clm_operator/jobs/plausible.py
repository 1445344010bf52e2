"""Whether this operator can follow a schedule, and its slots."""

from datetime import timedelta

from clm_api.errors import SpecError
from clm_api.schedule import Schedule, parse_schedule
from clm_api.timing import duration
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.jobs import memory, policy
from clm_operator.settings import Settings


def followed(spec: TrainingScheduleSpec, settings: Settings) -> Schedule:
    """Return the slots of a spec that this operator allows.

    Raises
    ------
    SpecError
        Names the field.
    """
    least, family = timedelta(minutes=settings.min_interval_minutes), spec.model.family
    settings.pod_defaults(spec.model)
    policy.check("spec.job", spec.job, settings.job_defaults(family), settings.job_policy)
    memory.check(spec, settings)
    if duration(spec.monitoring.interval) < least:
        text = f"is below {settings.min_interval_minutes}m, the least that the operator allows"
        raise SpecError("spec.monitoring.interval", text)
    return parse_schedule(spec, min_interval=least)
