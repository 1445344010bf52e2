"""What an own model may write: formats without code, names that every store takes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from clm_api.errors import ClmError
from clm_trainer.families.base import Dataset
from clm_trainer.panel import Floats
from clm_trainer.stages.model_files import MOST_FILES, model_files


@dataclass
class Saved:
    """A model that writes empty files of these names."""

    names: list[str]

    def score(self, window: Dataset) -> Floats:
        return np.full(window.usable.shape, 0.0)

    def save(self, folder: Path) -> None:
        for name in self.names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")

    def importance(self) -> dict[str, float]:
        return {}


def test_files_in_folders_are_kept() -> None:
    found = model_files(Saved(["model.json", "member-7/weights.safetensors"]))
    assert set(found) == {"model/model.json", "model/member-7/weights.safetensors"}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["model.pkl"], r"model/model.pkl ends in none of .json, .parquet"),
        (["weights"], "model/weights ends in none of"),
        (["my model.json"], "'model/my model.json' has characters besides"),
        (["a.json", "percentiles.json"], "model/percentiles.json is the run's own"),
        ([f"{n}.json" for n in range(MOST_FILES + 1)], "49 files are more than 48"),
    ],
    ids=["a pickle", "no ending", "a space", "the run's own name", "too many"],
)
def test_what_can_not_be_kept_is_refused(names: list[str], said: str) -> None:
    with pytest.raises(ClmError, match=said) as caught:
        model_files(Saved(names))
    assert caught.value.reason == "TrainingFailed"


def test_as_many_as_may_be() -> None:
    assert len(model_files(Saved([f"{n}.json" for n in range(MOST_FILES)]))) == MOST_FILES
