"""What is known of one Simulation at one time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from clm_api.reasons import Reason
from clm_api.simulation_task import SimulationManifest, SimulationResult, SimulationTask
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.findings import CorruptReport, StoreSeen, UnreadableReport
from clm_operator.mirror.objects import Job, Key
from clm_operator.mirror.simulation import SimulationObject
from clm_operator.simulations.frozen import Frozen
from clm_operator.view import Withheld


@dataclass(frozen=True)
class Fault:
    """Why it can't go on, now or ever."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class SimulationView:
    """A simulation with its Jobs, and what is known without asking the store."""

    now: datetime
    key: Key
    simulation: SimulationObject | None
    schedule: TrainingScheduleSpec | Fault | None = None
    """Its own, or that of the name that it gives; a fault where that can't be read, None where
    there is none of that name."""
    jobs: Mapping[str, Job] = field(default_factory=dict)
    """Jobs of its names, whoever made them; those that failed with the pods that say why."""
    store: StoreSeen | None = None
    """What is known of the store; None before the first look."""
    withheld: Mapping[str, Withheld] = field(default_factory=dict)
    """Why a Job or task.json can't be made yet, by name."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Why the API server says that a Job can't exist, by name."""


@dataclass(frozen=True)
class SimulationReport:
    """A verified result."""

    manifest: SimulationManifest
    manifest_sha256: str
    result: SimulationResult
    size_bytes: int


SimulationRead = SimulationReport | CorruptReport | UnreadableReport | None
"""None: the store answered that there is no manifest."""


@dataclass(frozen=True)
class Findings:
    """What a round worked out and found in the store, of all that it needs.

    Parameters
    ----------
    frozen
        What pods will be told; a fault of spec or schedule.
    task
        What was frozen before; or why it can't be read, a ``CorruptReport`` for ever.
    progress
        Slots that are trained, by variant; none where nobody looked.
    report
        What the reduce Job left.
    """

    frozen: Frozen | Fault | None = None
    task: SimulationTask | CorruptReport | UnreadableReport | None = None
    progress: Mapping[str, int] = field(default_factory=dict)
    report: SimulationRead = None
