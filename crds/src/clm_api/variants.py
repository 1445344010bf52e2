"""Variants of a schedule: JSON merge patches (RFC 7386), each a TrainingSchedule of its own."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from clm_api.errors import SpecError
from clm_api.simulation import SimulationSpec, Variant
from clm_api.training_schedule import TrainingScheduleSpec


def merged(target: Any, patch: Any) -> Any:
    """Return a value with a merge patch: null removes, maps are merged, all else is replaced."""
    if not isinstance(patch, Mapping):
        return patch
    made = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = merged(made.get(name), value)
    return made


def root_of(spec: SimulationSpec, variant: Variant) -> str:
    """Return what to blame for a fault of a variant's schedule: its patch, or the schedule."""
    if variant.patch:
        return f"spec.variants[{variant.name}].patch"
    return "spec.schedule" if spec.schedule_name is None else f"TrainingSchedule {spec.schedule_name}"


def variant_schedule(root: str, schedule: Mapping[str, Any], variant: Variant) -> TrainingScheduleSpec:
    """Return a schedule with a variant's patch.

    Parameters
    ----------
    root
        What is to blame.
    schedule
        The spec of a TrainingSchedule as JSON.

    Raises
    ------
    SpecError
        It is no schedule: the first field at fault.
    """
    try:
        return TrainingScheduleSpec.model_validate(merged(schedule, variant.patch))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in ("spec", *first["loc"]))
        raise SpecError(root, f"{field}: {first['msg']}") from error
