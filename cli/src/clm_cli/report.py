"""``clm report``: a version's tear sheet."""

import hashlib
import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from clm_api.errors import ClmError
from clm_api.layout import run_address
from clm_api.reasons import Reason
from clm_api.report import Manifest
from clm_cli.cluster import Cluster, VersionView
from clm_cli.options import Namespace
from clm_cli.output import Output, OutputOption, console, print_document
from clm_cli.server import ClusterError, NotFoundError
from clm_cli.stores import open_store


def report(
    name: Annotated[
        str,
        typer.Argument(
            metavar="TS|MV",
            help="Name of a ModelVersion, or of a TrainingSchedule: its version in production, "
            "else the newest that has a report.",
        ),
    ],
    namespace: Namespace = None,
    output: OutputOption = Output.TEXT,
    *,
    open_: Annotated[
        bool, typer.Option("--open", help="Fetch it and show it in the browser.")
    ] = False,
) -> None:
    """Print the address of a version's tear sheet, or show it.

    With --open it is read from the store, and shown only if it is the file that was judged: S3
    credentials and endpoint in the usual AWS_ variables.

    Plain kubectl: kubectl get mv MV -o jsonpath={.status.reportUri}
    """
    version = _meant(Cluster(namespace), name)
    status = version.status
    if status.report_uri is None:
        why = f"{status.phase} ({status.reason or 'no reason yet'})"
        raise ClusterError(f"{version.name} has no report: its phase is {why}")
    path = _fetched(version, status.report_uri) if open_ else None
    if output is Output.JSON:
        found = {"version": version.name, "reportUri": status.report_uri}
        print_document(found | ({"path": str(path)} if path else {}))
    else:
        console.print(str(path or status.report_uri), soft_wrap=True, highlight=False)
    if path is not None and not webbrowser.open(path.as_uri()):
        raise ClusterError(f"no browser can be started here; the report lies in {path}")


def _meant(cluster: Cluster, name: str) -> VersionView:
    """Return the version of that name, or the one that speaks for the schedule of that name."""
    try:
        return cluster.version(name)
    except NotFoundError:
        pass
    try:
        production = cluster.schedule(name).status.production
    except NotFoundError as error:
        raise ClusterError(
            f"namespace {cluster.namespace}: no TrainingSchedule and no ModelVersion is named "
            f'"{name}"; "clm list" names the versions'
        ) from error
    versions = [v for v in cluster.versions(name) if v.status.report_uri is not None]
    there = [v for v in versions if production is not None and v.name == production.version]
    if not versions:
        raise ClusterError(f'{name}: no version has a report yet; see "clm list {name}"')
    return (there or versions)[0]


def _fetched(version: VersionView, uri: str) -> Path:
    """Fetch a report into a folder of its own.

    Raises
    ------
    ClmError
        It is not the file that the judged manifest lists (``ArtifactCorrupt``).
    ClusterError
        The store does not hold it.
    """
    artifact = version.status.artifact
    if artifact is None:
        raise _corrupt(f"{version.name} names no manifest, so nobody knows whether {uri} is right")
    found = run_address(artifact.uri)
    if found is None:
        raise _corrupt(f"{artifact.uri} is no address of a run")
    store, run = open_store(found.root), found.run
    listed = _listed(store.get(run.manifest), artifact.sha256, artifact.uri)
    entry = next((f for f in listed.files if uri == store.address(run.file(f.path))), None)
    if entry is None:
        raise _corrupt(f"{artifact.uri} lists no {uri}")
    content = store.get(run.file(entry.path))
    if content is None:
        raise ClusterError(f"the store holds no {uri}")
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise _corrupt(f"{uri} is not the file that was judged: its sha256 differs")
    path = Path(tempfile.mkdtemp(prefix="clm-")) / f"{version.name}.html"
    path.write_bytes(content)
    return path


def _listed(content: bytes | None, sha256: str, uri: str) -> Manifest:
    """Return the manifest, if it is the one whose digest the status has pinned."""
    if content is None:
        raise ClusterError(f"the store holds no {uri}")
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _corrupt(f"{uri} is not the manifest that was judged: its sha256 differs")
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise _corrupt(f"{uri} is no manifest of this clm") from error


def _corrupt(text: str) -> ClmError:
    return ClmError(Reason.ARTIFACT_CORRUPT, f"{text}; it is not shown")
