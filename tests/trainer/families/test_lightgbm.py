"""What only the LightGBM family promises: exact text, few threads, quiet, no GPU."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest

from clm_api.errors import ClmError
from clm_api.parameters.boosting import LightgbmParameters
from clm_trainer import devices
from clm_trainer.families.base import Dataset
from clm_trainer.families.lightgbm import LightgbmFamily, LightgbmFitted
from clm_trainer.stages.features import dataset
from clm_trainer.targets.returns import Return
from tests.trainer.evaluation.markets import real
from tests.trainer.families.runs import context


@pytest.fixture(scope="module")
def rows() -> Dataset:
    """120 days of real bars."""
    return dataset(real(120), Return(24))


def fit(rows: Dataset, seed: int = 7, threads: int = 1, **parameters: Any) -> LightgbmFitted:
    family = LightgbmFamily(LightgbmParameters.model_validate(parameters))
    return family.fit(rows, rows.rows(0, 0), replace(context(seed), threads=threads))


def trees(fitted: LightgbmFitted) -> str:
    """The model without the list of its parameters."""
    return fitted.booster.model_to_string().partition("\nparameters:")[0]


def test_a_loaded_model_is_saved_to_the_same_bytes(rows: Dataset, tmp_path: Path) -> None:
    fitted = fit(rows)
    fitted.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    loaded = LightgbmFamily(LightgbmParameters()).load(tmp_path, rows.names)
    loaded.save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert set(before) == {"model.txt", "model.json"}
    assert loaded.importance() == fitted.importance()


def test_the_number_of_threads_does_not_change_the_trees(rows: Dataset) -> None:
    assert trees(fit(rows, threads=1)) == trees(fit(rows, threads=3))


@pytest.mark.parametrize("seed", [7, 8])
def test_the_seed_alone_decides_the_trees(rows: Dataset, seed: int) -> None:
    assert (trees(fit(rows, seed)) == trees(fit(rows))) == (seed == 7)


def test_the_smallest_leaf_is_a_share_of_the_rows(rows: Dataset) -> None:
    assert fit(rows, minLeafFraction=0.5).importance() == {}, "bagging leaves fewer"
    assert fit(rows, minLeafFraction=0).importance()


def test_it_prints_nothing(rows: Dataset, capfd: pytest.CaptureFixture[str]) -> None:
    fit(rows)
    fit(replace(rows, target=np.full_like(rows.target, 0.5)))
    assert capfd.readouterr() == ("", "")


def test_a_gpu_that_is_there_is_refused_too(rows: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "visible_gpus", lambda: 1)
    family = LightgbmFamily(LightgbmParameters())
    with pytest.raises(ClmError, match="wheel is built without CUDA") as caught:
        family.fit(rows, rows, context(device="cuda"))
    assert (caught.value.reason, caught.value.exit_code) == ("DeviceUnavailable", 68)


def test_the_installed_library_has_no_cuda() -> None:
    made = lightgbm.Dataset(np.zeros((10, 1)), np.zeros(10))
    with pytest.raises(lightgbm.basic.LightGBMError, match="not enabled in this build"):
        lightgbm.train({"device_type": "cuda", "verbosity": -1}, made, 1)
