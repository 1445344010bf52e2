"""Trained versions judged and traded in order: one schedule's answer, and its files."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clm_trainer.outcome import as_parquet
from clm_trainer.simulation.choice import Chosen
from clm_trainer.simulation.prepared import Prepared
from clm_trainer.simulation.replay import Simulation, replay
from clm_trainer.simulation.results import as_document, drawing
from clm_trainer.simulation.slots import SlotFolder
from clm_trainer.simulation.summary import summary
from clm_trainer.simulation.version import PastVersion


@dataclass(frozen=True, eq=False)
class Answer:
    """What came of a schedule.

    Parameters
    ----------
    facts
        All that ``simulation.json`` says.
    """

    simulation: Simulation
    facts: dict[str, Any]
    chosen: Chosen

    def files(self) -> dict[str, bytes]:
        """Return the files that a schedule's simulation leaves behind."""
        production = self.simulation.production
        return {
            "simulation.json": as_document(self.facts),
            "equity.parquet": as_parquet(production.equity),
            "trades.parquet": as_parquet(production.trades),
            "equity.svg": drawing(self.simulation).encode(),
        }


def answer(prepared: Prepared, folder: SlotFolder) -> Answer:
    """Judge, promote and trade; versions are read one by one.

    Raises
    ------
    ClmError
        DataInvalid: a slot's version is absent, or was made of something else.
    """
    work, traded, funding = prepared.work, prepared.traded, prepared.funding
    chosen = Chosen(traded, work.spec, funding)

    def versions() -> Iterator[PastVersion]:
        for slot in prepared.slots:
            version = folder.load(slot, work.made_of)
            chosen.add(version)
            yield version

    simulation = replay(versions(), traded, work.spec, funding)
    return Answer(simulation, summary(simulation, chosen.choice()), chosen)
