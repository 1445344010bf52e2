"""Variants of a simulation: merge patches (RFC 7386) over a schedule's spec, each one checked."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from clm_api.errors import SpecError
from clm_api.rules import BROKEN
from clm_api.schedule import MIN_INTERVAL, parse_schedule
from clm_api.simulation import Variant
from clm_api.sizing import asked_by, too_small
from clm_api.training_schedule import TrainingScheduleSpec

_PLAIN = {"missing": "is missing", "extra_forbidden": "is no field"}


def merge_patch(target: Any, patch: Any) -> Any:
    """Return JSON with a merge patch laid over it: a null removes, lists are replaced."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def patched(
    schedule: TrainingScheduleSpec, variant: Variant, *, min_interval: timedelta = MIN_INTERVAL
) -> TrainingScheduleSpec:
    """Return the schedule as a variant changes it.

    Fields that the patch removes have their defaults again.

    Parameters
    ----------
    min_interval
        Least distance of the slots.

    Raises
    ------
    SpecError
        It is no valid schedule. ``field`` is where the first fault stands; the message names all.
    """
    root = f"spec.variants[{variant.name}].patch"
    sent = json.dumps(merge_patch(schedule.to_json_dict(), variant.patch))
    try:
        made = TrainingScheduleSpec.model_validate_json(
            sent, strict=True, by_alias=True, by_name=False
        )
    except ValidationError as error:
        raise _refused(list(_faults(root, error))) from error
    try:
        parse_schedule(made, min_interval=min_interval)
    except SpecError as error:
        path = f"{root}{error.field.removeprefix('spec')}"
        raise SpecError(path, error.message.removeprefix(f"{error.field}: ")) from error
    if (small := too_small(asked_by(made), made)) is not None:
        raise SpecError(f"{root}.job.resources.{small[0]}.memory", small[1])
    return made


def _faults(root: str, error: ValidationError) -> Iterator[tuple[str, str]]:
    """Yield path and words of each fault."""
    for one in error.errors(include_url=False):
        path = root + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in one["loc"])
        kind, said = one["type"], one["msg"]
        words = said if kind == BROKEN else f"is refused: {said[0].lower()}{said[1:]}"
        yield path, _PLAIN.get(kind, words)


def _refused(faults: list[tuple[str, str]]) -> SpecError:
    (field, words), *others = faults
    more = "".join(f"; {path}: {text}" for path, text in others)
    return SpecError(field, f"{words}{more}")
