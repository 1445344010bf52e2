"""Many versions at once: one process per core, one thread per process."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from clm_api.run import RunSpec
from clm_api.timing import TIMEFRAME_SECONDS, floor_to
from clm_trainer.families.base import FitContext
from clm_trainer.panel import Panel
from clm_trainer.simulation.folder import VersionFolder
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
    folder: VersionFolder
    events: pd.DataFrame | None = None

    def row(self, slot: datetime) -> int:
        """Return the first row that a slot's run does not know."""
        known = floor_to(slot, TIMEFRAME_SECONDS[self.spec.data.timeframe])
        return int(self.panel.times.searchsorted(pd.Timestamp(known)))

    def train(self, slot: datetime) -> None:
        """Train one slot's version and save it."""
        end = self.row(slot)
        begin = max(end - self.bars, 0)
        context = FitContext(
            seed=self.spec.model.seed,
            device="cpu",
            threads=1,
            progress=lambda *_: None,
            should_stop=lambda: False,
        )
        window = self.panel.window(begin, len(self.panel))
        made = past_version(window, end - begin, self.spec, slot, context, self.events)
        self.folder.save(made)


def train_all(
    work: Work, slots: Sequence[datetime], workers: int, tell: Callable[[int, int], None]
) -> None:
    """Train every slot that is not finished yet.

    Parameters
    ----------
    tell
        Called with how many are finished, and how many there are.
    """
    missing = [slot for slot in slots if not work.folder.has(slot)]
    done = len(slots) - len(missing)
    tell(done, len(slots))
    if not missing:
        return
    # A forked process would inherit locks of the libraries' threads.
    context = multiprocessing.get_context("spawn")
    count = min(workers, len(missing))
    with ProcessPoolExecutor(count, context, initializer=_adopt, initargs=(work,)) as pool:
        futures = [pool.submit(_train, slot) for slot in missing]
        try:
            for finished in as_completed(futures):
                finished.result()
                done += 1
                tell(done, len(slots))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


_adopted: list[Work] = []
"""The work of a worker process; empty everywhere else."""


def _adopt(work: Work) -> None:
    _adopted.append(work)


def _train(slot: datetime) -> None:
    _adopted[0].train(slot)
