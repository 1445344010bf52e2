"""The label: the return that a decision at close t can earn, from the open of t+1."""

import numpy as np
import pytest

from clm_trainer.features import build_features
from clm_trainer.stages.features import LABEL_LIMIT, dataset, forward_returns
from tests.trainer.evaluation.markets import column, one, real, with_holes


def test_by_hand() -> None:
    panel, sigma = one([100.0, 101, 102, 103, 104, 105]), column(*[0.01] * 6)
    label = forward_returns(panel, sigma, 2)
    expected = [np.log(o[1] / o[0]) / (0.01 * 2**0.5) for o in ((101, 103), (102, 104), (103, 105))]
    np.testing.assert_allclose(label[:3, 0], expected)
    assert np.isnan(label[3:]).all(), "the last h + 1 bars don't know their return yet"


def test_it_is_clipped() -> None:
    label = forward_returns(one([100.0, 100, 200, 50, 50]), column(*[0.01] * 5), 1)
    assert label[:3, 0].tolist() == [LABEL_LIMIT, -LABEL_LIMIT, 0]


def test_a_missing_open_leaves_no_label() -> None:
    label = forward_returns(one([100.0] * 8, holes=(4,)), column(*[0.01] * 8), 2)
    assert np.isnan(label[:, 0]).tolist() == [False, True, False, True, False, True, True, True]


@pytest.mark.parametrize("bars", [1, 2, 3], ids=lambda n: f"{n} bars and a horizon of 3")
def test_too_short_for_any_label(bars: int) -> None:
    label = forward_returns(one([100.0] * bars), column(*[0.01] * bars), 3)
    assert np.isnan(label).all()


def test_the_dataset_is_aligned() -> None:
    panel = real(40)
    rows, table = dataset(panel, 24), build_features(panel)
    np.testing.assert_array_equal(rows.features, table.values)
    assert rows.names == table.names
    assert rows.symbols == panel.symbols
    part = rows.rows(100, 200)
    assert len(part) == 100
    assert part.times[0] == panel.times[100]
    np.testing.assert_array_equal(part.target, rows.target[100:200])


def test_holes_are_never_usable() -> None:
    gap = np.random.default_rng(1).random((40 * 24, 2)) < 0.05
    rows = dataset(with_holes(real(40), gap), 24)
    assert not (rows.usable & gap).any()
