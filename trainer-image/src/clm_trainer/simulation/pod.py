"""What pod number i of a variant does: it trains its slots that nobody has trained yet."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from clm_api.simulation_task import TaskVariant
from clm_trainer.host import Host
from clm_trainer.simulation.progress import SlotProgress
from clm_trainer.simulation.slots import SlotFolder
from clm_trainer.simulation.told import Told, slots_of
from clm_trainer.simulation.workers import train_all
from clm_trainer.threads import thread_count

_LOG = logging.getLogger("clm_trainer.simulation")
_OF_RUNS = logging.getLogger("clm_trainer")


def train_slots(told: Told, variant: TaskVariant, index: int, host: Host) -> None:
    """Train a pod's slots; as many at once as it has CPUs, each on one thread.

    A slot that has a version is not trained again: a pod that was killed goes on where it was.

    Raises
    ------
    ClmError
        Interrupted. DataInvalid: the versions that stand were made of something else. As for
        ``Told.prepare`` and ``past_version``; the store's.
    """
    prepared = told.prepare(variant, host)
    host.asked.same(prepared.bars.sha256)
    work, folder = prepared.work, SlotFolder(host.store, told.layout.slots(variant.name))
    mine = slots_of(variant, prepared.asked, index)
    known = set(prepared.slots)
    first = prepared.slots[0]  # of whichever pod: all of them must have the same bars
    finished = folder.finished({first, *mine} & known)
    missing = [slot for slot in mine if slot in known and slot not in finished]
    if missing and finished:
        folder.load(min(finished), work.made_of)
    path = told.layout.progress_of(variant.name, index)
    progress = SlotProgress(host, path, len(mine) - len(missing))
    say = "variant %s, pod %d of %d: %d slots, %d of them finished before"
    _LOG.info(say, variant.name, index, variant.indices, len(mine), progress.finished)

    def keep(slot: datetime, content: bytes) -> None:
        if not folder.create(slot, content):
            _LOG.warning("another pod was faster with slot %s: its version stands", slot)
        progress.add()
        _LOG.info("slot %s is trained, %d of %d", slot, progress.finished, len(mine))

    try:
        with _silent_runs():
            train_all(work, missing, thread_count(), keep, host.should_stop)
    finally:
        progress.write()


@contextmanager
def _silent_runs() -> Iterator[None]:
    """Leave out what every run says of its steps: a pod makes hundreds."""
    before = _OF_RUNS.level
    _OF_RUNS.setLevel(logging.WARNING)
    _LOG.setLevel(logging.INFO)
    try:
        yield
    finally:
        _OF_RUNS.setLevel(before)
