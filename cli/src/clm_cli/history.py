"""``clm history``: who was in production when, who asked for it, and why."""

from dataclasses import asdict
from typing import Annotated

import typer
from pydantic.alias_generators import to_camel

from clm_api.production import Period, periods, production_at
from clm_cli.cluster import Cluster, ClusterError
from clm_cli.options import Namespace
from clm_cli.output import Output, OutputOption, console, print_document, show
from clm_cli.screen import moment
from clm_cli.tables import table_of
from clm_cli.times import time_named


def history(
    schedule: Annotated[str, typer.Argument(metavar="TS", help="Name of a TrainingSchedule.")],
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="TIME", help="A time such as 2026-01-05T12:00Z; UTC without a zone."
        ),
    ] = None,
    namespace: Namespace = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show who was in production when, who asked for it and why; and who emptied it.

    With --at for one time only. The last 20 versions are known.

    Plain kubectl: kubectl get tsched TS -o jsonpath='{.status.previous}{.status.production}'
    """
    status = Cluster(namespace).schedule(schedule).status
    found = periods(status)
    if at is not None:
        time = time_named("--at", at)
        there = production_at(status, time)
        if there is None:
            raise ClusterError(f"{schedule}: nothing is known to be in production at {time}")
        found = (there,)
    if output is Output.JSON:
        wire = [{to_camel(k): v for k, v in asdict(p).items()} for p in found]
        print_document(wire)
    elif not found:
        console.print(f"{schedule}: no version has ever been in production", soft_wrap=True)
    else:
        _show(found)


def _show(found: tuple[Period, ...]) -> None:
    columns = ("version", "from", "to", "asked by", "why", "replaced by")
    rows = map(_row, found)
    prose, expendable = ("asked by", "why"), ("replaced by", "to")
    show(table_of(columns, rows, prose=prose, expendable=expendable))


def _row(period: Period) -> tuple[str, ...]:
    times = moment(period.since), moment(period.to) or "now"
    name, follower = period.version or "(empty)", period.replaced_by or ""
    return (name, *times, period.by, period.reason, follower)
