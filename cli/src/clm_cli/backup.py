"""``clm backup``: schedules, versions and their history out of the cluster, into a store."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from clm_api.model_version import ModelVersionResource
from clm_api.training_schedule import TrainingScheduleResource
from clm_cli.cluster import Cluster, ClusterError, Raw
from clm_cli.options import Namespace
from clm_cli.output import console
from clm_cli.saved import Saved, kept
from clm_cli.stores import Store, open_store

EveryNamespace = Annotated[
    bool, typer.Option("--all-namespaces", "-A", help="All namespaces with schedules.")
]


def backup(
    store: Store,
    namespace: Namespace = None,
    *,
    all_namespaces: EveryNamespace = False,
) -> None:
    """Save schedules, versions, production and history, for "clm restore".

    Nothing of earlier backups is replaced. Bars, runs and reports are not copied: they lie in the
    operator's store. Secrets are not saved. Exit code 1 where there is nothing to save.

    Plain kubectl: kubectl get tsched,mv -o yaml; kubectl can't bring a status back
    """
    cluster, objects, now = Cluster(namespace), open_store(store), datetime.now(UTC)
    names = cluster.namespaces() if all_namespaces else [cluster.namespace]
    found = [saved for name in names if (saved := save(cluster.elsewhere(name), now)).schedules]
    if not found:
        where = "" if all_namespaces else f" in namespace {cluster.namespace}"
        raise ClusterError(f"no TrainingSchedules{where} at {cluster.server}: nothing is saved")
    for saved in found:
        objects.create(saved.path, saved.to_json())
        counted = f"{len(saved.schedules)} schedules, {len(saved.versions)} versions"
        where = f"namespace {saved.namespace} at {saved.server}"
        console.print(
            f"{where}: {counted} saved in {objects.address(saved.path)}",
            highlight=False, soft_wrap=True,
        )  # fmt: skip


def save(cluster: Cluster, now: datetime) -> Saved:
    """Read everything that a namespace's schedules own.

    The schedules are read first: a version that comes meanwhile is in the backup, one that is
    counted in its schedule is never missing.
    """
    schedules = cluster.stored(TrainingScheduleResource.kind)
    uids = {raw["metadata"]["uid"] for raw in schedules}
    versions = [v for v in cluster.stored(ModelVersionResource.kind) if _owner(v) in uids]
    return Saved(
        created_at=now,
        server=cluster.server,
        namespace=cluster.namespace,
        schedules=[kept(raw) for raw in schedules],
        versions=[kept(raw) for raw in versions],
    )


def _owner(raw: Raw) -> str:
    return str(raw["spec"]["scheduleRef"]["uid"])
