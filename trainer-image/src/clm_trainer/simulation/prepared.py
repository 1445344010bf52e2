"""A schedule's past, ready to be trained: its bars, its slots, and what its numbers are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from clm_api.errors import ClmError
from clm_api.past import past_slots
from clm_api.reasons import Reason
from clm_api.run import RunSpec
from clm_api.training_schedule import TrainingScheduleSpec
from clm_trainer.evaluation.play import Funding
from clm_trainer.host import Host
from clm_trainer.panel import Panel
from clm_trainer.simulation.fingerprint import Fingerprint
from clm_trainer.simulation.work import Work
from clm_trainer.sources.report import DataReport
from clm_trainer.stages.fetch import fetch
from clm_trainer.stages.funding import dues, funding_events


@dataclass(frozen=True, eq=False)
class Prepared:
    """One schedule on one range of bars.

    Parameters
    ----------
    asked
        The slots of the range.
    slots
        Those within the bars: they can be trained.
    """

    work: Work
    asked: Sequence[datetime]
    slots: Sequence[datetime]
    bars: DataReport

    @property
    def traded(self) -> Panel:
        """The bars from the first slot on."""
        panel = self.work.panel
        return panel.window(self.work.row(self.slots[0]), len(panel))

    @property
    def funding(self) -> Funding | None:
        """What is owed on them."""
        return None if self.work.events is None else dues(self.work.events, self.traded)


def prepare(
    schedule: TrainingScheduleSpec, run: RunSpec, start: datetime, stop: datetime, host: Host
) -> Prepared:
    """Get the bars of all slots in [start, stop).

    Parameters
    ----------
    run
        Its data range covers the simulation: the first slot's data to the end.

    Raises
    ------
    ClmError
        SpecInvalid, InsufficientData; as for ``fetch`` and ``funding_events``.
    """
    slots = past_slots(schedule, start, stop)
    panel, bars = fetch(run.data, host.data, funding=run.charges_funding, asked=host.asked)
    panel = panel.window(0, int(panel.times.searchsorted(pd.Timestamp(stop))))
    per_run = round(schedule.data.lookback_days * panel.bars_per_day)
    held = panel.times >= pd.Timestamp(start) - pd.Timedelta(days=run.evaluation.period_days)
    judged = panel.window(int(held.argmax()), len(panel))
    events = funding_events(run, judged, host.data)
    work = Work(panel, run, per_run, Fingerprint.of(run, bars.sha256, events), events)
    known = [slot for slot in slots if work.row(slot) < len(panel)]
    if not known:
        text = f"no slot between {start:%Y-%m-%d} and {stop:%Y-%m-%d} lies within the bars"
        raise ClmError(Reason.INSUFFICIENT_DATA, f"{text}: import newer bars or move the start")
    return Prepared(work, slots, known, bars)
