"""One simulation."""

from dataclasses import dataclass

from clm_cli.dashboard import paths
from clm_cli.dashboard.query import NotShownError, Query
from clm_cli.dashboard.world import Key, SimulationView, World


@dataclass(frozen=True)
class SimulationPage:
    """A simulation."""

    key: Key
    simulation: SimulationView


def topics(_world: World, query: Query) -> tuple[str, ...]:
    """Return what the page shows."""
    return (paths.simulation_topic(query.key),)


def page(world: World, query: Query) -> SimulationPage:
    """Return what the page shows.

    Raises
    ------
    NotShownError
        There is no such simulation.
    """
    key = query.key
    if (simulation := world.simulations.get(key)) is None:
        raise NotShownError(f"No Simulation {key.namespace}/{key.name} is known here.")
    return SimulationPage(key, simulation)
