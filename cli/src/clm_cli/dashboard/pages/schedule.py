"""One schedule and its versions."""

from dataclasses import dataclass

from clm_cli.cluster import ScheduleView, VersionView
from clm_cli.dashboard import paths
from clm_cli.dashboard.query import NotShownError, Query
from clm_cli.dashboard.world import Key, Unreadable, World


@dataclass(frozen=True)
class SchedulePage:
    """A schedule, its versions newest first, and those that can't be read."""

    key: Key
    schedule: ScheduleView
    versions: tuple[VersionView, ...]
    unreadable: tuple[Unreadable, ...]


def topics(_world: World, query: Query) -> tuple[str, ...]:
    """Return what the page shows."""
    return (paths.schedule_topic(query.key),)


def page(world: World, query: Query) -> SchedulePage:
    """Return what the page shows.

    Raises
    ------
    NotShownError
        There is no such schedule.
    """
    key = query.key
    if (schedule := world.schedules.get(key)) is None:
        raise NotShownError(f"No TrainingSchedule {key.namespace}/{key.name} is known here.")
    versions, unreadable = world.versions.get(key, ()), world.unreadable.get(key, ())
    return SchedulePage(key, schedule, versions, unreadable)
