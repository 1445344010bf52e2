"""What a round of a simulation looks at: the mirror, and live what no watch tells.

Pods of simulations are not watched: thousands may work. They are asked for where a Job has failed,
or where none of them works.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta

from clm_api.reasons import FINAL_EXIT_CODES, Reason
from clm_api.simulation import SimulationSpec
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.clock import Clock
from clm_operator.cluster.resources import Cluster
from clm_operator.mirror.objects import Job, Key, Pod, owner_uid
from clm_operator.mirror.simulation import SimulationObject
from clm_operator.names import reduce_job, variant_job
from clm_operator.round.gather import queued, warned
from clm_operator.round.refusals import Refusals
from clm_operator.simulations.view import Fault, SimulationView
from clm_operator.store.standing import Standing

_SOON = timedelta(seconds=15)
"""What begins within that time needs no reason."""
_ENDED_BY_OTHERS = (75, 137, 143)
"""Exit codes of pods that were stopped, such as those beside the one that failed."""


@dataclass(frozen=True)
class Gatherer:
    """Looks at a simulation."""

    cluster: Cluster
    refusals: Refusals
    standing: Standing
    clock: Clock

    async def view_of(
        self, key: Key, refused: dict[str, str], taken: Collection[str]
    ) -> SimulationView:
        """Return what is known.

        Parameters
        ----------
        refused, taken
            What earlier rounds learned by trying: names that can't exist, and that exist.
        """
        mirror = self.cluster.mirror
        simulation = mirror.simulations.get(key.namespace, key.name)
        if simulation is None:
            return SimulationView(self.clock.now(), key, None)
        return SimulationView(
            now=self.clock.now(),
            key=key,
            simulation=simulation,
            schedule=self._schedule(simulation.namespace, simulation.spec),
            jobs=await self._jobs(simulation, taken),
            store=self.standing.seen,
            withheld=self.refusals.standing(key),
            refused=refused,
        )

    def _schedule(
        self, namespace: str, spec: SimulationSpec | None
    ) -> TrainingScheduleSpec | Fault | None:
        if spec is None or spec.schedule_name is None:
            return None if spec is None else spec.schedule
        found = self.cluster.mirror.schedule(Key(namespace, spec.schedule_name))
        if found is None or found.deleted:
            return None
        if found.spec is None:
            text = f"TrainingSchedule {found.name}: {found.problem}"
            return Fault(Reason.SPEC_INVALID, text)
        return found.spec

    async def _jobs(self, simulation: SimulationObject, taken: Collection[str]) -> dict[str, Job]:
        """Return the Jobs of a simulation's names: ours, and whatever stands in their place."""
        status, mirror = simulation.status, self.cluster.mirror
        names = [variant_job(simulation.name, n) for n in range(len(status.variants))]
        names.append(reduce_job(simulation.name))
        found = dict[str, Job]()
        for name in names:
            job = mirror.simulation_jobs.get(simulation.namespace, name)
            if job is None and name in taken:
                await self.cluster.refresh("SimulationJob", simulation.namespace, name)
                job = mirror.simulation_jobs.get(simulation.namespace, name)
            if job is not None:
                found[name] = await self._asked(job, simulation)
        return found

    async def _asked(self, job: Job, simulation: SimulationObject) -> Job:
        """Return a Job with the words of its pods, or of others about it, where they matter."""
        if simulation.terminal or owner_uid(job.raw) != simulation.uid:
            return job
        status, namespace = job.raw.get("status", {}), simulation.namespace
        if job.condition("Failed") is not None:
            return replace(job, pods=await self._pods(namespace, job.name, "Failed"))
        job = await queued(job, self.cluster)
        waits = not job.finished and not status.get("ready")
        now, since = self.clock.now(), job.startable_since
        if not waits or job.suspended or now - (since or job.created) < _SOON:
            return job
        pods = await self._pods(namespace, job.name, "Pending") if status.get("active") else ()
        key = Key(namespace, simulation.name)
        return await warned(key, replace(job, pods=pods), self.cluster, now)

    async def _pods(self, namespace: str, job: str, phase: str) -> tuple[Pod, ...]:
        """Return pods of a Job, oldest first, whoever knows why it failed last."""
        found = [Pod.read(raw) for raw in await self.cluster.pods_of(namespace, job, phase)]
        return tuple(sorted(found, key=lambda pod: (_guilt(pod), pod.created, pod.uid)))


def _guilt(pod: Pod) -> int:
    """Return how likely it is that a pod's end is why its Job failed."""
    if pod.exit_code in FINAL_EXIT_CODES:
        return 2
    return int(pod.exit_code not in (None, 0, *_ENDED_BY_OTHERS))
