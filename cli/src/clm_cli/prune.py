"""``clm data prune --orphans``: what vanished schedules, versions and simulations left behind."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from clm_api.layout import (
    MANIFEST,
    RunLayout,
    pointers_of,
    replays_of,
    run_address,
    runs_of,
    signals_of,
    simulations_of,
    tombstones_of,
)
from clm_api.production import ProductionPointer
from clm_api.signal import SignalFile
from clm_cli.cluster import Cluster, ScheduleView, VersionView
from clm_cli.options import Namespace
from clm_cli.output import console
from clm_cli.stores import Store, open_store

if TYPE_CHECKING:
    from clm_trainer.storage import Storage

_SIMULATION_DEPTH = 4
"""A simulation's folder is ``simulations/NAMESPACE/NAME/UID``."""


@dataclass(frozen=True)
class Orphan:
    """Objects that nothing in the cluster names.

    Parameters
    ----------
    name
        The folder of the run or the replays, or the pointer.
    paths
        In the order in which they are removed.
    """

    name: str
    paths: tuple[str, ...]


def prune(
    store: Store,
    orphans: Annotated[bool, typer.Option("--orphans", help="Files whose object is gone.")],
    namespace: Namespace = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
) -> None:
    """Remove files of versions, schedules and simulations that are gone.

    Deleting one never removes its files, so that nothing is lost by accident: this does,
    for one namespace, after showing what it found. Whatever is in production is left alone. Make
    sure that the kubeconfig names the cluster that the store belongs to.

    Plain kubectl: none; runs and pointers lie in the object store, not in the cluster.
    """
    del orphans
    cluster, objects = Cluster(namespace), open_store(store)
    found = find_orphans(cluster, objects)
    for one in found:
        console.print(f"{one.name}  {len(one.paths)} objects", highlight=False, soft_wrap=True)
    where = f"namespace {cluster.namespace} at {cluster.server}"
    if not found:
        console.print(f"{where}: nothing in {objects.url} is orphaned", soft_wrap=True)
        return
    question = f"{where} knows none of these {len(found)}. Remove them from {objects.url}?"
    if not yes:
        typer.confirm(question, abort=True)
    for one in found:
        objects.remove(one.paths)
    console.print(f"{len(found)} removed", soft_wrap=True)


def find_orphans(cluster: Cluster, objects: "Storage") -> list[Orphan]:
    """Return what the cluster does not know.

    The store is read first: a run that begins meanwhile has its version before it has files.
    """
    namespace = cluster.namespace
    runs: dict[RunLayout, list[str]] = {}
    for path in objects.list(runs_of(namespace)):
        if (run := RunLayout.at(path)) is not None:
            runs.setdefault(run, []).append(path)
    tombstones = objects.list(tombstones_of(namespace))
    reports: dict[str, list[str]] = {}
    for path in objects.list(replays_of(namespace)):
        reports.setdefault(path.rpartition("/")[0], []).append(path)
    simulated: dict[str, list[str]] = {}
    for path in objects.list(simulations_of(namespace)):
        simulated.setdefault("/".join(path.split("/")[:_SIMULATION_DEPTH]), []).append(path)
    following = [*objects.list(pointers_of(namespace)), *objects.list(signals_of(namespace))]
    schedules = cluster.schedules()
    known = {uid for v in cluster.versions() for uid in _uids(v)} | _produced(schedules)
    found = []
    for run, paths in runs.items():
        if run.uid not in known:
            stones = [t for t in tombstones if t == run.tombstone]
            first = [p for p in paths if p == run.manifest]
            rest = [p for p in paths if p not in first]
            found.append(Orphan(run.prefix, (*first, *rest, *stones)))
    alive = {uid for s in schedules for uid in _uids(s)}
    found += [
        Orphan(folder, tuple(paths))
        for folder, paths in reports.items()
        if folder.rsplit("/", 1)[-1] not in alive
    ]
    found += _simulations(cluster, simulated)
    found += [Orphan(p, (p,)) for p in following if _owner(objects.get(p)) not in alive | {None}]
    return found


def _simulations(cluster: Cluster, folders: Mapping[str, list[str]]) -> Iterator[Orphan]:
    """Yield the folders whose Simulation is gone; their manifests go first."""
    alive = {one.raw["metadata"]["uid"] for one in cluster.simulations()} if folders else set()
    for folder, paths in folders.items():
        if folder.rpartition("/")[2] not in alive:
            first = sorted(paths, key=lambda path: path != f"{folder}/{MANIFEST}")
            yield Orphan(folder, tuple(first))


def _uids(one: ScheduleView | VersionView) -> set[str]:
    """Return an object's uid, and that of the lost one in whose place it stands."""
    restored = one.status.restored
    return {one.raw["metadata"]["uid"], *([restored.uid] if restored else [])}


def _produced(schedules: list[ScheduleView]) -> set[str]:
    """Return the runs in production: their files are used even where the version was deleted."""
    uris = [s.status.production.artifact.uri for s in schedules if s.status.production]
    return {found.run.uid for uri in uris if (found := run_address(uri)) is not None}


def _owner(content: bytes | None) -> str | None:
    """Return the uid of the schedule that a pointer or a signal follows; None if it is neither."""
    for kind in (ProductionPointer, SignalFile):
        try:
            return kind.model_validate_json(content or b"").schedule_uid
        except ValidationError:
            continue
    return None
