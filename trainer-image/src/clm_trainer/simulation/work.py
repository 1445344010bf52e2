"""What it takes to train any slot's version of a schedule."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from clm_api.run import RunSpec
from clm_api.timing import TIMEFRAME_SECONDS, floor_to
from clm_trainer.families.base import FitContext
from clm_trainer.panel import Panel
from clm_trainer.simulation.fingerprint import Fingerprint
from clm_trainer.simulation.slots import packed
from clm_trainer.simulation.version import past_version


@dataclass(frozen=True, eq=False)
class Work:
    """What every worker knows.

    Parameters
    ----------
    panel
        All bars from the first slot's data on.
    bars
        Length of one run's data.
    events
        Funding of all bars on which something is held, perpetuals only.
    """

    panel: Panel
    spec: RunSpec
    bars: int
    made_of: Fingerprint
    events: pd.DataFrame | None = None

    def row(self, slot: datetime) -> int:
        """Return the first row that a slot's run does not know."""
        known = floor_to(slot, TIMEFRAME_SECONDS[self.spec.data.timeframe])
        return int(self.panel.times.searchsorted(pd.Timestamp(known)))

    def train(self, slot: datetime, should_stop: Callable[[], bool] = lambda: False) -> bytes:
        """Train one slot's version on one thread, and return its file.

        Raises
        ------
        ClmError
            As for ``past_version``.
        """
        end = self.row(slot)
        begin = max(end - self.bars, 0)
        context = FitContext(
            seed=self.spec.model.seed,
            device="cpu",
            threads=1,
            progress=lambda *_: None,
            should_stop=should_stop,
        )
        window = self.panel.window(begin, len(self.panel))
        made = past_version(window, end - begin, self.spec, slot, context, self.events)
        return packed(made, self.made_of)
