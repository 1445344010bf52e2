"""What the two boosting families share: their rows, the rows' cache, and the names file."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.families.base import Dataset
from clm_trainer.kept import Numbers
from clm_trainer.panel import Floats

META_FILE = "model.json"
_SCORED = 2**16
"""Rows that are scored at once, and not less than one bar of all symbols."""


@dataclass(frozen=True, eq=False)
class Binned:
    """A library's matrix and the rows in it, shape (rows, features).

    Spans of a walk-forward all start at the same bar, so after the longest one none needs binning.
    """

    matrix: Any
    rows: Numbers

    def serves(self, rows: Numbers, *, longer: bool) -> bool:
        """Whether the matrix holds ``rows`` and no others, or with ``longer`` starts with them."""
        start = self.rows[: len(rows)]
        return (longer or len(rows) == len(self.rows)) and np.array_equal(
            start, rows, equal_nan=True
        )


def training_rows(train: Dataset, stride: int) -> tuple[Any, Floats, Floats | None]:
    """Return features, labels and weights of every ``stride``-th bar, where they are known.

    Without weights all labels count the same.

    Raises
    ------
    ClmError
        InsufficientData: there is none.
    """
    known = train.usable & np.isfinite(train.target)
    known[np.arange(len(train)) % stride != 0] = False
    rows, labels = train.features[known], train.target[known]
    weights = None if train.weight is None else train.weight[known]
    if len(labels) == 0:
        text = (
            "no bar of the training span has all features and a label: import more bars, or mend "
            "the own feature or target that is NaN there"
        )
        raise ClmError(Reason.INSUFFICIENT_DATA, text)
    return rows, labels, weights


def scored(window: Dataset, predict: Callable[[Numbers], Any]) -> Floats:
    """Return what a booster predicts, some bars at a time; NaN where a row is not usable."""
    out = np.full(window.usable.shape, np.nan)
    step = max(1, _SCORED // max(1, len(window.symbols)))
    for start in range(0, len(window), step):
        cut = slice(start, start + step)
        usable = window.usable[cut]
        if usable.any():
            out[cut][usable] = predict(window.features[cut][usable])
    return out


def shares(gains: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return each feature's share of the total gain, largest first, without those of none."""
    some = {name: float(gain) for name, gain in gains if gain > 0}
    total = sum(some.values())
    return {name: some[name] / total for name in sorted(some, key=lambda name: -some[name])}


def write_meta(file: Path, names: tuple[str, ...]) -> None:
    """Write the names of the inputs, in order, and the model file's digest, beside it."""
    digest = sha256(file.read_bytes()).hexdigest()
    meta = {"features": list(names), "sha256": digest}
    (file.parent / META_FILE).write_text(json.dumps(meta))


def require_whole(file: Path, names: tuple[str, ...]) -> None:
    """Check that a model takes these inputs, and that its file is as it was written.

    A library that is given a damaged file may crash or never return.

    Raises
    ------
    ClmError
        ArtifactCorrupt: it was trained on others, or one of its files is damaged.
    """
    beside = file.parent / META_FILE
    try:
        meta = json.loads(beside.read_bytes())
        trained_on, digest = tuple(meta["features"]), meta["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unreadable(beside, "it is not what a fit writes") from error
    if trained_on != names:
        raise ClmError(Reason.ARTIFACT_CORRUPT, "the model was trained on other features")
    if not file.is_file():
        raise unreadable(file, "it is missing")
    if sha256(file.read_bytes()).hexdigest() != digest:
        raise unreadable(file, f"it has another digest than {META_FILE} says")


def unreadable(file: Path, why: str) -> ClmError:
    """Return the error of a model file that can't be read."""
    return ClmError(
        Reason.ARTIFACT_CORRUPT,
        f"{file.name} can't be read ({why}): it is damaged, or was written in another version's "
        "format; train again",
    )
