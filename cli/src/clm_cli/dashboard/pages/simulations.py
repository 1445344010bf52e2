"""Every simulation that the reader may see."""

from dataclasses import dataclass

from clm_cli.dashboard import paths
from clm_cli.dashboard.query import Query
from clm_cli.dashboard.world import Key, SimulationView, World


@dataclass(frozen=True)
class Simulations:
    """All simulations by namespace and name."""

    rows: tuple[tuple[Key, SimulationView], ...]


def topics(_world: World, _query: Query) -> tuple[str, ...]:
    """Return what the page shows."""
    return (paths.ALL_SIMULATIONS,)


def page(world: World, _query: Query) -> Simulations:
    """Return what the page shows."""
    return Simulations(tuple((key, world.simulations[key]) for key in sorted(world.simulations)))
