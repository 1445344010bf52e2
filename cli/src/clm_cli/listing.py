"""``clm list``: one line per version."""

import json
from typing import Annotated

import typer
from rich.text import Text

from clm_cli.cluster import Cluster, VersionView
from clm_cli.output import Output, OutputOption, console
from clm_cli.screen import STAGE_COLOURS, local, table_of
from clm_cli.status import Namespace

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
    found = Cluster(namespace).versions(schedule)
    if output is Output.JSON:
        console.print_json(json.dumps({"versions": [v.raw for v in found]}))
        return
    if not found:
        console.print("No ModelVersions here. Start a run with: clm run TS")
        return
    columns = ("sharpe", "pf", "maxdd", "trades")
    table = table_of("version", "schedule", "stage", "reason", *columns, "trained until")
    for one in found:
        table.add_row(
            one.name,
            one.spec.schedule_ref.name,
            Text(one.status.stage, STAGE_COLOURS[one.status.stage]),
            one.status.reason,
            *_metrics(one),
            local(one.status.trained_until),
        )
    console.print(table)


def _metrics(version: VersionView) -> list[str]:
    values = [getattr(version.status.metrics, name, None) for name in _METRICS]
    shapes = _METRICS.values()
    return ["" if v is None else s.format(v) for s, v in zip(shapes, values, strict=True)]
