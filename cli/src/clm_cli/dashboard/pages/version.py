"""One version: its verdicts and the files of its run."""

from dataclasses import dataclass

from clm_cli.cluster import VersionView
from clm_cli.dashboard import paths
from clm_cli.dashboard.files import File, Found, Wanted
from clm_cli.dashboard.query import NotShownError, Query
from clm_cli.dashboard.world import Key, World, owner_of


@dataclass(frozen=True)
class VersionPage:
    """A version, its schedule, and what the store holds of its run; no file without --store."""

    key: Key
    owner: Key
    version: VersionView
    equity: Found | None
    log: Found | None


def topics(world: World, query: Query) -> tuple[str, ...]:
    """Return what the page shows."""
    own = paths.version_topic(query.key)
    one = world.single.get(query.key)
    return (own, paths.schedule_topic(owner_of(one))) if one else (own,)


def wanted(_world: World, query: Query) -> tuple[Wanted, ...]:
    """Return the files of the store that the page shows."""
    return (Wanted(query.key, File.EQUITY), Wanted(query.key, File.LOG))


def page(world: World, query: Query) -> VersionPage:
    """Return what the page shows.

    Raises
    ------
    NotShownError
        There is no such version.
    """
    key = query.key
    if (version := world.single.get(key)) is None:
        raise NotShownError(f"No readable ModelVersion {key.namespace}/{key.name} is known here.")
    equity, log = (query.files.get(one) for one in wanted(world, query))
    return VersionPage(key, owner_of(version), version, equity, log)
