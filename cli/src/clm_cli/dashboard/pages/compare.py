"""Two to five versions beside one another: ``/compare?v=NAMESPACE/NAME&v=…``."""

from dataclasses import dataclass

from clm_cli.cluster import VersionView
from clm_cli.dashboard import paths
from clm_cli.dashboard.query import NotShownError, Query
from clm_cli.dashboard.world import Key, World

MOST = 5


@dataclass(frozen=True)
class Compare:
    """The versions in the order of the address."""

    keys: tuple[Key, ...]
    versions: tuple[VersionView, ...]


def topics(_world: World, query: Query) -> tuple[str, ...]:
    """Return what the page shows."""
    return tuple(map(paths.version_topic, _keys(query)))


def _keys(query: Query) -> tuple[Key, ...]:
    pairs = (text.partition("/") for text in dict.fromkeys(query.all("v")))
    return tuple(Key(namespace, name) for namespace, _, name in pairs)


def page(world: World, query: Query) -> Compare:
    """Return what the page shows.

    Raises
    ------
    NotShownError
        The address names too few or too many versions, or one that is not there.
    """
    keys = _keys(query)
    if not 2 <= len(keys) <= MOST:
        raise NotShownError(
            f"Choose 2 to {MOST} versions to compare: this address has {len(keys)}."
        )
    if missing := [key for key in keys if key not in world.single]:
        names = ", ".join(f"{key.namespace}/{key.name}" for key in missing)
        raise NotShownError(f"No such ModelVersion is known here: {names}.")
    return Compare(keys, tuple(world.single[key] for key in keys))
