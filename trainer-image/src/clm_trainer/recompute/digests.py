"""The manifest's promise: every file is there, whole and unchanged."""

import hashlib
from typing import Protocol

from pydantic import ValidationError

from clm_api.errors import ClmError, SpecError
from clm_api.layout import MANIFEST, RunLayout
from clm_api.reasons import Reason
from clm_api.report import Manifest, ManifestFile
from clm_trainer.recompute.claims import FUNDING, NEEDED


class Objects(Protocol):
    """The store of one run, opened at the manifest's folder."""

    def get(self, path: str) -> bytes | None:
        """Return an object's content; None if there is none."""

    def address(self, path: str) -> str:
        """Return the full address of an object."""


def checked_files(run: Objects) -> tuple[int, dict[str, bytes]]:
    """Compare size and sha256 of every file with the manifest.

    Returns
    -------
    tuple
        How many files there are; the content of those that numbers are recomputed from, by their
        name within the attempt.

    Raises
    ------
    ClmError
        SpecInvalid: there is no manifest. ArtifactCorrupt: files differ from it; all are named.
    """
    content = run.get(MANIFEST)
    if content is None:
        raise SpecError("URI", f"there is no {run.address(MANIFEST)}")
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise _corrupt([f"{MANIFEST}: {error.errors()[0]['msg']}"]) from error
    kept: dict[str, bytes] = {}
    faults: list[str] = []
    for file in manifest.files:
        name = RunLayout.name_of(manifest.attempt, file.path)
        inside = name is not None and ".." not in file.path.split("/")
        found = run.get(file.path) if inside else None
        outside = f"lies outside {RunLayout.relative_attempt(manifest.attempt)}"
        fault = _fault(file, found) if inside else outside
        if fault:
            faults.append(f"{file.path}: {fault}")
        if found is not None and name in (*NEEDED, FUNDING):
            kept[name] = found
    listed = {RunLayout.name_of(manifest.attempt, file.path) for file in manifest.files}
    faults += [f"{MANIFEST}: lists no {name}" for name in NEEDED if name not in listed]
    if faults:
        raise _corrupt(faults)
    return len(manifest.files), kept


def _fault(file: ManifestFile, found: bytes | None) -> str:
    if found is None:
        return "listed in the manifest and missing"
    if len(found) != file.size:
        return f"{len(found)} bytes, the manifest says {file.size}"
    digest = hashlib.sha256(found).hexdigest()
    return "" if digest == file.sha256 else f"sha256 {digest}, the manifest says {file.sha256}"


def _corrupt(faults: list[str]) -> ClmError:
    return ClmError(Reason.ARTIFACT_CORRUPT, "; ".join(faults))
