"""The memory of a run's pod: what the schedule or the values say, or else what its data need."""

from typing import Any

from pydantic import ValidationError

from clm_api.errors import SpecError
from clm_api.job_spec import ResourcesSpec
from clm_api.quantities import amount
from clm_api.resolve import deep_merge
from clm_api.sizing import asked_by, sized, too_large, too_small
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.settings import DEFAULTS, Settings

Raw = dict[str, Any]


def check(spec: TrainingScheduleSpec, settings: Settings) -> None:
    """Refuse a run that can't end well in the memory that its pod would have.

    Raises
    ------
    SpecError
        Names the field, and the size that the run needs; or the values hold what is no size.
    """
    asked = asked_by(spec)
    said = deep_merge(_from_values(spec, settings), asked)
    found, why = too_small(said, spec), too_large(_most(spec, settings), spec)
    if why is not None and (found is not None or "memory" not in said.get("limits", {})):
        raise SpecError("spec.job.resources.limits.memory", why)
    if found is not None:
        part, told = found
        if not asked.get(part, {}).get("memory"):
            told = f"absent, so families.{spec.model.family} in the chart's values counts: {told}"
        raise SpecError(f"spec.job.resources.{part}.memory", told)


def pod_defaults(spec: TrainingScheduleSpec, settings: Settings) -> Raw:
    """Return the defaults of a run's pod in the shape of ``RunPod``, sized by its data."""
    said = deep_merge(_from_values(spec, settings), asked_by(spec))
    memory = sized(said, _usual(spec), _most(spec, settings), spec)
    return deep_merge(settings.pod_defaults(spec.model), {"resources": memory})


def _from_values(spec: TrainingScheduleSpec, settings: Settings) -> Raw:
    """Return the memory that the values give the family; as much as CLM's own says nothing."""
    usual, family = _usual(spec), spec.model.family
    found = settings.job_defaults(family).get("resources", {})
    try:
        given = ResourcesSpec.model_validate(found).to_json_dict()
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(["families", family, "resources", *map(str, first["loc"])])
        text = f"{place} in the chart's values is {first['input']!r}: {first['msg']}"
        raise SpecError("spec.model.family", text) from error
    return {
        part: {"memory": size}
        for part in ("requests", "limits")
        if (size := given.get(part, {}).get("memory")) not in (None, usual[part]["memory"])
    }


def _most(spec: TrainingScheduleSpec, settings: Settings) -> str:
    """Return the most that a pod may request: what the defaults say is always allowed."""
    usual = settings.job_defaults(spec.model.family).get("resources", {}).get("requests", {})
    return max(settings.job_policy.maximum.memory, str(usual.get("memory", "0")), key=amount)


def _usual(spec: TrainingScheduleSpec) -> Raw:
    usual: Raw = DEFAULTS["families"][spec.model.family]["resources"]
    return usual
