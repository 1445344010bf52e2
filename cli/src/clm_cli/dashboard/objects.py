"""The objects of the cluster as the watches bring them: parsed when a page asks, and only once.

26,000 versions are kept as compressed JSON; what pages looked at last is kept parsed.
"""

import json
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from clm_api.model_version import TERMINAL
from clm_cli.cluster import (
    ClusterError,
    ScheduleView,
    VersionView,
    first_fault,
    schedule_view,
    simulation_view,
    version_view,
    without_managers,
)
from clm_cli.dashboard import paths
from clm_cli.dashboard.world import (
    MOST_VERSIONS,
    Key,
    Kind,
    SimulationView,
    Source,
    Unreadable,
    World,
)
from clm_cli.server import Raw

_KEPT_PARSED = MOST_VERSIONS + 12
_ENDED = frozenset(str(phase) for phase in TERMINAL)
_V = TypeVar("_V")


@dataclass(frozen=True, eq=False)
class _Version:
    """A version as it came: what finds it, and the rest compressed."""

    key: Key
    owner: Key
    owner_uid: str
    slot: str
    ended: bool
    queue_state: str
    resource_version: str
    packed: bytes

    @classmethod
    def of(cls, raw: Raw) -> "_Version":
        key, spec, status = _key(raw), _part(raw, "spec"), _part(raw, "status")
        owner = _part(spec, "scheduleRef")
        text = json.dumps(without_managers(raw), separators=(",", ":"))
        return cls(
            key=key,
            owner=Key(key.namespace, str(owner.get("name", ""))),
            owner_uid=str(owner.get("uid", "")),
            slot=str(spec.get("slot", "")),
            ended=status.get("phase") in _ENDED,
            queue_state=str(_part(status, "queue").get("state", "")),
            resource_version=_resource_version(raw),
            packed=zlib.compress(text.encode(), 1),
        )


@lru_cache(maxsize=_KEPT_PARSED)
def _parsed(version: _Version) -> VersionView | Unreadable:
    raw = json.loads(zlib.decompress(version.packed))
    try:
        return version_view(raw)
    except ClusterError as error:
        return Unreadable(version.key, str(error))
    except KeyError as error:
        return Unreadable(version.key, f"ModelVersion {version.key.name} has no {error}")


class _Lazy(Mapping[Key, _V], Generic[_V]):
    """A mapping whose values are made when they are asked for."""

    def __init__(self, held: Mapping[Key, Any], made: Callable[[Any], _V]) -> None:
        self._held, self._made = held, made

    def __getitem__(self, key: Key) -> _V:
        return self._made(self._held[key])

    def __iter__(self) -> Iterator[Key]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


class _Single(_Lazy[VersionView]):
    """The readable versions by their own names."""

    def __init__(self, held: Mapping[Key, _Version]) -> None:
        super().__init__(held, self._readable)

    @staticmethod
    def _readable(version: _Version) -> VersionView:
        found = _parsed(version)
        if isinstance(found, Unreadable):
            raise KeyError(version.key)
        return found


