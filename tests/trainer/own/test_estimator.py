"""Estimators as families: what fit learned is kept without pickle and put back to the bit."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge, SGDRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.families.base import Dataset, Family, weighs_labels
from clm_trainer.own.estimator import Says, estimator
from clm_trainer.stages.features import dataset
from clm_trainer.targets.returns import Return
from clm_trainer.targets.uniqueness import by_uniqueness
from tests.trainer.evaluation.markets import real
from tests.trainer.families.runs import context, run_spec


class Alpha(BaseModel):
    alpha: float = 1.0
    row_stride: int = 1


def family(
    make: Callable[[Any, int], Any], fitted: Sequence[str], says: Says = "predict", **params: Any
) -> Family:
    offer = estimator(Alpha, make, fitted, says=says)
    made: Family = offer.make(Alpha(**params), run_spec())
    return made


def ridge(**params: Any) -> Family:
    return family(lambda p, seed: Ridge(p.alpha), ("coef_", "intercept_"), **params)


@pytest.fixture(scope="module")
def rows() -> Dataset:
    return dataset(real(90), Return(24))


class Signed(LogisticRegression):  # type: ignore[misc]
    """A classifier of the sign of the label."""

    def fit(self, rows: Any, labels: Any) -> "Signed":
        super().fit(rows, labels > 0)
        return self


class Worded(Signed):
    """A classifier whose classes have names."""

    def fit(self, rows: Any, labels: Any) -> "Worded":
        super().fit(rows, labels)
        self.__dict__["classes_"] = np.array(["down", "up"])
        return self


KINDS: dict[str, Family] = {
    "ridge": ridge(),
    "a pipeline, by the names of its parts": family(
        lambda p, seed: make_pipeline(StandardScaler(), Ridge(p.alpha)),
        (
            "named_steps.standardscaler.mean_", "named_steps.standardscaler.scale_",
            "named_steps.ridge.coef_", "named_steps.ridge.intercept_",
        ),
    ),
    "a classifier, by its probability": family(
        lambda p, seed: Signed(random_state=seed),
        ("coef_", "intercept_", "classes_"),
        says="predict_proba",
    ),
    "a classifier, by its distance": family(
        lambda p, seed: Signed(random_state=seed),
        ("coef_", "intercept_", "classes_"),
        says="decision_function",
    ),
    "one that draws": family(
        lambda p, seed: SGDRegressor(max_iter=5, tol=None, random_state=seed),
        ("coef_", "intercept_"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("made", KINDS.values(), ids=KINDS)
def test_it_scores_the_same_to_the_bit_after_loading_and_alone(
    made: Family, rows: Dataset, tmp_path: Path
) -> None:
    fitted = made.fit(rows, rows, context())
    scores = fitted.score(rows)
    fitted.save(tmp_path)
    loaded = made.load(tmp_path, rows.names)
    np.testing.assert_array_equal(loaded.score(rows), scores)
    np.testing.assert_array_equal(np.isfinite(scores), rows.usable)
    for row in (800, 1111, 2000):
        np.testing.assert_array_equal(fitted.score(rows.rows(row, row + 1)), scores[row : row + 1])
    assert {file.name for file in tmp_path.iterdir()} == {"model.json", "model.safetensors"}


def test_its_scores_are_the_estimators(rows: Dataset) -> None:
    known = rows.usable & np.isfinite(rows.target)
    known[1::2] = False
    theirs = Ridge(3.0).fit(rows.features[known], rows.target[known])
    ours = ridge(alpha=3.0, row_stride=2).fit(rows, rows, context()).score(rows)
    expected = theirs.predict(rows.features[rows.usable])
    np.testing.assert_allclose(ours[rows.usable], expected, rtol=1e-9)


def test_weights_reach_an_estimator_that_takes_them(rows: Dataset) -> None:
    assert weighs_labels(ridge())
    assert not weighs_labels(KINDS["a pipeline, by the names of its parts"])
    known = rows.usable & np.isfinite(rows.target)
    varying = replace(rows, ends=np.where(rows.target > 0, rows.ends, rows.ends - 20))
    told = by_uniqueness(varying)
    assert told.weight is not None
    theirs = Ridge().fit(rows.features[known], rows.target[known], told.weight[known])
    ours = ridge().fit(told, rows, context()).score(rows)
    expected = theirs.predict(rows.features[rows.usable])
    np.testing.assert_allclose(ours[rows.usable], expected, rtol=1e-9)


def test_a_tree_tells_how_much_each_feature_counts(rows: Dataset) -> None:
    class Split:
        """One split of one feature."""

        feature_importances_: Any = None

        def fit(self, rows: Any, labels: Any) -> None:
            self.feature_importances_ = np.eye(rows.shape[1])[3]

        def predict(self, rows: Any) -> Any:
            return rows[:, np.argmax(self.feature_importances_)]

    fitted = family(lambda p, seed: Split(), ["feature_importances_"]).fit(rows, rows, context())
    assert fitted.importance() == {rows.names[3]: 1.0}


def forest(p: Alpha, seed: int) -> Any:
    return RandomForestRegressor(2, max_depth=2, random_state=seed)


MISSED = {
    "an attribute that fit does not set": (
        family(lambda p, seed: Ridge(), ("coefs_",)),
        r"no attribute 'coefs_'.*it also has coef_, intercept_",
    ),
    "one that predict needs": (
        family(lambda p, seed: Ridge(), ("coef_",)),
        r"Ridge can't be restored from .*\(coef_\).*intercept_",
    ),
    "one without which it predicts otherwise": (
        family(
            lambda p, seed: make_pipeline(StandardScaler(with_std=False), Ridge()),
            (
                "named_steps.standardscaler.mean_", "named_steps.standardscaler.scale_",
                "named_steps.ridge.coef_",
            ),
        ),
        "can't be restored",
    ),
    "none at all": (family(lambda p, seed: MLPRegressor(max_iter=1), ()), r"names \(none\)"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("made", "says"), MISSED.values(), ids=MISSED)
def test_attributes_that_do_not_make_the_estimator_end_the_fit(
    made: Family, says: str, rows: Dataset
) -> None:
    with pytest.raises(ClmError, match=says) as caught:
        made.fit(rows, rows, context())
    assert caught.value.reason is Reason.TRAINING_FAILED


@pytest.mark.parametrize(
    ("make", "name", "what"),
    [
        (forest, "estimators_", "of type list"),
        (lambda p, seed: HistGradientBoostingRegressor(max_iter=2), "_predictors", "of type list"),
        (lambda p, seed: Worded(), "classes_", "an array of <U4"),
    ],
    ids=["a forest's trees", "boosted trees", "words"],
)
def test_what_only_a_pickle_could_hold_is_refused(
    make: Callable[[Any, int], Any], name: str, what: str, rows: Dataset
) -> None:
    with pytest.raises(ClmError, match=f"^attribute {name} is {what}") as caught:
        family(make, (name,)).fit(rows, rows, context())
    assert caught.value.reason is Reason.TRAINING_FAILED


def test_a_gpu_is_not_ignored(rows: Dataset) -> None:
    with pytest.raises(ClmError) as caught:
        ridge().fit(rows, rows, context(device="cuda"))
    assert caught.value.reason is Reason.DEVICE_UNAVAILABLE


def _half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _flipped(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[-1] ^= 1
    file.write_bytes(whole)


def _said(**new: Any) -> Callable[[Path], None]:
    def write(file: Path) -> None:
        file.write_text(json.dumps(json.loads(file.read_text()) | new))

    return write


DAMAGES: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "half of the arrays": ("model.safetensors", _half, r"^model.safetensors: can't be read"),
    "a flipped bit": ("model.safetensors", _flipped, r"^model.safetensors: it is not the one"),
    "no arrays": ("model.safetensors", Path.unlink, r"^model.safetensors: can't be read"),
    "half of the names": ("model.json", _half, r"^model.json: can't be read"),
    "no values": ("model.json", _said(values=None), r"^model.json: can't be read"),
    "a value more": ("model.json", _said(values={"more": 1}), r"^model.json: it has \['coef_'"),
    "other features": ("model.json", _said(features=["a"]), "trained with other features"),
    "other parameters": ("model.json", _said(parameters={}), "trained with other parameters"),
}


@pytest.mark.parametrize(("file", "how", "says"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_or_foreign_file_is_corrupt(
    file: str, how: Callable[[Path], None], says: str, rows: Dataset, tmp_path: Path
) -> None:
    ridge().fit(rows, rows, context()).save(tmp_path)
    how(tmp_path / file)
    with pytest.raises(ClmError, match=says) as caught:
        ridge().load(tmp_path, rows.names)
    assert caught.value.reason is Reason.ARTIFACT_CORRUPT
