"""All past slots of a schedule, trained on every core, then replayed in order."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from clm_api.errors import ClmError
from clm_api.past import past_slots
from clm_api.reasons import Reason
from clm_api.run import RunSpec
from clm_api.training_schedule import TrainingScheduleSpec
from clm_trainer.panel import Panel
from clm_trainer.simulation.choice import choice_of
from clm_trainer.simulation.folder import VersionFolder, fingerprint
from clm_trainer.simulation.replay import replay
from clm_trainer.simulation.results import write_results
from clm_trainer.simulation.summary import summary
from clm_trainer.simulation.workers import Work, train_all
from clm_trainer.stages.fetch import fetch
from clm_trainer.stages.funding import dues, funding_events
from clm_trainer.storage import Storage
from clm_trainer.threads import thread_count

Tell = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Simulator:
    """One simulation.

    Parameters
    ----------
    folder
        Of this very spec, range, bars and code: finished versions in it are used again.
    """

    work: Work
    slots: list[datetime]
    folder: Path

    @classmethod
    def prepare(
        cls,
        schedule: TrainingScheduleSpec,
        spec: RunSpec,
        start: datetime,
        stop: datetime,
        store: Storage,
        out: Path,
    ) -> "Simulator":
        """Get the bars of all slots.

        Parameters
        ----------
        spec
            A run whose data range covers the simulation: the first slot's data to the end.

        Raises
        ------
        ClmError
            SpecInvalid, DataUnavailable, DataGap, DataInvalid, InsufficientData, SymbolUnknown,
            ExchangeDenied.
        """
        slots = past_slots(schedule, start, stop)
        panel, bars = fetch(spec.data, store, funding=spec.charges_funding)
        panel = _until(panel, stop)
        per_run = round(schedule.data.lookback_days * panel.bars_per_day)
        held = panel.times >= pd.Timestamp(start) - pd.Timedelta(days=spec.evaluation.period_days)
        events = funding_events(spec, panel.window(int(held.argmax()), len(panel)), store)
        folder = out / fingerprint(spec, bars.sha256, events)
        work = Work(panel, spec, per_run, VersionFolder(folder / "versions"), events)
        known = [slot for slot in slots if work.row(slot) < len(panel)]
        if not known:
            text = f"no slot between {start:%Y-%m-%d} and {stop:%Y-%m-%d} lies within the bars"
            raise ClmError(Reason.INSUFFICIENT_DATA, f"{text}: import newer bars or move --from")
        return cls(work, known, folder)

    def train(self, tell: Tell) -> None:
        """Train what is not finished yet, on all cores; ``tell`` gets finished and all."""
        train_all(self.work, self.slots, thread_count(), tell)

    def finish(self) -> dict[str, Any]:
        """Judge, promote and trade in order; write the results and return the summary."""
        versions = [self.work.folder.load(slot) for slot in self.slots]
        first = self.work.row(self.slots[0])
        traded = self.work.panel.window(first, len(self.work.panel))
        events = self.work.events
        funding = None if events is None else dues(events, traded)
        simulation = replay(versions, traded, self.work.spec, funding)
        facts = summary(simulation, choice_of(versions, traded, self.work.spec, funding))
        write_results(self.folder, simulation, facts)
        return facts


def _until(panel: Panel, stop: datetime) -> Panel:
    return panel.window(0, int(panel.times.searchsorted(pd.Timestamp(stop))))
