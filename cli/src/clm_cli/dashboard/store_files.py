"""Reads files of the store for the pages: only those that were judged, and none twice."""

import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from clm_api.errors import ClmError
from clm_api.layout import run_address
from clm_api.model_version import TERMINAL
from clm_api.report import Manifest
from clm_cli.cluster import VersionView
from clm_cli.dashboard.files import LOG_BYTES, Equity, File, Found, Wanted
from clm_cli.dashboard.replay_curves import ReplayCurves
from clm_cli.dashboard.world import Key, World
from clm_cli.judged_files import content_of, corrupt, manifest_of
from clm_cli.server import ClusterError
from clm_cli.stores import open_store

if TYPE_CHECKING:
    from clm_trainer.storage import Storage

MOST_BYTES = 16 * 1024 * 1024
"""A larger file is not shown."""
_KEPT_BYTES = 48 * 1024 * 1024
_KEPT_PROBLEM = timedelta(seconds=30)
"""A store that is away is asked again only after so long: every page would wait for it."""
_MOST_POINTS = 3000
_MOST_ROWS = 4_000_000
"""Seven years of minutes. A file of few bytes can hold many more."""


@dataclass(frozen=True)
class _Kept:
    found: Found
    until: datetime | None
    size: int


@dataclass
class StoreFiles:
    """One store, opened by its URL.

    Parameters
    ----------
    url
        The reader's: runs are looked for in this store alone, wherever the cluster says that they
        lie. What is found is what was judged, or is not shown.
    """

    url: str
    clock: Callable[[], datetime]
    _store: "Storage" = field(init=False)
    _curves: ReplayCurves = field(init=False)
    _kept: "OrderedDict[tuple[Any, ...], _Kept]" = field(default_factory=OrderedDict)
    _lock: Any = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._store = open_store(self.url).hasty()
        self._curves = ReplayCurves(self._store)

    def found(self, world: World, wanted: Iterable[Wanted]) -> Mapping[Wanted, Found]:
        """Return what became of each wanted file."""
        return {one: self.one(world, one) for one in wanted}

    def one(self, world: World, wanted: Wanted) -> Found:
        """Return what became of a wanted file."""
        if wanted.file is File.REPLAYS:
            return self._replays(world, wanted.version)
        if (version := world.single.get(wanted.version)) is None:
            return Found(problem=f"no readable ModelVersion {wanted.version.name} is known here")
        place = _place(version, wanted.file)
        with self._lock:
            kept = self._kept.get(place)
            if kept is not None and (kept.until is None or self.clock() < kept.until):
                self._kept.move_to_end(place)
                return kept.found
        found, lasts = self._read(version, wanted.file)
        self._keep(place, found, None if lasts else self.clock() + _KEPT_PROBLEM)
        return found

    def _replays(self, world: World, key: Key) -> Found:
        """Return the equity of a schedule's production."""
        if (view := world.schedules.get(key)) is None:
            return Found(problem=f"no TrainingSchedule {key.name} is known here")
        try:
            return Found(equity=self._curves.of(key, view))
        except ClmError as error:
            return Found(problem=f"{error.reason}: {error.message}")
        except ClusterError as error:
            return Found(problem=str(error))

    def _read(self, version: VersionView, file: File) -> tuple[Found, bool]:
        """Read a file; return whether it can't become another one, too."""
        try:
            content = self._log(version) if file is File.LOG else self._judged(version, file)
            equity = _equity(content) if file is File.EQUITY else None
        except ClmError as error:
            return Found(problem=f"{error.reason}: {error.message}"), False
        except ClusterError as error:
            return Found(problem=str(error)), False
        ended = version.status.phase in TERMINAL
        return Found(b"" if equity else content, equity), ended

    def _judged(self, version: VersionView, file: File) -> bytes:
        artifact = version.status.artifact
        if artifact is None:
            raise ClusterError(f"{version.name} has no files: its phase is {version.status.phase}")
        found = run_address(artifact.uri)
        if found is None:
            raise corrupt(f"{artifact.uri} is no address of a run")
        manifest = manifest_of(self._store, found.run.manifest, artifact, Manifest)
        try:
            entry = manifest.file(file)
        except KeyError as error:
            raise ClusterError(f"{artifact.uri} lists no {file}") from error
        return content_of(self._store, found.run.file(entry.path), entry, MOST_BYTES)

    def _log(self, version: VersionView) -> bytes:
        """Return the beginning of the log that the newest pod left."""
        status = version.status
        place = status.run_uri or (status.artifact.uri if status.artifact else None)
        found = None if place is None else run_address(place)
        if found is None or status.pod_uid is None:
            raise ClusterError(
                f"{version.name} has no log in a store; while a pod of it is there, "
                f'"clm logs {version.name}" reads its'
            )
        try:
            path = found.run.log(status.pod_uid)
        except ValueError as error:
            raise ClusterError(f"{version.name} has no log in a store: {error}") from error
        content = self._store.get(path, most=LOG_BYTES)
        if content is None:
            raise ClusterError(
                f"the store holds no {self._store.address(path)}: a pod leaves it when it ends; "
                f'"clm logs {version.name}" shows it before'
            )
        return content[:LOG_BYTES]

    def _keep(self, place: tuple[Any, ...], found: Found, until: datetime | None) -> None:
        points = len(found.equity.times) if found.equity else 0
        with self._lock:
            self._kept[place] = _Kept(found, until, len(found.content) + 64 * points)
            self._kept.move_to_end(place)
            while len(self._kept) > 1 and sum(k.size for k in self._kept.values()) > _KEPT_BYTES:
                self._kept.popitem(last=False)


def _place(version: VersionView, file: File) -> tuple[Any, ...]:
    """Return what a file's content depends on."""
    status = version.status
    sha256 = status.artifact.sha256 if status.artifact else None
    return (version.raw["metadata"]["uid"], file, sha256, status.pod_uid, status.phase)


def _equity(content: bytes) -> Equity:
    """Read an equity curve; a long one is thinned."""
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    try:
        if (rows := pq.read_metadata(io.BytesIO(content)).num_rows) > _MOST_ROWS:
            raise ClusterError(
                f"equity.parquet has {rows} bars: more than {_MOST_ROWS} are not shown"
            )
        table = pq.read_table(io.BytesIO(content), columns=["time", "equity"]).drop_null()
        times = table.column("time").cast("timestamp[s]", safe=False).cast("int64").to_pylist()
        values = table.column("equity").cast("float64").to_pylist()
    except (ArrowException, KeyError) as error:
        raise ClusterError(f"equity.parquet is not as this clm knows it: {error}") from error
    if not times:
        raise ClusterError("equity.parquet has no bars")
    step = max(1, -(-len(times) // _MOST_POINTS))
    chosen = [*range(0, len(times), step)]
    if chosen[-1] != len(times) - 1:
        chosen.append(len(times) - 1)
    return Equity(tuple(float(times[i]) for i in chosen), tuple(float(values[i]) for i in chosen))
