"""All that a round of a simulation can do, as data, in the order in which it is done."""

from dataclasses import dataclass
from datetime import datetime

from clm_api.happening import Happening
from clm_api.simulation import SimulationStatus
from clm_operator.mirror.objects import Job
from clm_operator.simulations.frozen import Frozen

TASK = "task.json"
"""By this name a freeze that can't be written is held back."""


@dataclass(frozen=True)
class WriteTask:
    """Write what pods will be told, unless it is there."""

    frozen: Frozen


@dataclass(frozen=True)
class CreateJob:
    """Create the Job that trains a variant's slots, with the keys that its pods wait for.

    Parameters
    ----------
    number
        The variant's place; None: the Job that writes the report.
    """

    number: int | None


@dataclass(frozen=True)
class Lend:
    """Make the Secrets that a crash or a refusal kept from a Job."""

    job: Job
    number: int | None


@dataclass(frozen=True)
class DeleteJob:
    """Delete a Job with its pods and keys."""

    job: Job


@dataclass(frozen=True)
class RemoveSlots:
    """Remove trained slots from the store: the report has what came of them."""


Act = WriteTask | CreateJob | Lend | DeleteJob | RemoveSlots


@dataclass(frozen=True)
class Plan:
    """What a round does, what it says, and when to look again if nothing happens before."""

    status: SimulationStatus
    acts: tuple[Act, ...] = ()
    happenings: tuple[Happening, ...] = ()
    wake_at: datetime | None = None
