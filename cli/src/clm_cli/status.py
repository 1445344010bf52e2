"""``clm status``: one screen about a schedule, or one line about each."""

from typing import Annotated

import typer

from clm_cli.cluster import Cluster
from clm_cli.options import Namespace
from clm_cli.output import Output, OutputOption, print_document, show
from clm_cli.screen import now_utc, overview, screen


def status(
    schedule: Annotated[
        str | None, typer.Argument(metavar="[TS]", help="Name of a TrainingSchedule.")
    ] = None,
    namespace: Namespace = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the newest verdict and why, the last runs, what is next.

    Plain kubectl: kubectl get tsched,mv -o wide; kubectl describe tsched TS
    """
    cluster = Cluster(namespace)
    if schedule is None:
        found = cluster.schedules()
        if output is Output.JSON:
            print_document({"schedules": [s.raw for s in found]})
        else:
            show(overview(found, cluster.namespace, now_utc()))
        return
    one = cluster.schedule(schedule)
    versions = [v for v in cluster.versions(schedule) if v.spec.schedule_ref.uid == _uid(one.raw)]
    if output is Output.JSON:
        document = {"schedule": one.raw, "versions": [v.raw for v in versions]}
        print_document(document)
    else:
        show(screen(one, versions, now_utc()))


def _uid(raw: dict[str, dict[str, str]]) -> str:
    return raw["metadata"]["uid"]
