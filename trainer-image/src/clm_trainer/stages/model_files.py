"""The files that a model writes, held against what a run may hold."""

import re
import tempfile
from pathlib import Path, PurePosixPath

from clm_api.errors import ClmError
from clm_api.layout import LISTED, RunLayout
from clm_api.reasons import Reason
from clm_api.report import FileFormat
from clm_trainer.families.base import Fitted

FOLDER = "model/"
PERCENTILES = f"{FOLDER}percentiles.json"
"""The percentile map of the run, whatever its model is."""
MOST_FILES = 48
"""A manifest lists 64 files, those of the run among them."""


def model_files(fitted: Fitted) -> dict[str, bytes]:
    """Return what a model saves, by name within the attempt.

    Raises
    ------
    ClmError
        TrainingFailed: it saves too many files, or one whose name or ending can't be.
    """
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        fitted.save(top)
        paths = sorted(path for path in top.rglob("*") if path.is_file())
        found = {f"{FOLDER}{path.relative_to(top)}": path.read_bytes() for path in paths}
    why = _too_many(len(found))
    for name in found:
        why = why or _unfit(name)
    if why:
        raise ClmError(
            Reason.TRAINING_FAILED, f"what the model's save() wrote can't be kept: {why}"[:500]
        )
    return found


def _too_many(count: int) -> str:
    return "" if count <= MOST_FILES else f"{count} files are more than {MOST_FILES}"


def _unfit(name: str) -> str:
    if name == PERCENTILES:
        return f"{name} is the run's own; choose another name"
    if re.fullmatch(LISTED, RunLayout.relative_file("attempt", name)) is None:
        return f"{name!r} has characters besides letters, digits and . _ - /"
    if PurePosixPath(name).suffix.removeprefix(".") not in set(FileFormat):
        return f"{name} ends in none of {', '.join(f'.{one}' for one in FileFormat)}"
    return ""
