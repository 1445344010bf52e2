"""Returns that follow each other widen a day's variance, returns that undo each other narrow it."""

import numpy as np
import pytest
from tools.study.width import DAY, days

UP_AND_DOWN = np.tile([0.01, -0.01], 500)


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        (np.random.default_rng(1).normal(0, 0.01, 200_000), pytest.approx(1, abs=0.02)),
        (UP_AND_DOWN, pytest.approx(0, abs=1e-9)),
        (np.repeat(UP_AND_DOWN, DAY), pytest.approx((DAY**2 + 2) / 3 / DAY, rel=0.01)),
        (np.zeros(100), 1.0),
    ],
    ids=["independent", "each undone by the next", "a day alike", "flat"],
)
def test_a_days_variance(returns: np.ndarray, expected: float) -> None:
    assert days(returns) == expected
