"""Windows and paths of the neural families, by hand."""

import numpy as np
import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_trainer.families.base import Dataset
from clm_trainer.families.neural.windows import Examples, Windows, examples
from clm_trainer.panel import Floats
from tests.trainer.evaluation.markets import NAN, column

SIGMA = 0.01


def rows(log_open: Floats, log_close: Floats, usable: list[int] | None = None) -> Dataset:
    """Rows with the given prices; what is more of closes than of opens is history."""
    bars, symbols = log_open.shape
    known = np.isin(np.arange(bars), range(bars) if usable is None else usable)
    return Dataset(
        times=pd.date_range("2024-01-01", periods=bars, freq="h", tz="UTC"),
        timeframe=pd.Timedelta("1h"),
        symbols=tuple(f"S{i}/USDT" for i in range(symbols)),
        names=("ret1",),
        features=np.zeros((bars, symbols, 1)),
        target=np.zeros((bars, symbols)),
        ends=np.zeros((bars, symbols), dtype=np.int64),
        sigma=np.full((bars, symbols), SIGMA),
        usable=np.repeat(known[:, None], symbols, axis=1),
        open=np.exp(log_open),
        log_close=log_close,
        observed=("ret1",),
    )


def at(windows: Windows, row: int) -> list[float]:
    inputs = windows.at((np.array([row]), np.array([0])))
    return [round(float(x), 4) for x in inputs[0]]


ROOT24 = np.sqrt(24)


def test_a_window_is_the_closes_up_to_the_last_one_in_units_of_volatility() -> None:
    closes = column(1.0, 1.02, 1.01, 1.05)
    windows = Windows.of(rows(closes, closes), 3)
    expected = np.array([-0.03, -0.04, 0.0]) / (SIGMA * ROOT24)
    assert at(windows, 3) == [round(x, 4) for x in expected]


def test_a_window_reaches_into_the_history() -> None:
    closes = column(1.0, 1.02, 1.01, 1.05)
    windows = Windows.of(rows(closes[3:], closes), 3)
    assert at(windows, 0) == at(Windows.of(rows(closes, closes), 3), 3)


def test_before_the_first_close_there_is_nothing() -> None:
    closes = column(1.0, 1.01)
    first, second, third = at(Windows.of(rows(closes, closes), 3), 1)
    assert np.isnan(first)
    assert (second, third) == (round(-0.01 / (SIGMA * ROOT24), 4), 0)


def test_a_jump_is_cut_off_at_8() -> None:
    closes = column(0.0, 5.0, 0.0)
    assert at(Windows.of(rows(closes, closes), 3), 2) == [0, 8, 0]


def paths(made: Dataset, horizon: int = 2, stride: int = 1) -> Examples:
    return examples(made, 1, horizon, stride, "training span")


def test_a_path_runs_from_the_next_open_in_units_of_volatility_over_the_horizon() -> None:
    opens = column(1.0, 1.0, 1.01, 1.03, 1.0)
    made = paths(rows(opens, opens))
    assert made.places[0].tolist() == [0, 1], "row 2 would need the open after the last one"
    expected = np.array([[0.01, 0.03], [0.02, -0.01]]) / (SIGMA * np.sqrt(2))
    np.testing.assert_allclose(made.paths, expected, rtol=1e-5)


def test_a_hole_in_a_path_is_unknown_and_the_rest_is_not() -> None:
    opens = column(1.0, 1.0, NAN, 1.02)
    np.testing.assert_allclose(
        paths(rows(opens, opens)).paths, [[NAN, 0.02 / (SIGMA * np.sqrt(2))]], rtol=1e-5
    )


def test_a_path_is_cut_off_at_3() -> None:
    opens = column(1.0, 1.0, 9.0, -9.0)
    assert paths(rows(opens, opens)).paths.tolist() == [[3, -3]]


def test_rows_are_learned_that_are_usable_labelled_and_of_the_stride() -> None:
    opens = np.zeros((12, 1))
    made = rows(opens, opens, usable=[0, 1, 2, 4, 5, 6, 9])
    made.target[4] = NAN
    assert paths(made).places[0].tolist() == [0, 1, 2, 5, 6], "row 9's path ends after the span"
    assert paths(made, stride=2).places[0].tolist() == [0, 2, 6]


def test_a_span_shorter_than_the_horizon_teaches_nothing() -> None:
    opens = np.zeros((3, 1))
    with pytest.raises(ClmError, match="calibrationDays") as caught:
        paths(rows(opens, opens))
    assert caught.value.reason == "InsufficientData"


def test_a_row_without_a_full_window_is_not_learned() -> None:
    opens = np.zeros((6, 1))
    made = examples(rows(opens, opens), 3, 2, 1, "training span")
    assert made.places[0].tolist() == [2], "rows 0 and 1 have no full window, row 3 no full path"
