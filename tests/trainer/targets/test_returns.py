"""The return that a decision at close t can earn, from the open of t+1, and its sign."""

import numpy as np
import pytest

from clm_trainer.panel import Floats, Panel
from clm_trainer.targets.base import LABEL_LIMIT
from clm_trainer.targets.returns import Return, Sign
from tests.trainer.evaluation.markets import column, one


def values(panel: Panel, sigma: Floats, horizon: int) -> Floats:
    return Return(horizon).labels(panel, sigma).values


def test_by_hand() -> None:
    panel, sigma = one([100.0, 101, 102, 103, 104, 105]), column(*[0.01] * 6)
    made = Return(2).labels(panel, sigma)
    expected = [np.log(o[1] / o[0]) / (0.01 * 2**0.5) for o in ((101, 103), (102, 104), (103, 105))]
    np.testing.assert_allclose(made.values[:3, 0], expected)
    assert np.isnan(made.values[3:]).all(), "the last h + 1 bars don't know their return yet"
    assert made.ends[:, 0].tolist() == [3, 4, 5, 6, 7, 8], "the open of t + 1 + h decides"


def test_it_is_clipped() -> None:
    label = values(one([100.0, 100, 200, 50, 50]), column(*[0.01] * 5), 1)
    assert label[:3, 0].tolist() == [LABEL_LIMIT, -LABEL_LIMIT, 0]


def test_a_missing_open_leaves_no_label() -> None:
    label = values(one([100.0] * 8, holes=(4,)), column(*[0.01] * 8), 2)
    assert np.isnan(label[:, 0]).tolist() == [False, True, False, True, False, True, True, True]


@pytest.mark.parametrize("bars", [1, 2, 3], ids=lambda n: f"{n} bars and a horizon of 3")
def test_too_short_for_any_label(bars: int) -> None:
    label = values(one([100.0] * bars), column(*[0.01] * bars), 3)
    assert np.isnan(label).all()


def test_the_sign_of_a_return() -> None:
    panel, sigma = one([100.0, 100, 101, 99, 101, 101], holes=(5,)), column(*[0.01] * 6)
    made = Sign(1).labels(panel, sigma)
    np.testing.assert_array_equal(made.values[:, 0], [1, -1, 1, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(made.ends, Return(1).labels(panel, sigma).ends)
