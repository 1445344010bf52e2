"""``clm list``: one line per version."""

from collections.abc import Mapping
from typing import Annotated

import typer
from pydantic.alias_generators import to_camel
from rich.text import Text

from clm_api.errors import SpecError
from clm_api.model_version import ModelVersionResource
from clm_api.report import Metrics
from clm_cli.cluster import Cluster, VersionView
from clm_cli.options import Namespace
from clm_cli.output import Output, OutputOption, console, print_document, show
from clm_cli.queues import reason_of
from clm_cli.screen import STAGE_COLOURS, moment
from clm_cli.tables import Cell, table_of

_METRICS = {
    "sharpe": ("sharpe", "{:z.2f}"),
    "profitFactor": ("pf", "{:z.2f}"),
    "maxDrawdown": ("maxdd", "{:z.3f}"),
    "trades": ("trades", "{}"),
}
"""Column and form of the metrics that are always shown."""
_PATH = ".status.metrics."
_LESS_IS_BETTER = ("maxDrawdown", "turnover", "minTrackRecordDays")


def list_(
    schedule: Annotated[
        str | None, typer.Argument(metavar="[TS]", help="Name of a TrainingSchedule.")
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="METRIC", help="The best first, such as sharpe or maxDrawdown."),
    ] = None,
    namespace: Namespace = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """List versions, newest first or by a metric: of one schedule, or all.

    Versions without the metric come last. kubectl's --sort-by fails on metrics, as soon as one of
    them is a whole number.

    Plain kubectl: kubectl get mv; kubectl get mv -l clm.dev/schedule=TS
    """
    metric = None if sort is None else metric_named(sort)
    cluster = Cluster(namespace)
    found = cluster.versions(schedule)
    if schedule is not None and not found:
        cluster.schedule(schedule)
    if metric is not None:
        found.sort(key=lambda v: _rank(v, metric))
    if output is Output.JSON:
        print_document({"versions": [v.raw for v in found]})
        return
    if not found:
        where = f"{f'of {schedule} ' if schedule else ''}in namespace {cluster.namespace}"
        console.print(f"No ModelVersions {where}. Start a run with: clm run {schedule or 'TS'}")
        return
    shown = dict(_METRICS)
    if metric is not None:
        shown = {metric: _METRICS.get(metric, (metric, "{:z.4g}")), **shown}
    titles = [title for title, _ in shown.values()]
    columns = ("version", "schedule", "stage", "reason", *titles, "trained until")
    expendable = ("schedule", "trained until", *reversed(titles[1:]), "reason", titles[0])
    rows = [_row(version, shown) for version in found]
    show(table_of(columns, rows, expendable=expendable))


def metric_named(text: str) -> str:
    """Return the metric that a text means: its name or column, whatever capitals and hyphens.

    Raises
    ------
    SpecError
        There is none of that name.
    """
    names = [to_camel(name) for name in Metrics.model_fields]
    plain = text.replace("-", "").replace("_", "").lower()
    columns = ModelVersionResource.columns
    called = {
        title.lower(): path.removeprefix(_PATH) for title, _, path, _ in columns if _PATH in path
    }
    called |= {name.lower(): name for name in names}
    found = called.get(plain)
    if found is None:
        raise SpecError("--sort", f'"{text}" is no metric; there are {", ".join(names)}')
    return found


def _rank(version: VersionView, metric: str) -> tuple[bool, float]:
    """Return what sorts the best version first, and one without the metric last."""
    value = _value(version, metric)
    if value is None:
        return True, 0.0
    return False, float(value) if metric in _LESS_IS_BETTER else -float(value)


def _value(version: VersionView, metric: str) -> float | None:
    found = version.status.metrics
    return None if found is None else found.to_json_dict().get(metric)


def _row(version: VersionView, shown: Mapping[str, tuple[str, str]]) -> tuple[Cell, ...]:
    status = version.status
    values = ((_value(version, name), form) for name, (_, form) in shown.items())
    return (
        version.name,
        version.spec.schedule_ref.name,
        Text(status.stage, STAGE_COLOURS[status.stage]),
        reason_of(status),
        *("" if value is None else form.format(value) for value, form in values),
        moment(status.trained_until),
    )
