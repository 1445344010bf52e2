"""Average uniqueness by hand, and what the families make of it."""

from dataclasses import replace

import numpy as np
import pytest

from clm_trainer.families.base import Dataset
from clm_trainer.stages.features import dataset
from clm_trainer.targets.barriers import BarrierParams, TripleBarrier
from clm_trainer.targets.returns import Return
from clm_trainer.targets.uniqueness import average_uniqueness, by_uniqueness
from tests.trainer.evaluation.markets import real

YES, NO = True, False


@pytest.mark.parametrize(
    ("ends", "counts", "expected"),
    [
        ([2, 4, 6], [YES, NO, NO], [1, np.nan, np.nan]),
        # Rows 0 and 2 live on 1 and 2, and on 3 and 4: they never meet.
        ([2, 0, 4], [YES, NO, YES], [1, np.nan, 1]),
        # Row 0 lives on 1 2 3, row 1 on 2 3 4, row 2 on 3: 1, 2 and 3 of them are alive there.
        ([3, 4, 3, 0, 0], [YES, YES, YES, NO, NO],
         [(1 + 1 / 2 + 1 / 3) / 3, (1 / 2 + 1 / 3 + 1) / 3, 1 / 3, np.nan, np.nan]),
        # A label that its own bar decides lives there.
        ([0, 1], [YES, YES], [1, 1]),
        # Ends may lie beyond the rows: the labels meet on bars 2 to 9.
        ([9, 9], [YES, YES], [(1 + 8 / 2) / 9, 1 / 2]),
        ([1, 2], [NO, NO], [np.nan, np.nan]),
    ],
    ids=[
        "a label alone", "two that never meet", "three that overlap", "a life of one bar",
        "ends beyond the rows", "none",
    ],
)  # fmt: skip
def test_by_hand(ends: list[int], counts: list[bool], expected: list[float]) -> None:
    made = average_uniqueness(np.array(ends), np.array(counts))
    np.testing.assert_allclose(made, expected)


def rows(target: Return | TripleBarrier) -> Dataset:
    return dataset(real(60), target)


def test_each_symbol_for_itself_and_1_on_average() -> None:
    whole = rows(TripleBarrier(24, BarrierParams()))
    weighed = by_uniqueness(whole)
    counts = whole.usable & np.isfinite(whole.target)
    weight = weighed.weight
    assert weight is not None
    np.testing.assert_array_equal(np.isfinite(weight), counts)
    assert weight[counts].mean() == pytest.approx(1)
    assert weight[counts].min() > 0
    assert np.corrcoef(weight[counts], (whole.ends - np.arange(len(whole))[:, None])[counts])[0, 1]
    alone = average_uniqueness(whole.ends[:, 1], counts[:, 1])
    ratio = (weight[:, 1] / alone)[counts[:, 1]]
    np.testing.assert_allclose(ratio, ratio[0])


def test_labels_of_one_length_count_the_same_away_from_the_edges() -> None:
    weighed = by_uniqueness(rows(Return(24)))
    assert weighed.weight is not None
    middle = weighed.weight[800:-100]
    np.testing.assert_allclose(middle, middle[0, 0])


def test_without_labels_there_are_no_weights_to_scale() -> None:
    blank = rows(Return(24))
    weighed = by_uniqueness(replace(blank, target=np.full_like(blank.target, np.nan)))
    assert weighed.weight is not None
    assert np.isnan(weighed.weight).all()


def test_a_part_of_the_rows_keeps_their_weights() -> None:
    weighed = by_uniqueness(rows(Return(24)))
    assert weighed.weight is not None
    part = weighed.rows(900, 950)
    assert part.weight is not None
    np.testing.assert_array_equal(part.weight, weighed.weight[900:950])
