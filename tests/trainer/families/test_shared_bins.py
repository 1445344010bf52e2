"""Rows that were binned once are not binned again, and no model can tell."""

from dataclasses import replace
from pathlib import Path

import pytest

from clm_api.families import Family as FamilyName
from clm_api.parameters.boosting import LightgbmParameters, XgboostParameters
from clm_trainer.families.base import Dataset
from clm_trainer.families.lightgbm import LightgbmFamily
from clm_trainer.families.xgboost import XgboostFamily
from clm_trainer.stages.features import dataset
from clm_trainer.targets.returns import Return
from tests.trainer.evaluation.markets import real
from tests.trainer.families.runs import context

FIRST, MIDDLE, LONGEST = 1800, 2200, 2600
Boosting = XgboostFamily | LightgbmFamily
both = pytest.mark.parametrize("name", [FamilyName.XGBOOST, FamilyName.LIGHTGBM], ids=str)
any_threads = pytest.mark.parametrize("threads", [1, 2], ids="threads {}".format)


@pytest.fixture(scope="module")
def rows() -> Dataset:
    return dataset(real(120), Return(24))


def family(name: FamilyName) -> Boosting:
    if name is FamilyName.XGBOOST:
        return XgboostFamily(XgboostParameters())
    return LightgbmFamily(LightgbmParameters())


def fit(
    maker: Boosting, rows: Dataset, bars: int, folder: Path, seed: int = 7, threads: int = 1
) -> list[bytes]:
    """The saved files of a span's model."""
    how = replace(context(seed), threads=threads)
    maker.fit(rows.rows(0, bars), rows.rows(0, 0), how).save(folder)
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def alone(
    name: FamilyName, rows: Dataset, bars: int, folder: Path, seed: int = 7, threads: int = 1
) -> list[bytes]:
    """Fit a span on the first span's edges, in a matrix of its own."""
    first, own = family(name), family(name)
    fit(first, rows, FIRST, folder, threads=threads)
    own.edges = first.edges
    return fit(own, rows, bars, folder, seed, threads)


@both
@any_threads
def test_a_span_inside_a_longer_one_gives_the_model_of_its_own_matrix(
    name: FamilyName, threads: int, rows: Dataset, tmp_path: Path
) -> None:
    maker = family(name)
    fit(maker, rows, FIRST, tmp_path, threads=threads)
    longest = fit(maker, rows, LONGEST, tmp_path, threads=threads)
    shared = maker.binned
    middle = fit(maker, rows, MIDDLE, tmp_path, threads=threads)
    assert middle == alone(name, rows, MIDDLE, tmp_path, threads=threads)
    own = name is FamilyName.XGBOOST and threads > 1
    assert (maker.binned is shared) != own, "several threads would sum in another order"
    again = fit(maker, rows, LONGEST, tmp_path, threads=threads)
    assert again == longest == alone(name, rows, LONGEST, tmp_path, threads=threads)


@both
@any_threads
def test_another_seed_on_the_same_rows(
    name: FamilyName, threads: int, rows: Dataset, tmp_path: Path
) -> None:
    maker = family(name)
    first = fit(maker, rows, FIRST, tmp_path, threads=threads)
    matrix = maker.binned
    other = fit(maker, rows, FIRST, tmp_path, 8, threads)
    assert other == alone(name, rows, FIRST, tmp_path, 8, threads) != first
    assert maker.binned is matrix


@both
def test_other_rows_are_binned_anew(name: FamilyName, rows: Dataset, tmp_path: Path) -> None:
    maker = family(name)
    fit(maker, rows, FIRST, tmp_path)
    matrix = maker.binned
    fit(maker, replace(rows, features=rows.features[:] + 1), FIRST, tmp_path)
    assert maker.binned is not matrix


def test_labels_after_a_span_are_not_in_xgboosts_matrix(rows: Dataset, tmp_path: Path) -> None:
    maker = XgboostFamily(XgboostParameters())
    fit(maker, rows, LONGEST, tmp_path)
    fit(maker, rows, MIDDLE, tmp_path)
    assert maker.binned
    labels, weights = (maker.binned.matrix.get_float_info(n) for n in ("label", "weight"))
    known = int(weights.sum())
    assert 0 < known < len(weights)
    assert not labels[known:].any()
    assert not weights[known:].any()


def test_lightgbms_bins_are_those_of_the_first_span(rows: Dataset) -> None:
    def ranges(of: LightgbmFamily, bars: int) -> str:
        fitted = of.fit(rows.rows(0, bars), rows.rows(0, 0), context())
        _, _, after = fitted.booster.model_to_string().partition("\nfeature_infos=")
        return after.partition("\n")[0]

    maker, fresh = (LightgbmFamily(LightgbmParameters()) for _ in range(2))
    assert ranges(maker, FIRST) == ranges(maker, LONGEST) == ranges(maker, MIDDLE)
    assert ranges(maker, FIRST) != ranges(fresh, LONGEST)
