"""Triple barrier: by hand, and beside a slow reference that reads one label at a time."""

from math import isnan, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from clm_trainer.panel import Panel
from clm_trainer.targets.barriers import BarrierParams, TripleBarrier
from clm_trainer.targets.base import Labels
from clm_trainer.targets.returns import Return
from tests.trainer.evaluation.markets import NAN, column, one, real, with_holes

SIGMA = 0.01
UNIT = SIGMA * sqrt(3)
"""One sigma × √h of the hand-made panels."""


def labels(panel: Panel, profit: float | None = 1.0, loss: float | None = 1.0) -> Labels:
    params = BarrierParams(profit_sigmas=profit, loss_sigmas=loss)
    return TripleBarrier(3, params).labels(panel, column(*[SIGMA] * len(panel)))


@pytest.mark.parametrize(
    ("closes", "holes", "barriers", "value", "end"),
    [
        ([100, 102, 100], (), (1.0, 1.0), log(102 / 100) / UNIT, 2),
        ([100, 101, 97], (), (1.0, 1.0), log(97 / 100) / UNIT, 3),
        ([97, 103, 97], (), (1.0, 1.0), log(97 / 100) / UNIT, 1),
        ([97, 104, 100], (), (1.0, 2.0), log(104 / 100) / UNIT, 2),
        ([97, 103, 97], (), (None, None), log(99 / 100) / UNIT, 4),
        ([100, 101, 101], (), (1.0, 1.0), log(99 / 100) / UNIT, 4),
        ([100, 103, 100], (2,), (1.0, 1.0), log(99 / 100) / UNIT, 4),
        ([100, 100, 100], (4,), (1.0, 1.0), NAN, 4),
        ([100, 103, 100], (4,), (1.0, 1.0), log(103 / 100) / UNIT, 2),
        ([103, 103, 100], (1,), (1.0, 1.0), NAN, 4),
        ([120, 100, 100], (), (2.5, 1.0), 2.5, 1),
    ],
    ids=[
        "a profit", "a loss on the last bar of the horizon", "the first of two touches",
        "a wider barrier is passed over", "no barrier", "no touch: the open after the horizon",
        "a touch in a hole is not seen", "no open after the horizon",
        "a touch needs no open after the horizon", "no open to enter at", "cut off",
    ],
)  # fmt: skip
def test_by_hand(
    closes: list[float],
    holes: tuple[int, ...],
    barriers: tuple[float | None, float | None],
    value: float,
    end: int,
) -> None:
    """The label of row 0: in at row 1's open of 100, out at row 4's open of 99 at the latest."""
    panel = one([90.0, 100, 100, 100, 99, 99], [90.0, *closes, 99, 99], holes)
    made = labels(panel, *barriers)
    assert made.values[0, 0] == pytest.approx(value, nan_ok=True)
    assert made.ends[0, 0] == end


def slow(panel: Panel, horizon: int, sigma: float, profit: float, loss: float) -> Labels:
    """The definition, one label at a time."""
    bars, symbols = panel.close.shape
    values, ends = np.full((bars, symbols), NAN), np.zeros((bars, symbols), dtype=np.int64)
    unit = sigma * sqrt(horizon)
    for k in range(symbols):
        for t in range(bars):
            ends[t, k] = t + 1 + horizon
            entry = panel.open[t + 1, k] if t + 1 < bars else NAN
            if isnan(entry):
                continue
            for row in range(t + 1, t + 1 + horizon):
                close = panel.close[row, k] if row < bars else NAN
                if not isnan(close) and not -loss < log(close / entry) / unit < profit:
                    values[t, k], ends[t, k] = log(close / entry) / unit, row
                    break
            else:
                last = panel.open[t + 1 + horizon, k] if t + 1 + horizon < bars else NAN
                values[t, k] = NAN if isnan(last) else log(last / entry) / unit
    return Labels(np.clip(values, -2.5, 2.5), ends)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 30), st.floats(0.3, 2.5),
    st.floats(0.3, 2.5), st.sampled_from([0.0, 0.1, 0.5]),
)  # fmt: skip
def test_the_kernel_is_the_reference(
    seed: int, bars: int, horizon: int, profit: float, loss: float, holes: float
) -> None:
    draw = np.random.default_rng(seed)
    whole = real(40)
    begin = int(draw.integers(len(whole) - bars))
    panel = with_holes(whole.window(begin, begin + bars), draw.random((bars, 2)) < holes)
    target = TripleBarrier(horizon, BarrierParams(profit_sigmas=profit, loss_sigmas=loss))
    made = target.labels(panel, np.full((bars, 2), 0.004))
    expected = slow(panel, horizon, 0.004, profit, loss)
    np.testing.assert_array_equal(made.ends, expected.ends)
    np.testing.assert_allclose(made.values, expected.values, rtol=1e-9, atol=1e-12)


def test_without_barriers_it_is_the_return() -> None:
    panel, sigma = real(40), np.full((40 * 24, 2), 0.004)
    never = BarrierParams(profit_sigmas=None, loss_sigmas=None)
    made, plain = TripleBarrier(24, never).labels(panel, sigma), Return(24).labels(panel, sigma)
    np.testing.assert_allclose(made.values, plain.values, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(made.ends, plain.ends)


@pytest.mark.parametrize("sigmas", [0.0, -1.0, 2.6], ids="a barrier at {}".format)
def test_a_barrier_that_can_not_be_reached_is_refused(sigmas: float) -> None:
    with pytest.raises(ValidationError):
        BarrierParams(profit_sigmas=sigmas)
