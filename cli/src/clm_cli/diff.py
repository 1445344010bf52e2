"""``clm diff``: what two versions reached, and what was different about their runs."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from clm_cli.cluster import Cluster, VersionView
from clm_cli.options import Namespace
from clm_cli.output import Output, OutputOption, print_document, show
from clm_cli.tables import table_of

Pairs = dict[str, tuple[Any, Any]]
_Version = Annotated[str, typer.Argument(metavar="MV", help="Name of a ModelVersion.")]


def diff(
    first: _Version,
    second: _Version,
    namespace: Namespace = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Compare the metrics and the settings of two versions.

    Settings that are equal are left out.

    Plain kubectl: diff <(kubectl get mv MV -o yaml) <(kubectl get mv OTHER-MV -o yaml)
    """
    cluster = Cluster(namespace)
    pair = cluster.version(first), cluster.version(second)
    metrics, run = _metrics(*pair), _run(*pair)
    if output is Output.JSON:
        names = {"versions": [first, second]}
        print_document({**names, "metrics": metrics, "run": run})
        return
    stages = ("stage", *(str(v.status.stage) for v in pair))
    rows = ((name, *map(_shown, values)) for name, values in (metrics | run).items())
    show(table_of(("", first, second), (stages, *rows), prose=(first, second)))


def _metrics(a: VersionView, b: VersionView) -> Pairs:
    values = [v.status.metrics.to_json_dict() if v.status.metrics else {} for v in (a, b)]
    names = dict.fromkeys(name for one in values for name in one if name != "folds")
    return {name: (values[0].get(name), values[1].get(name)) for name in names}


def _run(a: VersionView, b: VersionView) -> Pairs:
    values = [dict(_leaves(v.spec.run.to_json_dict(), "run")) for v in (a, b)]
    names = dict.fromkeys(name for one in values for name in one)
    pairs = {name: (values[0].get(name), values[1].get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _leaves(value: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, child in value.items():
        if isinstance(child, dict):
            yield from _leaves(child, f"{path}.{name}")
        else:
            yield f"{path}.{name}", child


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:z.4g}" if isinstance(value, float) else str(value)
