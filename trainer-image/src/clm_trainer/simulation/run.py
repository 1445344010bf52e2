"""All past slots of a schedule, trained on every core of this machine, then replayed in order."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clm_api.run import RunSpec
from clm_api.training_schedule import TrainingScheduleSpec
from clm_trainer.host import Host
from clm_trainer.simulation.judged import answer
from clm_trainer.simulation.prepared import Prepared, prepare
from clm_trainer.simulation.slots import SlotFolder
from clm_trainer.simulation.workers import train_all
from clm_trainer.storage import Storage
from clm_trainer.threads import thread_count

Tell = Callable[[int, int], None]
_NAME_LETTERS = 12


@dataclass(frozen=True, eq=False)
class Simulator:
    """One simulation.

    Parameters
    ----------
    folder
        Of this very spec, range, bars and code: finished versions in it are used again.
    """

    prepared: Prepared
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
        host = Host(store, lambda: datetime.now(UTC), lambda: False)
        made = prepare(schedule, spec, start, stop, host)
        return cls(made, out / made.work.made_of.sha256[:_NAME_LETTERS])

    @property
    def _versions(self) -> SlotFolder:
        return SlotFolder(Storage(str(self.folder)), "versions")

    def train(self, tell: Tell) -> None:
        """Train what is not finished yet, on all cores; ``tell`` gets finished and all."""
        folder, slots = self._versions, self.prepared.slots
        finished = folder.finished(slots)
        missing = [slot for slot in slots if slot not in finished]
        done = len(slots) - len(missing)
        tell(done, len(slots))

        def keep(slot: datetime, content: bytes) -> None:
            nonlocal done
            folder.create(slot, content)
            done += 1
            tell(done, len(slots))

        train_all(self.prepared.work, missing, thread_count(), keep)

    def finish(self) -> dict[str, Any]:
        """Judge, promote and trade in order; write the results and return the summary."""
        found = answer(self.prepared, self._versions)
        for name, content in found.files().items():
            (self.folder / name).write_bytes(content)
        return found.facts
