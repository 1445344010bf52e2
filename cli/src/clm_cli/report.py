"""``clm report``: a version's tear sheet."""

import json
import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from clm_cli.cluster import Cluster, ClusterError
from clm_cli.output import Output, OutputOption, console
from clm_cli.status import Namespace
from clm_cli.stores import open_store

_RUNS = "/runs/"


def report(
    version: Annotated[str, typer.Argument(metavar="MV", help="Name of a ModelVersion.")],
    namespace: Namespace = None,
    output: OutputOption = Output.TEXT,
    *,
    open_: Annotated[
        bool, typer.Option("--open", help="Fetch it and show it in the browser.")
    ] = False,
) -> None:
    """Print the address of a version's tear sheet, or show it.

    With --open it is read from the store: S3 credentials and endpoint in the usual AWS_ variables.

    Plain kubectl: kubectl get mv MV -o jsonpath={.status.reportUri}
    """
    status = Cluster(namespace).version(version).status
    if status.report_uri is None:
        why = f"{status.phase} ({status.reason or 'no reason yet'})"
        raise ClusterError(f"{version} has no report: its phase is {why}")
    path = _fetched(version, status.report_uri) if open_ else None
    if output is Output.JSON:
        found = {"version": version, "reportUri": status.report_uri}
        console.print_json(json.dumps(found | ({"path": str(path)} if path else {})))
    else:
        console.print(str(path or status.report_uri), soft_wrap=True, highlight=False)
    if path is not None and not webbrowser.open(path.as_uri()):
        raise ClusterError(f"no browser can be started here; the report lies in {path}")


def _fetched(version: str, uri: str) -> Path:
    root, _, rest = uri.rpartition(_RUNS)
    content = open_store(root).get(f"{_RUNS.strip('/')}/{rest}")
    if content is None:
        raise ClusterError(f"the store holds no {uri}")
    path = Path(tempfile.mkdtemp(prefix="clm-")) / f"{version}.html"
    path.write_bytes(content)
    return path
