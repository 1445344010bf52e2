"""What the pages know of the cluster: one snapshot that never changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from clm_cli.cluster import ScheduleView, SimulationView, VersionView

__all__ = ["SimulationView"]

MOST_VERSIONS = 500
"""Of one schedule: a page of more would be slow, and its versions parsed anew at each change."""


class Kind(StrEnum):
    """A kind that is watched, by its name in the API server's paths."""

    SCHEDULES = "trainingschedules"
    VERSIONS = "modelversions"
    SIMULATIONS = "simulations"


@dataclass(frozen=True, order=True)
class Key:
    """Which object of a kind."""

    namespace: str
    name: str


@dataclass(frozen=True)
class Unreadable:
    """A version that this clm can't read.

    Parameters
    ----------
    problem
        The field and why, as one sentence.
    """

    key: Key
    problem: str


@dataclass(frozen=True)
class Source:
    """How well the objects of one kind are known.

    Parameters
    ----------
    namespaces
        Where they are looked for; empty: in all.
    listed
        Whether they were read once at all.
    old_since
        Since when nothing new is heard; None while the watch stands.
    problem
        Why not, as one sentence; empty while the watch stands.
    """

    kind: Kind
    namespaces: tuple[str, ...] = ()
    listed: bool = False
    old_since: datetime | None = None
    problem: str = ""


@dataclass(frozen=True)
class Trouble:
    """Why kinds are not shown as they are now; no problem: they are being read."""

    kinds: tuple[Kind, ...]
    old_since: datetime | None
    problem: str


@dataclass(frozen=True)
class World:
    """What the reader may see of the cluster at one moment.

    Parameters
    ----------
    schedules
        One whose spec can't be read has no spec and says why in ``problem``.
    versions
        By the schedule that they belong to, newest slot first; those that can be read, of the
        newest ``MOST_VERSIONS``. A version is parsed when its schedule is asked for, and not twice
        while it doesn't change.
    counts
        How many versions each schedule has, all together.
    unfinished
        Those of them whose run has not ended.
    unreadable
        The versions of a schedule that can't be read.
    queue_states
        Of a schedule's runs that have not ended, without parsing them: for pages of many.
    single
        A version by its own name.
    revision
        Grows with every change.
    sources
        How well each kind is known.
    notes
        What the reader should know of all pages.
    """

    now: datetime
    schedules: Mapping[Key, ScheduleView]
    versions: Mapping[Key, tuple[VersionView, ...]]
    simulations: Mapping[Key, SimulationView]
    revision: int
    counts: Mapping[Key, int] = field(default_factory=dict)
    unfinished: Mapping[Key, tuple[VersionView, ...]] = field(default_factory=dict)
    unreadable: Mapping[Key, tuple[Unreadable, ...]] = field(default_factory=dict)
    queue_states: Mapping[Key, frozenset[str]] = field(default_factory=dict)
    single: Mapping[Key, VersionView] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    notes: tuple[str, ...] = ()

    def source(self, kind: Kind) -> Source:
        """Return how well the objects of a kind are known."""
        return next((s for s in self.sources if s.kind is kind), Source(kind))

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What keeps kinds from being shown as they are now, said once for all that share it."""
        kinds: dict[str, list[Source]] = {}
        for source in self.sources:
            if source.problem or not source.listed:
                kinds.setdefault(source.problem, []).append(source)
        return tuple(
            Trouble(
                tuple(source.kind for source in found),
                min((s.old_since for s in found if s.old_since), default=None),
                problem,
            )
            for problem, found in kinds.items()
        )


def owner_of(version: VersionView) -> Key:
    """Return the schedule that a version belongs to."""
    return Key(version.raw["metadata"]["namespace"], version.spec.schedule_ref.name)


def key_of(view: ScheduleView | VersionView | SimulationView) -> Key:
    """Return which object a view shows."""
    return Key(view.raw["metadata"]["namespace"], view.name)
