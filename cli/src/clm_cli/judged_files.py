"""Files of the store that are shown only if they are the ones that were judged."""

import hashlib
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from clm_api.base import Model
from clm_api.errors import ClmError
from clm_api.layout import SimulationLayout
from clm_api.model_version import ArtifactStatus
from clm_api.reasons import Reason
from clm_api.report import ManifestFile
from clm_api.simulation_task import SimulationManifest
from clm_cli.cluster import SimulationView
from clm_cli.server import ClusterError
from clm_cli.stores import open_store

if TYPE_CHECKING:
    from clm_trainer.storage import Storage

_M = TypeVar("_M", bound=Model)


def manifest_of(store: "Storage", path: str, artifact: ArtifactStatus, kind: type[_M]) -> _M:
    """Return the manifest whose digest a status has pinned.

    Raises
    ------
    ClmError
        It is another one (``ArtifactCorrupt``).
    ClusterError
        The store does not hold it.
    """
    content, uri = store.get(path), store.address(path)
    if content is None:
        raise ClusterError(f"the store holds no {uri}")
    if hashlib.sha256(content).hexdigest() != artifact.sha256:
        raise corrupt(f"{uri} is not the manifest that was judged: its sha256 differs")
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise corrupt(f"{uri} is no manifest of this clm") from error


def content_of(store: "Storage", path: str, entry: ManifestFile, most: int | None = None) -> bytes:
    """Return the content of a listed file.

    Parameters
    ----------
    most
        Bytes above which a file is not read; None: of any size.

    Raises
    ------
    ClmError
        It is not what the manifest lists (``ArtifactCorrupt``).
    ClusterError
        The store does not hold it, or it is too large.
    """
    if most is not None and entry.size > most:
        raise ClusterError(f"{path} has {entry.size} bytes: more than {most} are not shown")
    content, uri = store.get(path, entry.size), store.address(path)
    if content is None:
        raise ClusterError(f"the store holds no {uri}")
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise corrupt(f"{uri} is not the file that was judged: its sha256 differs")
    return content


def file_of(
    view: SimulationView, name: str, root: str | None = None, most: int | None = None
) -> bytes:
    """Return a file of an ended simulation.

    Parameters
    ----------
    name
        As in ``report.html``.
    root
        Address of the store, None for the one that the status names.
    most
        Bytes above which a file is not read; None: of any size.

    Raises
    ------
    ClmError
        It is not what was verified (``ArtifactCorrupt``).
    ClusterError
        The store does not hold it, or the simulation has no result.
    """
    status, meta = view.status, view.raw["metadata"]
    if status.artifact is None or status.uri is None:
        raise ClusterError(f"{view.name} has no result: its phase is {status.phase}")
    layout = SimulationLayout(meta["namespace"], view.name, meta["uid"])
    store = open_store(root or status.uri.rstrip("/").removesuffix(f"/{layout.prefix}"))
    manifest = manifest_of(store, layout.manifest, status.artifact, SimulationManifest)
    try:
        entry = manifest.file(name)
    except KeyError as error:
        raise corrupt(f"{store.address(layout.manifest)} lists no {name}") from error
    return content_of(store, layout.file(entry.path), entry, most)


def corrupt(text: str) -> ClmError:
    """Say why a file is not shown."""
    return ClmError(Reason.ARTIFACT_CORRUPT, f"{text}; it is not shown")
