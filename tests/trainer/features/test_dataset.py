"""Features and labels of one bar stand in one row."""

import numpy as np

from clm_trainer.features import build_features
from clm_trainer.stages.features import dataset
from clm_trainer.targets.returns import Return
from tests.trainer.evaluation.markets import real, with_holes


def test_the_dataset_is_aligned() -> None:
    panel = real(40)
    rows, table = dataset(panel, Return(24)), build_features(panel)
    np.testing.assert_array_equal(rows.features, table.values)
    assert rows.names == table.names
    assert rows.symbols == panel.symbols
    part = rows.rows(100, 200)
    assert len(part) == 100
    assert part.times[0] == panel.times[100]
    np.testing.assert_array_equal(part.target, rows.target[100:200])
    assert part.ends[7, 1] == 7 + 25, "a row of the part, not of the whole"


def test_rows_that_are_scored_alone_need_no_labels() -> None:
    rows = dataset(real(40))
    assert np.isnan(rows.target).all()
    np.testing.assert_array_equal(rows.ends[:, 0], np.arange(40 * 24))


def test_holes_are_never_usable() -> None:
    gap = np.random.default_rng(1).random((40 * 24, 2)) < 0.05
    rows = dataset(with_holes(real(40), gap), Return(24))
    assert not (rows.usable & gap).any()
