"""``clm report``: a version's tear sheet, or a simulation's report."""

import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from clm_api.layout import run_address
from clm_api.report import Manifest
from clm_cli.cluster import Cluster, SimulationView, VersionView
from clm_cli.judged_files import content_of, corrupt, file_of, manifest_of
from clm_cli.options import Namespace
from clm_cli.output import Output, OutputOption, console, print_document
from clm_cli.server import ClusterError, NotFoundError
from clm_cli.stores import open_store


def report(
    name: Annotated[
        str,
        typer.Argument(
            metavar="TS|MV|SIM",
            help="Name of a ModelVersion, of a Simulation, or of a TrainingSchedule: its version "
            "in production, else the newest that has a report.",
        ),
    ],
    namespace: Namespace = None,
    output: OutputOption = Output.TEXT,
    *,
    open_: Annotated[
        bool, typer.Option("--open", help="Fetch it and show it in the browser.")
    ] = False,
) -> None:
    """Print the address of a version's tear sheet or a simulation's report, or show it.

    With --open it is read from the store, and shown only if it is the file that was judged: S3
    credentials and endpoint in the usual AWS_ variables.

    Plain kubectl: kubectl get mv MV -o jsonpath={.status.reportUri}; for a Simulation get sim SIM
    """
    of = _meant(Cluster(namespace), name)
    status = of.status
    if status.report_uri is None:
        why = f"{status.phase} ({status.reason or 'no reason yet'})"
        raise ClusterError(f"{of.name} has no report: its phase is {why}")
    path = _fetched(of, status.report_uri) if open_ else None
    if output is Output.JSON:
        kind = "simulation" if isinstance(of, SimulationView) else "version"
        found = {kind: of.name, "reportUri": status.report_uri}
        print_document(found | ({"path": str(path)} if path else {}))
    else:
        console.print(str(path or status.report_uri), soft_wrap=True, highlight=False)
    if path is not None and not webbrowser.open(path.as_uri()):
        raise ClusterError(f"no browser can be started here; the report lies in {path}")


def _meant(cluster: Cluster, name: str) -> VersionView | SimulationView:
    """Return what has that name: a version, a schedule's best known version, or a simulation."""
    try:
        return cluster.version(name)
    except NotFoundError:
        pass
    try:
        production = cluster.schedule(name).status.production
    except NotFoundError:
        return _simulation(cluster, name)
    versions = [v for v in cluster.versions(name) if v.status.report_uri is not None]
    there = [v for v in versions if production is not None and v.name == production.version]
    if not versions:
        raise ClusterError(f'{name}: no version has a report yet; see "clm list {name}"')
    return (there or versions)[0]


def _simulation(cluster: Cluster, name: str) -> SimulationView:
    try:
        return cluster.simulation(name)
    except NotFoundError as error:
        raise ClusterError(
            f"namespace {cluster.namespace}: no TrainingSchedule, ModelVersion or Simulation is "
            f'named "{name}"; "clm list" names the versions'
        ) from error


def _fetched(of: VersionView | SimulationView, uri: str) -> Path:
    """Fetch a report into a folder of its own."""
    content = file_of(of, "report.html") if isinstance(of, SimulationView) else _content(of, uri)
    path = Path(tempfile.mkdtemp(prefix="clm-")) / f"{of.name}.html"
    path.write_bytes(content)
    return path


def _content(version: VersionView, uri: str) -> bytes:
    """Return a version's report.

    Raises
    ------
    ClmError
        It is not the file that the judged manifest lists (``ArtifactCorrupt``).
    ClusterError
        The store does not hold it.
    """
    artifact = version.status.artifact
    if artifact is None:
        raise corrupt(f"{version.name} names no manifest, so nobody knows whether {uri} is right")
    found = run_address(artifact.uri)
    if found is None:
        raise corrupt(f"{artifact.uri} is no address of a run")
    store, run = open_store(found.root), found.run
    listed = manifest_of(store, run.manifest, artifact, Manifest)
    entry = next((f for f in listed.files if uri == store.address(run.file(f.path))), None)
    if entry is None:
        raise corrupt(f"{artifact.uri} lists no {uri}")
    return content_of(store, run.file(entry.path), entry)
