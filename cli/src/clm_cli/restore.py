"""``clm restore``: a backup into a cluster, with who was in production and since when."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from clm_api.errors import SpecError
from clm_api.layout import BACKUPS, backup_time, backups_of, production_pointer
from clm_api.production import ProductionPointer
from clm_api.restored import RESTORING
from clm_cli.backup import EveryNamespace
from clm_cli.backup_file import read_backup
from clm_cli.cluster import Cluster, Raw
from clm_cli.options import Namespace
from clm_cli.output import console, fail, warn
from clm_cli.saved import (
    Saved,
    schedule_status,
    schedule_to_create,
    version_status,
    version_to_create,
)
from clm_cli.server import ClusterError, NotFoundError
from clm_cli.stores import Store, open_store
from clm_cli.times import time_named

if TYPE_CHECKING:
    from clm_trainer.storage import Storage


def restore(
    store: Store,
    namespace: Namespace = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="The newest backup up to then: 2026-01-05T12:00Z; UTC without a zone.",
        ),
    ] = None,
    *,
    all_namespaces: EveryNamespace = False,
) -> None:
    """Bring schedules, versions, production and history back, from the newest backup.

    Into another cluster, or into this one after they were deleted. Namespaces and Secrets must be
    there. The operator may run: it leaves a schedule alone until all of it is back. A schedule that
    has a history here is left as it is. Interrupted, the same command goes on. Of a backup that is
    not whole nothing is restored; those of other namespaces are.

    Plain kubectl: none; kubectl can't bring a status back
    """
    until = None if at is None else time_named("--at", at)
    cluster, objects = Cluster(namespace), open_store(store)
    paths = objects.list(BACKUPS if all_namespaces else backups_of(cluster.namespace))
    chosen = newest_backups(paths, until)
    if not chosen:
        whose = "" if all_namespaces else f" of namespace {cluster.namespace}"
        raise ClusterError(f"{objects.url} holds no backup{whose}{_hint(paths, until)}")
    refused, unread = 0, list[SpecError | ClusterError]()
    for path in chosen:
        try:
            saved = read_backup(objects.address(path), objects.get(path) or b"")
            here = cluster.elsewhere(saved.namespace)
        except (SpecError, ClusterError) as error:
            unread.append(error)
            continue
        console.print(f"{objects.address(path)} into {here.namespace} at {here.server}",
                      highlight=False, soft_wrap=True)  # fmt: skip
        for schedule in saved.schedules:
            try:
                refused += not _bring_back(here, objects, schedule, saved)
            except ClusterError as error:
                fail(f"{schedule['metadata']['name']}: {error}")
                refused += 1
    for one in unread[1:]:
        fail(str(one))
    if unread:
        raise unread[0]
    if refused:
        raise typer.Exit(1)


def newest_backups(paths: list[str], at: datetime | None) -> list[str]:
    """Return each namespace's newest backup that is not later than ``at``."""
    found: dict[str, tuple[datetime, str]] = {}
    for path in paths:
        time, folder = backup_time(path), path.rsplit("/", 1)[0]
        if time is not None and (at is None or time <= at):
            found[folder] = max(found.get(folder, (time, path)), (time, path))
    return sorted(path for _, path in found.values())


def _hint(paths: list[str], until: datetime | None) -> str:
    """Say how to come by a backup: of a later time, or at all."""
    times = [time for path in paths if (time := backup_time(path)) is not None]
    if until is None or not times:
        return '; "clm backup" makes one'
    return f" up to {until.isoformat()}; the oldest is of {min(times).isoformat()}"


def _bring_back(cluster: Cluster, objects: "Storage", schedule: Raw, saved: Saved) -> bool:
    """Restore one schedule with its versions; return False where it is in use here already."""
    name = schedule["metadata"]["name"]
    present, why = _held(cluster, schedule)
    if present is None:
        console.print(f"  {name}: {why}", highlight=False, soft_wrap=True)
        return why == _DONE
    versions = saved.versions_of(schedule)
    for version in versions:
        _version(cluster, version, present)
    cluster.write_status(present, schedule_status(schedule, present))
    cluster.annotate(name, {RESTORING: None})
    status = schedule.get("status", {})
    there = status.get("production")
    what = f"{there['version']} in production" if there else "nothing in production"
    if (halted := status.get("halted")) is not None:
        what += f", emptied by {halted['by']}"
    console.print(f"  {name}: {len(versions)} versions, {what}", highlight=False, soft_wrap=True)
    _compare(objects, cluster.namespace, name, there or halted)
    return True


_DONE = "is restored already"


def _held(cluster: Cluster, saved: Raw) -> tuple[Raw | None, str]:
    """Return the schedule to restore into, which the operator leaves alone; else why not."""
    name, mark = saved["metadata"]["name"], {RESTORING: saved["metadata"]["uid"]}
    try:
        present = cluster.schedule(name).raw
    except NotFoundError:
        return cluster.create(schedule_to_create(saved, mark)), ""
    status = present.get("status", {})
    if RESTORING in present["metadata"].get("annotations", {}):
        return present, ""
    if "restored" in status:
        return None, _DONE
    if "production" in status or status.get("previous"):
        return None, "has a history here, and is left as it is"
    return cluster.annotate(name, mark), ""


def _version(cluster: Cluster, saved: Raw, owner: Raw) -> None:
    """Create a version and write its status, each unless that is done."""
    name = saved["metadata"]["name"]
    try:
        present = cluster.version(name).raw
    except NotFoundError:
        present = cluster.create(version_to_create(saved, owner))
    if present["spec"]["scheduleRef"]["uid"] != owner["metadata"]["uid"]:
        warn(f"{name} belongs to another schedule here, and is left as it is")
    elif not {"phase", "restored"} & set(present.get("status", {})):
        cluster.write_status(present, version_status(saved))


def _compare(objects: "Storage", namespace: str, schedule: str, there: Raw | None) -> None:
    """Say where the store knows of a later change of production than the backup.

    Parameters
    ----------
    there
        What the backup says of production, or of what it was emptied of.
    """
    try:
        content = objects.get(production_pointer(namespace, schedule))
        found = None if content is None else ProductionPointer.model_validate_json(content)
    except ValidationError:
        return
    since = datetime.fromisoformat(there["since"]) if there else None
    if found is not None and (since is None or found.since > since):
        says = f"names {found.version} as in" if found.version else "says that nothing is in"
        warn(
            f"{schedule}: the store {says} production since {found.since:%Y-%m-%d %H:%M} UTC, "
            "after this backup was made; that stays so there until a version is promoted here"
        )
