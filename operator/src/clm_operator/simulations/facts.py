"""What follows from a view of a simulation by itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from clm_api.layout import SimulationLayout
from clm_api.model_version import JobRef, Phase
from clm_api.queueing import QueueStatus
from clm_api.simulation import SimulatedVariant
from clm_operator.jobs.state import JobState, state_of
from clm_operator.mirror.objects import Job, Raw, owner_uid
from clm_operator.mirror.simulation import SimulationObject
from clm_operator.names import reduce_job, variant_job
from clm_operator.owners import is_leaving
from clm_operator.settings import Settings
from clm_operator.simulations.view import SimulationView


@dataclass(frozen=True)
class JobSeen:
    """One Job of a simulation.

    Parameters
    ----------
    state
        The Job as it stands; None where there is none, or where it belongs to something else.
    foreign
        Whether the name belongs to something else; ``leaving``: that will be gone soon.
    """

    name: str
    state: JobState | None
    foreign: bool = False
    leaving: bool = False

    @property
    def job(self) -> Job | None:
        """The Job."""
        return None if self.state is None else self.state.job

    @property
    def works(self) -> bool:
        """Whether a pod of it works."""
        return bool(self._counted.get("ready"))

    @property
    def worked(self) -> bool:
        """Whether a pod of it works, or has ended well."""
        return self.works or bool(self._counted.get("succeeded"))

    @property
    def _counted(self) -> Raw:
        return {} if self.job is None else dict(self.job.raw.get("status", {}))


@dataclass(frozen=True)
class VariantSeen:
    """One variant and its Job."""

    number: int
    status: SimulatedVariant
    seen: JobSeen


@dataclass(frozen=True)
class Facts:
    """One simulation as a round finds it; nothing in it is decided."""

    view: SimulationView
    settings: Settings
    simulation: SimulationObject
    layout: SimulationLayout
    variants: tuple[VariantSeen, ...]
    """Empty before it is frozen."""
    reduce: JobSeen
    poll: timedelta
    """When to look again at what works."""

    @property
    def now(self) -> datetime:
        """The time of the look."""
        return self.view.now

    @property
    def is_frozen(self) -> bool:
        """Whether it is known what pods are told."""
        return self.simulation.status.task_sha256 is not None

    @property
    def ours(self) -> Sequence[Job]:
        """Its Jobs, those aside that are being deleted."""
        seen = (*(one.seen for one in self.variants), self.reduce)
        jobs = [one.job for one in seen if one.job is not None]
        return [job for job in jobs if "deletionTimestamp" not in job.raw["metadata"]]

    @property
    def trained(self) -> bool:
        """Whether all slots are."""
        return self.is_frozen and all(v.status.phase is Phase.SUCCEEDED for v in self.variants)


def facts_of(view: SimulationView, settings: Settings, poll: timedelta) -> Facts | None:
    """Return the facts; None where nothing is to be decided."""
    simulation = view.simulation
    if simulation is None or simulation.deleted:
        return None
    status = simulation.status
    jobs = [variant_job(simulation.name, number) for number in range(len(status.variants))]
    return Facts(
        view=view,
        settings=settings,
        simulation=simulation,
        layout=SimulationLayout(simulation.namespace, simulation.name, simulation.uid),
        variants=tuple(
            VariantSeen(number, one, _seen(jobs[number], view, simulation, one.job_ref, one.queue))
            for number, one in enumerate(status.variants)
        ),
        reduce=_seen(
            reduce_job(simulation.name), view, simulation, status.reduce_job_ref,
            status.reduce_queue,
        ),
        poll=poll,
    )  # fmt: skip


def _seen(
    name: str,
    view: SimulationView,
    simulation: SimulationObject,
    ref: JobRef | None,
    queue: QueueStatus | None,
) -> JobSeen:
    """Read a Job; ``queue``: where the Job of ``ref`` stood at the last look."""
    job = view.jobs.get(name)
    if job is None:
        return JobSeen(name, None)
    if owner_uid(job.raw) != simulation.uid:
        owners = {("Simulation", simulation.name): simulation.uid}
        return JobSeen(name, None, foreign=True, leaving=is_leaving(job.raw, owners))
    known = queue if ref is not None and ref.uid == job.uid else None
    return JobSeen(name, state_of(job, None, None, view.now, known))


def trained_by(job: Job, slots: int) -> int:
    """Return how many slots are surely trained: those of the indices that ended well."""
    indices = int(job.raw["spec"].get("completions") or 1)
    done = job.raw.get("status", {}).get("completedIndexes") or ""
    numbers = range(slots)
    return sum(len(numbers[index::indices]) for index in _indices(str(done)))


def _indices(text: str) -> Iterator[int]:
    """Read ``0,2-4`` as Kubernetes writes it."""
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)
