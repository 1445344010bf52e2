"""How far one pod of a simulation is: an object with one byte for each finished slot."""

import logging
from datetime import datetime

from clm_trainer.host import Host
from clm_trainer.progress import LEAST_DISTANCE

_LOG = logging.getLogger("clm_trainer.simulation")


class SlotProgress:
    """Writes the object at most every five seconds, and when it is told to.

    A write that fails never fails the pod: it is logged, and the next one is tried.

    Parameters
    ----------
    path
        The object to overwrite.
    finished
        Slots that were finished before.
    """

    def __init__(self, host: Host, path: str, finished: int) -> None:
        self.finished = finished
        self._store, self._clock, self._path = host.store.hasty(), host.clock, path
        self._written: datetime | None = None
        self.write()

    def add(self) -> None:
        """Count one more finished slot."""
        self.finished += 1
        if self._written is None or self._clock() - self._written >= LEAST_DISTANCE:
            self.write()

    def write(self) -> None:
        """Write how many there are."""
        self._written = self._clock()
        try:
            self._store.put(self._path, b"." * self.finished)
        except Exception as error:  # noqa: BLE001 - progress is news, not result
            _LOG.warning("progress was not written: %s", error)
