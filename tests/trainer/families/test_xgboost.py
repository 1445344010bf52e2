"""The XGBoost family on its own: deterministic, stored exactly, calm about odd rows."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clm_api.errors import ClmError
from clm_api.parameters.boosting import XgboostParameters
from clm_trainer.families.base import Dataset
from clm_trainer.families.xgboost import XgboostFamily, XgboostFitted
from clm_trainer.stages.features import dataset
from clm_trainer.targets.returns import Return
from tests.trainer.evaluation.markets import real
from tests.trainer.families.runs import context


@pytest.fixture(scope="module")
def rows() -> Dataset:
    """120 days of real bars."""
    return dataset(real(120), Return(24))


def family(**parameters: Any) -> XgboostFamily:
    return XgboostFamily(XgboostParameters.model_validate(parameters))


def fit(rows: Dataset, seed: int = 7, **parameters: Any) -> XgboostFitted:
    return family(**parameters).fit(rows, rows.rows(0, 0), context(seed))


def saved(fitted: XgboostFitted, folder: Path) -> bytes:
    fitted.save(folder)
    return (folder / "model.ubj").read_bytes()


def test_it_scores_usable_rows_and_no_others(rows: Dataset) -> None:
    scores = fit(rows).score(rows)
    assert scores.shape == rows.usable.shape
    np.testing.assert_array_equal(np.isfinite(scores), rows.usable)


def test_the_same_seed_gives_the_same_bytes(rows: Dataset, tmp_path: Path) -> None:
    one, two, other = (saved(fit(rows, seed), tmp_path) for seed in (7, 7, 8))
    assert one == two
    assert one != other


def test_what_is_loaded_scores_as_what_was_saved(rows: Dataset, tmp_path: Path) -> None:
    fitted = fit(rows)
    fitted.save(tmp_path)
    loaded = family().load(tmp_path, rows.names)
    np.testing.assert_array_equal(loaded.score(rows), fitted.score(rows))
    assert loaded.importance() == fitted.importance()
    assert {p.suffix for p in tmp_path.iterdir()} == {".ubj", ".json"}


def test_a_model_of_other_features_is_refused(rows: Dataset, tmp_path: Path) -> None:
    fit(rows).save(tmp_path)
    with pytest.raises(ClmError, match="other features") as caught:
        family().load(tmp_path, rows.names[::-1])
    assert caught.value.reason == "ArtifactCorrupt"


def test_importance_is_a_share_by_name(rows: Dataset) -> None:
    shares = fit(rows).importance()
    assert set(shares) <= set(rows.names)
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_unusable_rows_and_unknown_labels_are_not_learned(rows: Dataset, tmp_path: Path) -> None:
    odd = np.random.default_rng(2).random(rows.usable.shape) < 0.3
    features, target = rows.features[:].copy(), rows.target.copy()
    usable = rows.usable & ~odd
    plain = dataclasses.replace(rows, usable=usable)
    features[~usable], target[~usable] = np.nan, 1e9
    poisoned = dataclasses.replace(rows, usable=usable, features=features, target=target)
    assert saved(fit(plain), tmp_path) == saved(fit(poisoned), tmp_path)


def test_a_constant_target_gives_one_score(rows: Dataset) -> None:
    flat = dataclasses.replace(rows, target=np.full_like(rows.target, 0.5))
    fitted = fit(flat)
    scores = fitted.score(rows)
    assert np.nanmax(scores) - np.nanmin(scores) < 1e-6
    assert fitted.importance() == {}


def test_nothing_to_learn_from_is_an_error(rows: Dataset) -> None:
    blank = dataclasses.replace(rows, usable=np.zeros_like(rows.usable))
    with pytest.raises(
        ClmError, match="no bar of the training span has all features and a label"
    ) as caught:
        fit(blank)
    assert caught.value.reason == "InsufficientData"


def test_nothing_to_score_is_no_error(rows: Dataset) -> None:
    assert fit(rows).score(rows.rows(0, 10)).shape == (10, 2)
    assert fit(rows).score(rows.rows(5, 5)).shape == (0, 2)


def test_later_fits_split_at_the_first_fits_bin_edges(rows: Dataset) -> None:
    one = family()
    first = one.fit(rows.rows(0, 1800), rows.rows(0, 0), context())
    second = one.fit(rows, rows.rows(0, 0), context())
    fresh = fit(rows)

    def splits(fitted: XgboostFitted) -> set[tuple[str, np.float32]]:
        nodes = fitted.booster.trees_to_dataframe().query("Feature != 'Leaf'")
        return set(zip(nodes["Feature"], nodes["Split"].to_numpy(np.float32), strict=True))

    pointers, values = one.edges.get_quantile_cut()
    edges = {
        (f"f{i}", np.float32(v))
        for i in range(len(rows.names))
        for v in values[pointers[i] : pointers[i + 1]]
    }
    assert splits(first) <= edges
    assert splits(second) <= edges
    assert not splits(fresh) <= edges


def test_progress_is_monotone_and_ends_at_1(rows: Dataset) -> None:
    seen: list[float] = []
    family().fit(rows, rows, context(progress=lambda done, _: seen.append(done)))
    assert seen == sorted(seen)
    assert (len(seen), seen[-1]) == (50, 1.0)


@pytest.mark.parametrize("calls", [0, 1, 49], ids=lambda n: f"after {n} questions")
def test_told_to_stop_it_stops(rows: Dataset, calls: int) -> None:
    asked = iter(range(10_000))
    told = context(should_stop=lambda: next(asked) >= calls)
    with pytest.raises(ClmError) as caught:
        family().fit(rows, rows, told)
    assert (caught.value.reason, caught.value.exit_code) == ("Interrupted", 75)


def test_a_gpu_that_is_not_there_is_no_cpu(rows: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clm_trainer.devices.visible_gpus", lambda: 0)
    with pytest.raises(ClmError) as caught:
        family().fit(rows, rows, context(device="cuda"))
    assert (caught.value.reason, caught.value.exit_code) == ("DeviceUnavailable", 68)


def test_the_smallest_leaf_is_a_share_of_the_rows(rows: Dataset) -> None:
    assert fit(rows, minChildFraction=0.5).importance() == {}, "no split leaves half on both sides"
    assert fit(rows, minChildFraction=0.01).importance()