class Objects:
    """All objects that are known now. Threads write it; ``world`` is a snapshot."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._schedules: dict[Key, ScheduleView] = {}
        self._versions: dict[Key, _Version] = {}
        self._owned: dict[Key, tuple[_Version, ...]] = {}
        self._simulations: dict[Key, SimulationView] = {}
        self._sources: dict[Kind, Source] = {}
        self._notes: tuple[str, ...] = ()
        self._revision = 0
        self._changed: dict[str, int] = {}
        self._listeners: list[Callable[[], None]] = []
        self._snapshot: World | None = None

    def listen(self, listener: Callable[[], None]) -> None:
        """Call this after every change, in the thread that made it."""
        self._listeners.append(listener)

    def put(self, kind: Kind, raw: Raw) -> None:
        """Take an object as it is now, unless it is known so already."""
        with self._lock:
            known = self._resource_version(kind, _key(raw))
            if known is not None and known == _resource_version(raw):
                return
            self._put(kind, raw)
        self._tell()

    def remove(self, kind: Kind, key: Key) -> None:
        """Forget an object."""
        with self._lock:
            self._remove(kind, key)
        self._tell()

    def keep_only(self, kind: Kind, names: set[Key]) -> None:
        """Forget what a list of all that may be seen did not name."""
        with self._lock:
            held: Mapping[Key, object] = self._held(kind)
            gone = [key for key in held if key not in names]
            for key in gone:
                self._remove(kind, key)
        if gone:
            self._tell()

    def say(self, source: Source) -> None:
        """Say how well a kind is known now."""
        with self._lock:
            if self._sources.get(source.kind) == source:
                return
            self._sources[source.kind] = source
            self._bump(*self._changed, paths.ALL_SCHEDULES, paths.ALL_SIMULATIONS)
        self._tell()

    def note(self, text: str) -> None:
        """Say something on all pages from now on."""
        with self._lock:
            self._notes = tuple(dict.fromkeys((*self._notes, text)))
            self._bump(*self._changed, paths.ALL_SCHEDULES, paths.ALL_SIMULATIONS)
        self._tell()

    def revision(self, topics: tuple[str, ...]) -> int:
        """Return when one of these topics changed last, as a revision."""
        with self._lock:
            return max((self._changed.get(topic, 0) for topic in topics), default=0)

    def world(self, now: datetime) -> World:
        """Return a snapshot."""
        with self._lock:
            kept = self._snapshot
            if kept is None or kept.revision != self._revision:
                kept = self._snapshot = self._world(now)
        return kept if kept.now == now else _at(kept, now)

    def _world(self, now: datetime) -> World:
        uids = {
            key: str(one.raw["metadata"].get("uid", "")) for key, one in self._schedules.items()
        }
        owned = {
            key: tuple(v for v in versions if uids.get(key, v.owner_uid) == v.owner_uid)
            for key, versions in self._owned.items()
        }
        return World(
            now=now,
            schedules=dict(self._schedules),
            versions=_Lazy(owned, lambda held: _views(held[:MOST_VERSIONS])),
            counts={key: len(versions) for key, versions in owned.items()},
            simulations=dict(self._simulations),
            revision=self._revision,
            unfinished=_Lazy(owned, lambda held: _views(v for v in held if not v.ended)),
            unreadable=_Lazy(owned, lambda held: _faults(held[:MOST_VERSIONS])),
            queue_states=_Lazy(owned, _queue_states),
            single=_Single(dict(self._versions)),
            sources=tuple(self._sources[kind] for kind in Kind if kind in self._sources),
            notes=self._notes,
        )

    def _held(self, kind: Kind) -> dict[Key, Any]:
        held: dict[Kind, dict[Key, Any]] = {
            Kind.SCHEDULES: self._schedules,
            Kind.VERSIONS: self._versions,
            Kind.SIMULATIONS: self._simulations,
        }
        return held[kind]

    def _resource_version(self, kind: Kind, key: Key) -> str | None:
        held = self._held(kind).get(key)
        if held is None:
            return None
        if isinstance(held, _Version):
            return held.resource_version
        return _resource_version(held.raw)

    def _put(self, kind: Kind, raw: Raw) -> None:
        key = _key(raw)
        match kind:
            case Kind.SCHEDULES:
                self._schedules[key] = _schedule(raw)
                self._bump(paths.schedule_topic(key), paths.ALL_SCHEDULES)
            case Kind.SIMULATIONS:
                self._simulations[key] = _simulation(raw)
                self._bump(paths.simulation_topic(key), paths.ALL_SIMULATIONS)
            case Kind.VERSIONS:
                self._disown(key)
                version = self._versions[key] = _Version.of(raw)
                owned = (*self._owned.get(version.owner, ()), version)
                newest_first = sorted(owned, key=lambda v: (v.slot, v.key.name), reverse=True)
                self._owned[version.owner] = tuple(newest_first)
                self._bump_version(version)

    def _remove(self, kind: Kind, key: Key) -> None:
        if kind is Kind.VERSIONS:
            if (version := self._versions.get(key)) is not None:
                self._disown(key)
                self._bump_version(version)
        elif kind is Kind.SCHEDULES:
            self._bump(paths.schedule_topic(key), paths.ALL_SCHEDULES)
        else:
            self._bump(paths.simulation_topic(key), paths.ALL_SIMULATIONS)
        self._held(kind).pop(key, None)

    def _disown(self, key: Key) -> None:
        if (before := self._versions.get(key)) is None:
            return
        left = tuple(v for v in self._owned[before.owner] if v is not before)
        if left:
            self._owned[before.owner] = left
        else:
            del self._owned[before.owner]

    def _bump_version(self, version: _Version) -> None:
        owner = paths.schedule_topic(version.owner)
        self._bump(paths.version_topic(version.key), owner, paths.ALL_SCHEDULES)

    def _bump(self, *topics: str) -> None:
        self._revision += 1
        self._changed.update(dict.fromkeys(topics, self._revision))

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()


def _at(world: World, now: datetime) -> World:
    return replace(world, now=now)


def _views(versions: Iterable[_Version]) -> tuple[VersionView, ...]:
    return tuple(v for v in map(_parsed, versions) if isinstance(v, VersionView))


def _faults(versions: Iterable[_Version]) -> tuple[Unreadable, ...]:
    return tuple(v for v in map(_parsed, versions) if isinstance(v, Unreadable))


def _queue_states(versions: Iterable[_Version]) -> frozenset[str]:
    return frozenset(v.queue_state for v in versions if v.queue_state and not v.ended)


def _key(raw: Raw) -> Key:
    return Key(str(raw["metadata"].get("namespace", "")), str(raw["metadata"]["name"]))


def _resource_version(raw: Raw) -> str:
    return str(raw["metadata"].get("resourceVersion", ""))


def _part(raw: Raw, name: str) -> Raw:
    found = raw.get(name)
    return found if isinstance(found, dict) else {}


def _schedule(raw: Raw) -> ScheduleView:
    """Return a schedule; one whose status can't be read is shown as one without."""
    whole = {**raw, "spec": _part(raw, "spec")}
    try:
        return schedule_view(whole)
    except ValidationError as error:
        bare = schedule_view({**whole, "status": {}})
        why = "; ".join(filter(None, (bare.problem, first_fault(error, "status"))))
        return replace(bare, raw=without_managers(whole), problem=why)


def _simulation(raw: Raw) -> SimulationView:
    """Return a simulation; one whose status can't be read is shown as one without."""
    whole = {**raw, "spec": _part(raw, "spec")}
    try:
        return simulation_view(whole)
    except ClusterError as error:
        bare = simulation_view({**whole, "status": {}})
        why = "; ".join(filter(None, (bare.problem, str(error))))
        return replace(bare, raw=without_managers(whole), problem=why)
