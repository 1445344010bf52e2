"""Every schedule that the reader may see."""

from dataclasses import dataclass

from clm_cli.cluster import ScheduleView
from clm_cli.dashboard import paths
from clm_cli.dashboard.query import Query
from clm_cli.dashboard.world import Key, World


@dataclass(frozen=True)
class Row:
    """One schedule."""

    key: Key
    schedule: ScheduleView


@dataclass(frozen=True)
class Fleet:
    """All schedules by namespace and name."""

    rows: tuple[Row, ...]


def topics(_world: World, _query: Query) -> tuple[str, ...]:
    """Return what the page shows."""
    return (paths.ALL_SCHEDULES,)


def page(world: World, _query: Query) -> Fleet:
    """Return what the page shows."""
    return Fleet(tuple(Row(key, world.schedules[key]) for key in sorted(world.schedules)))
