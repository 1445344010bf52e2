"""A simulation's status is written, and what it says is told: no event without its write."""

from collections.abc import Iterable
from dataclasses import dataclass

from clm_api.happening import Happening
from clm_api.simulation import SimulationStatus
from clm_operator.cluster.api import ConflictError, NotFoundError
from clm_operator.cluster.patches import merge_patch
from clm_operator.cluster.resources import Cluster
from clm_operator.mirror.objects import Key
from clm_operator.mirror.simulation import SimulationObject
from clm_operator.simulations.acts import Plan
from clm_operator.simulations.facts import Facts
from clm_operator.telling.happenings import bounded
from clm_operator.telling.teller import Teller


@dataclass(frozen=True)
class SimulationWriter:
    """Writes statuses.

    Happenings are told as Kubernetes events: sinks hear of schedules and versions only.
    """

    cluster: Cluster
    teller: Teller

    async def write(self, facts: Facts, plan: Plan) -> bool:
        """Write a status that differs, and tell what it says; return whether it was changed.

        Raises
        ------
        ConflictError, NotFoundError
            The object was changed meanwhile, or is gone: it has been read again.
        ApiError
            The API server refuses.
        """
        simulation, key = facts.simulation, facts.view.key
        waits = await self.teller.tell(key, simulation.raw, simulation.status.untold, facts.now)
        known = {one.id for one in simulation.status.untold}
        fresh = [one for one in plan.happenings if one.id not in known]
        status = _plain(plan.status, bounded([*waits, *fresh]))
        patch = merge_patch(simulation.raw.get("status", {}), status)
        if not patch:
            return False
        try:
            after = await self.cluster.patch_status(simulation.raw, patch)
        except (ConflictError, NotFoundError):
            await self.cluster.refresh("Simulation", key.namespace, key.name)
            raise
        await self.teller.tell(key, after | {"kind": "Simulation"}, fresh, facts.now)
        meta = simulation.raw["metadata"]
        return bool(after["metadata"]["resourceVersion"] != meta["resourceVersion"])

    def unheard_s(self, key: Key, simulation: SimulationObject) -> float | None:
        """Return when events that nobody took are told again; None where there are none."""
        if not simulation.status.untold:
            return None
        return max(self.teller.rest_s(key.namespace), 1.0)


def _plain(status: SimulationStatus, untold: Iterable[Happening]) -> dict[str, object]:
    made = status.having(untold=list(untold)).to_json_dict()
    if not made["untold"]:
        del made["untold"]
    return made
