"""Simulations as rounds see them."""

from dataclasses import dataclass
from datetime import datetime

from clm_api.model_version import TERMINAL
from clm_api.simulation import SimulationSpec, SimulationStatus
from clm_operator.mirror.objects import Named, Raw, instant
from clm_operator.mirror.specs import read_spec


@dataclass(frozen=True)
class SimulationObject(Named):
    """A Simulation as it was read."""

    spec: SimulationSpec | None
    problem: str
    status: SimulationStatus

    @classmethod
    def read(cls, raw: Raw, before: "SimulationObject | None" = None) -> "SimulationObject":
        """Parse a resource.

        Parameters
        ----------
        before
            The same object as it was.
        """
        status = SimulationStatus.model_validate(raw.get("status", {}))
        return cls(raw, *read_spec(SimulationSpec, raw, before), status)

    @property
    def generation(self) -> int:
        """metadata.generation."""
        return int(self.raw["metadata"].get("generation", 1))

    @property
    def created(self) -> datetime:
        """When it was created."""
        return instant(self.raw["metadata"]["creationTimestamp"])

    @property
    def deleted(self) -> bool:
        """Whether it is being deleted."""
        return "deletionTimestamp" in self.raw["metadata"]

    @property
    def terminal(self) -> bool:
        """Whether it has ended."""
        return self.status.phase in TERMINAL
