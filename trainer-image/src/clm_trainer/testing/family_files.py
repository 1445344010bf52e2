"""Promises about the files that a family's models are kept in."""

import numpy as np

from clm_trainer.own.plain import require_plain
from clm_trainer.testing.promises import Promise, require, require_error
from clm_trainer.testing.subject import Subject


def _same_after_loading(subject: Subject) -> None:
    loaded = subject.loaded(subject.files, subject.test.names)
    scores = loaded.score(subject.test)
    apart = (scores != subject.scores) & ~(np.isnan(scores) & np.isnan(subject.scores))
    require(not apart.any(), f"{apart.sum()} of {apart.size} scores differ after loading")


def _plain(subject: Subject) -> None:
    require_plain(subject.files)


def _other_features(subject: Subject) -> None:
    names = subject.test.names

    def load() -> object:
        return subject.loaded(subject.files, names[::-1])

    require_error(load, ["ArtifactCorrupt"], "loading with the features in another order")


def _cut_off(subject: Subject) -> None:
    for name, content in subject.files.items():
        half = {**subject.files, name: content[: len(content) // 2]}

        def load(half: dict[str, bytes] = half) -> object:
            return subject.loaded(half, subject.test.names)

        require_error(load, ["ArtifactCorrupt"], f"half of {name}")


FILES: tuple[Promise[Subject], ...] = (
    Promise(
        "a loaded model scores the same to the bit",
        _same_after_loading,
        "save everything that score reads, in full precision; load is called on a new family with "
        "the same parameters",
    ),
    Promise(
        "its files can carry no code",
        _plain,
        "write arrays as safetensors and the rest as JSON: clm_trainer.own.values does both",
    ),
    Promise(
        "a model of other features is refused",
        _other_features,
        "save window.names, compare them in load, and raise ClmError(Reason.ARTIFACT_CORRUPT, …)",
    ),
    Promise(
        "a damaged file is refused",
        _cut_off,
        "turn the error of what reads the file into ClmError(Reason.ARTIFACT_CORRUPT, …); "
        "clm_trainer.own.values.read_values does",
    ),
)
