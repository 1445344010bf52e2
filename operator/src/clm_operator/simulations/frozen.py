"""A simulation is frozen before its first Job: schedule, variants, slots and who trains them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from math import ceil

from clm_api.base import Model
from clm_api.errors import SpecError
from clm_api.past import covering_run, each_past_slot
from clm_api.run import RunSpec
from clm_api.simulation import SimulationSpec, Variant
from clm_api.simulation_task import SimulationTask, TaskVariant
from clm_api.training_schedule import TrainingScheduleSpec
from clm_api.variants import patched
from clm_operator.jobs import memory
from clm_operator.jobs.plausible import followed
from clm_operator.settings import Settings

MOST_SLOTS = 100_000
"""Of all variants: each is an object in the store, and a training."""
MOST_BYTES = 8 << 20
"""Of task.json: operator and pods hold all of it at once."""
_DAY, _MOST_DAYS = timedelta(days=1), 3650


@dataclass(frozen=True)
class Frozen:
    """What pods will be told.

    Parameters
    ----------
    content
        The bytes of ``task.json``.
    slots
        How many each variant has, in their order.
    """

    task: SimulationTask
    content: bytes
    slots: tuple[int, ...]

    @property
    def sha256(self) -> str:
        """Digest of ``task.json``."""
        return hashlib.sha256(self.content).hexdigest()


def freeze(
    spec: SimulationSpec, schedule: TrainingScheduleSpec, settings: Settings, now: datetime
) -> Frozen:
    """Resolve all variants of a schedule.

    Raises
    ------
    SpecError
        The first fault, of the simulation or of a variant.
    """
    if spec.to > now:
        text = f"{spec.to:%Y-%m-%d %H:%M} UTC lies in the future: simulate what is past"
        raise SpecError("spec.to", text)
    variants, left = spec.all_variants, MOST_SLOTS
    shares = _shares(spec.parallelism, len(variants))
    frozen, counts, room = list[TaskVariant](), list[int](), MOST_BYTES
    for variant, share in zip(variants, shares, strict=True):
        found = patched(schedule, variant)
        try:
            run = _run(found, spec, settings)
            count = _count(found, spec, left)
        except SpecError as error:
            path = f"{_root(spec, variant)}{error.field.removeprefix('spec')}"
            raise SpecError(path, error.message.removeprefix(f"{error.field}: ")) from error
        left -= count
        counts.append(count)
        indices = min(share, count)
        frozen.append(TaskVariant(name=variant.name, schedule=found, run=run, indices=indices))
        room -= len(_json(frozen[-1]))
        if room < 0:
            text = f"all of them are more than {MOST_BYTES >> 20} MiB: simulate fewer at once"
            raise SpecError("spec.variants", text)
    task = SimulationTask(from_=spec.from_, to=spec.to, variants=frozen)
    return Frozen(task, _json(task), tuple(counts))


def _json(model: Model) -> bytes:
    return model.model_dump_json(by_alias=True, exclude_none=True).encode()


def _root(spec: SimulationSpec, variant: Variant) -> str:
    """Return what is to blame for a fault: a variant's patch, or the schedule."""
    if spec.variants:
        return f"spec.variants[{variant.name}].patch"
    name = spec.schedule_name
    return "spec.schedule" if name is None else f"TrainingSchedule {name}: spec"


def _shares(pods: int, variants: int) -> Sequence[int]:
    """Share pods out evenly; the first ones have one more where that leaves a rest."""
    each, rest = divmod(pods, variants)
    return [each + (number < rest) for number in range(variants)]


def _run(found: TrainingScheduleSpec, spec: SimulationSpec, settings: Settings) -> RunSpec:
    followed(found, settings)
    days = ceil((spec.to - spec.from_) / _DAY) + found.data.lookback_days
    held = _over(found, days)
    memory.check(held, settings)
    return covering_run(found, spec.from_, spec.to, memory.pod_defaults(held, settings))


def _over(spec: TrainingScheduleSpec, days: int) -> TrainingScheduleSpec:
    """Return a schedule as if it had that much history: what a pod holds all at once.

    Ten years of bars are the most that any schedule has.
    """
    return spec.having(data=spec.data.having(lookback_days=min(days, _MOST_DAYS)))


def _count(found: TrainingScheduleSpec, spec: SimulationSpec, most: int) -> int:
    count = sum(1 for _ in islice(each_past_slot(found, spec.from_, spec.to), most + 1))
    span = f"between {spec.from_:%Y-%m-%d %H:%M} and {spec.to:%Y-%m-%d %H:%M} UTC"
    if not count:
        raise SpecError("spec.schedule", f"no slot lies {span}: take a longer time")
    if count > most:
        text = f"more than {MOST_SLOTS} slots of all variants lie {span}: take a shorter time"
        raise SpecError("spec.schedule", text)
    return count
