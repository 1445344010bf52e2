"""A published run's files, each compared with the manifest before it is used."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from clm_api.errors import ClmError, SpecError
from clm_api.layout import MANIFEST, RunLayout
from clm_api.reasons import Reason
from clm_api.report import Manifest, ManifestFile
from clm_trainer.storage import Storage

ADDRESS = "URI"
"""What errors call the address of a manifest."""


@dataclass(frozen=True)
class Artifact:
    """A run's manifest, and those of its files that were wanted.

    Parameters
    ----------
    files
        Content by the name within the attempt; for serving, every JSON file and the model's.
    """

    address: str
    manifest: Manifest
    files: dict[str, bytes]

    def json(self, name: str) -> dict[str, Any]:
        """Return a JSON file's object.

        Raises
        ------
        ClmError
            ArtifactCorrupt: the run has no such file.
        """
        if name not in self.files:
            raise ClmError(Reason.ARTIFACT_CORRUPT, f"{self.address} lists no {name}")
        value: dict[str, Any] = json.loads(self.files[name])
        return value

    def model_files(self) -> dict[str, bytes]:
        """Return the model's files by their name within ``model/``."""
        return model_files(self.files)


def model_files(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of an attempt that are its model's, by their name within ``model/``."""
    return {
        name.removeprefix("model/"): content
        for name, content in files.items()
        if name.startswith("model/")
    }


def open_run(uri: str) -> Storage:
    """Open the store of one run at its manifest's folder.

    Parameters
    ----------
    uri
        Address of a ``manifest.json``: a path, file:// or s3://.

    Raises
    ------
    SpecError
        It does not end in manifest.json, or there is no such local file.
    """
    folder, _, name = uri.rpartition("/")
    if name != MANIFEST:
        raise SpecError(ADDRESS, f'"{uri}" does not end in {MANIFEST}')
    if uri.startswith("file://") or "://" not in uri:
        local = Path(uri.removeprefix("file://"))
        if not local.is_file():  # opening a store would make its folder
            raise SpecError(ADDRESS, f"there is no {local}")
        folder = str(local.parent)
    return Storage(folder)


def _serves(name: str) -> bool:
    return name.startswith("model/") or name.endswith(".json")


def read_artifact(
    uri: str, sha256: str | None = None, wanted: Callable[[str], bool] = _serves
) -> Artifact:
    """Read a run's files.

    Parameters
    ----------
    sha256
        Digest that the manifest must have.
    wanted
        Whether the file of a name within the attempt is read; without it, those for serving.

    Raises
    ------
    ClmError
        SpecInvalid: there is no manifest. ArtifactCorrupt: a file differs from it, or it from its
        digest. StorageDenied, StorageUnavailable.
    """
    run = open_run(uri)
    content = run.get(MANIFEST)
    if content is None:
        raise SpecError(ADDRESS, f"there is no {run.address(MANIFEST)}")
    if sha256 not in {None, hashlib.sha256(content).hexdigest()}:
        text = f"{run.address(MANIFEST)} is not the one that was judged: the sha256 differs"
        raise ClmError(Reason.ARTIFACT_CORRUPT, text)
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        text = f"{run.address(MANIFEST)}: {error.errors()[0]['msg']}"
        raise ClmError(Reason.ARTIFACT_CORRUPT, text) from error
    files = {}
    for file in manifest.files:
        name = RunLayout.name_of(manifest.attempt, file.path)
        if name is not None and wanted(name):
            files[name] = _checked(run, file)
    return Artifact(run.address(MANIFEST), manifest, files)


def _checked(run: Storage, file: ManifestFile) -> bytes:
    content = run.get(file.path)
    if content is None:
        raise ClmError(Reason.ARTIFACT_CORRUPT, f"{run.address(file.path)} is missing")
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise ClmError(
            Reason.ARTIFACT_CORRUPT,
            f"{run.address(file.path)} is not what its manifest says: the sha256 differs",
        )
    return content
