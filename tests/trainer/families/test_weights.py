"""Weighed labels: what a family makes of them, and who may be told to."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clm_api.errors import SpecError
from clm_api.families import BlendParameters
from clm_api.families import Family as FamilyName
from clm_trainer.evaluation.splits import Span
from clm_trainer.families import registry
from clm_trainer.families.base import Dataset, Family, weighs_labels
from clm_trainer.families.blend import BlendFamily
from clm_trainer.stages.train import fit_span
from clm_trainer.targets.uniqueness import by_uniqueness
from tests.trainer.evaluation.markets import real
from tests.trainer.families.fits import family, parts
from tests.trainer.families.runs import context, quick, run, run_spec

BOOSTING = (FamilyName.XGBOOST, FamilyName.LIGHTGBM)
boosting = pytest.mark.parametrize("name", BOOSTING, ids=str)


def files(made: Family, train: Dataset, folder: Path) -> list[bytes]:
    made.fit(train, parts()[1], context()).save(folder)
    return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]


def weighed(train: Dataset, factor: float) -> Dataset:
    """The first half of the rows counts ``factor`` times as much."""
    weight = np.ones_like(train.target)
    weight[: len(train) // 2] = factor
    return replace(train, weight=weight)


@boosting
def test_weights_of_1_change_nothing(name: FamilyName, tmp_path: Path) -> None:
    train = parts()[0]
    plain = files(family(name), train, tmp_path)
    assert files(family(name), weighed(train, 1.0), tmp_path) == plain


@boosting
def test_the_model_follows_the_labels_that_count(name: FamilyName) -> None:
    """Labels of 1 in the first half and of -1 in the second: the mean tells which counts."""
    train = parts()[0]
    half = np.arange(len(train))[:, None] < len(train) // 2
    torn = replace(train, target=np.where(half, 1.0, -1.0) + 0 * train.target)
    more, less = (
        np.nanmean(family(name).fit(weighed(torn, f), parts()[1], context()).score(parts()[2]))
        for f in (9.0, 1 / 9)
    )
    assert more > 0.2 > -0.2 > less


@boosting
def test_weights_of_a_span_inside_a_longer_one(name: FamilyName, tmp_path: Path) -> None:
    """Rows that were binned before are weighed anew, and the padding still counts nothing."""
    train, valid, _ = parts()
    shared, alone = family(name), family(name)
    first = replace(train.rows(0, 2200), weight=None)
    for maker in (shared, alone):
        maker.fit(first, valid, context())
    shared.fit(weighed(train, 3.0), valid, context())
    inside = files(shared, weighed(train.rows(0, 2400), 5.0), tmp_path)
    assert inside == files(alone, weighed(train.rows(0, 2400), 5.0), tmp_path)


def maker(name: FamilyName) -> Family:
    """A family, or a blend of those that weigh."""
    if name is not FamilyName.BLEND:
        return family(name)
    members = [{"family": "xgboost"}, {"family": "lightgbm"}]
    return registry.create(run_spec(model={"family": "blend", "blend": {"members": members}}))


@pytest.mark.parametrize("name", [*BOOSTING, FamilyName.BLEND], ids=str)
def test_uniqueness_reaches_the_model(name: FamilyName, tmp_path: Path) -> None:
    whole, span = parts()[0], Span((0, 2000), (2025, 2600), (2600, 2600))
    rows = replace(whole, ends=np.where(whole.target > 0, whole.ends, whole.ends - 20))

    def saved(*, weigh: bool) -> list[bytes]:
        folder = tmp_path / str(weigh)
        folder.mkdir()
        fit_span(maker(name), rows, span, context(), weighed=weigh)[0].save(folder)
        return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]

    by_hand = tmp_path / "by hand"
    by_hand.mkdir()
    told = by_uniqueness(rows.rows(0, 2000))
    made = maker(name).fit(told, rows.rows(2025, 2600), context())
    made.save(by_hand)
    expected = [path.read_bytes() for path in sorted(by_hand.rglob("*")) if path.is_file()]
    assert saved(weigh=True) == expected
    assert saved(weigh=False) != expected


def test_a_run_with_weights_is_another_one_and_repeats_itself() -> None:
    barrier = {"kind": "tripleBarrier"}
    plain = run(real(260), quick(target={**barrier, "calibrationDays": 30}))
    told = quick(target={**barrier, "calibrationDays": 30, "uniquenessWeights": True})
    once, again = run(real(260), told), run(real(260), told)
    np.testing.assert_array_equal(once[1].percentiles, again[1].percentiles)
    assert not np.array_equal(once[1].percentiles, plain[1].percentiles)


class Plain:
    """An own family that counts all labels the same."""


@pytest.mark.parametrize(
    ("makers", "can"),
    [
        ([family(FamilyName.XGBOOST)], True),
        ([family(FamilyName.XGBOOST), family(FamilyName.LIGHTGBM)], True),
        ([family(FamilyName.XGBOOST), Plain()], False),
    ],
    ids=["one that can", "two that can", "one of them can't"],
)
def test_a_blend_can_if_all_its_members_can(makers: list[Family], *, can: bool) -> None:
    members = BlendParameters.model_validate(
        {"members": [{"family": "xgboost"}, {"family": "lightgbm"}]}
    ).members
    assert weighs_labels(BlendFamily(members[: len(makers)], makers)) is can


def test_a_family_that_can_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "family_of", lambda *_: Plain())
    registry.create(run_spec())
    with pytest.raises(SpecError, match="uniquenessWeights: a model of this schedule counts"):
        registry.create(run_spec(target={"uniquenessWeights": True}))
