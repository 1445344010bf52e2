"""``clm list``: one line per version."""

import json
from typing import Annotated

import typer
from rich.text import Text

from clm_cli.cluster import Cluster, VersionView
from clm_cli.output import Output, OutputOption, console
from clm_cli.screen import STAGE_COLOURS, moment
from clm_cli.status import Namespace
from clm_cli.tables import Cell, table_of

_METRICS = {"sharpe": "{:.2f}", "profit_factor": "{:.2f}", "max_drawdown": "{:.3f}", "trades": "{}"}


def list_(
    schedule: Annotated[
        str | None, typer.Argument(metavar="[TS]", help="Name of a TrainingSchedule.")
    ] = None,
    namespace: Namespace = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """List versions, newest first: of one schedule, or all.

    Plain kubectl: kubectl get mv; kubectl get mv -l clm.dev/schedule=TS
    """
    cluster = Cluster(namespace)
    found = cluster.versions(schedule)
    if output is Output.JSON:
        console.print_json(json.dumps({"versions": [v.raw for v in found]}))
        return
    if not found:
        where = f"{f'of {schedule} ' if schedule else ''}in namespace {cluster.namespace}"
        console.print(f"No ModelVersions {where}. Start a run with: clm run {schedule or 'TS'}")
        return
    metrics = ("sharpe", "pf", "maxdd", "trades")
    columns = ("version", "schedule", "stage", "reason", *metrics, "trained until")
    expendable = ("schedule", "trained until", *reversed(metrics), "reason")
    console.print(table_of(columns, map(_row, found), expendable=expendable))


def _row(version: VersionView) -> tuple[Cell, ...]:
    status = version.status
    return (
        version.name,
        version.spec.schedule_ref.name,
        Text(status.stage, STAGE_COLOURS[status.stage]),
        status.reason,
        *_metrics(version),
        moment(status.trained_until),
    )


def _metrics(version: VersionView) -> list[str]:
    values = [getattr(version.status.metrics, name, None) for name in _METRICS]
    shapes = _METRICS.values()
    return ["" if v is None else s.format(v) for s, v in zip(shapes, values, strict=True)]
