"""A schedule as if it had been applied in the past: its slots, their run, and who trains them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from clm_api.resolve import resolve
from clm_api.run import RunSpec, RunTrials
from clm_api.schedule import parse_schedule
from clm_api.timing import TIMEFRAME_SECONDS, floor_to
from clm_api.training_schedule import TrainingScheduleSpec


def past_slots(spec: TrainingScheduleSpec, start: datetime, stop: datetime) -> list[datetime]:
    """Return the slots in [start, stop), as if the schedule had been applied at ``start``.

    Raises
    ------
    SpecError
        The schedule is invalid.
    """
    return list(each_past_slot(spec, start, stop))


def each_past_slot(
    spec: TrainingScheduleSpec, start: datetime, stop: datetime
) -> Iterator[datetime]:
    """Yield the same slots one by one: whoever counts them may stop."""
    schedule, anchor = parse_schedule(spec), floor_to(start, 60)
    if spec.run_on_create:
        yield anchor
    slot = schedule.after(anchor, anchor)
    while slot is not None and slot < stop:
        yield slot
        slot = schedule.after(slot, anchor)


def covering_run(
    spec: TrainingScheduleSpec, start: datetime, stop: datetime, pod_defaults: Mapping[str, Any]
) -> RunSpec:
    """Return a run over all bars of a simulation: from the first slot's data to the end.

    Parameters
    ----------
    pod_defaults
        As for ``resolve``.

    Raises
    ------
    SpecError, pydantic.ValidationError
        The schedule is invalid.
    """
    run = resolve(spec, slot=stop, trials=RunTrials(), pod_defaults=pod_defaults)
    known = floor_to(start, TIMEFRAME_SECONDS[spec.data.timeframe])
    begin = known - timedelta(days=spec.data.lookback_days)
    return run.having(data=run.data.having(from_=begin))


def share(slots: Sequence[datetime], index: int, indices: int) -> list[datetime]:
    """Return what pod number ``index`` of ``indices`` trains: one slot of each round.

    So early and late slots, of which the early ones score more bars, are spread evenly.
    """
    return list(slots[index::indices])
