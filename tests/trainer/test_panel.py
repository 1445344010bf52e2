"""The grid of bars, and what is known beside them."""

import numpy as np
import pandas as pd

from clm_trainer.panel import Panel

_HOUR = pd.Timedelta("1h")
_TIMES = pd.date_range("2025-01-01", periods=4, freq="h", tz="UTC")


def _frame(times: pd.DatetimeIndex, **further: list[float]) -> pd.DataFrame:
    ones = np.ones(len(times))
    prices = dict.fromkeys(("open", "high", "low", "close", "volume"), ones)
    return pd.DataFrame({"timestamp": times, **prices, **further})


def _panel() -> Panel:
    frames = {
        "A/USDT": _frame(_TIMES[[0, 1, 3]], tradeCount=[5, 6, 8]),
        "B/USDT": _frame(_TIMES, **{"mood.score": [0.1, 0.2, 0.3, 0.4]}),
    }
    return Panel.from_frames(frames, _TIMES, _HOUR)


def test_further_columns_of_frames_lie_beside_the_bars_and_are_nan_where_one_lacks_them() -> None:
    panel = _panel()
    nan = np.nan
    assert list(panel.extra) == ["tradeCount", "mood.score"]
    trades, mood = panel.extra["tradeCount"], panel.extra["mood.score"]
    np.testing.assert_array_equal(trades, [[5, nan], [6, nan], [nan, nan], [8, nan]])
    np.testing.assert_array_equal(mood, [[nan, 0.1], [nan, 0.2], [nan, 0.3], [nan, 0.4]])


def test_a_window_cuts_what_lies_beside_the_bars_too() -> None:
    window = _panel().window(1, 3)
    assert len(window) == 2
    np.testing.assert_array_equal(window.extra["mood.score"][:, 1], [0.2, 0.3])


def test_bars_alone_have_nothing_beside_them() -> None:
    panel = Panel.from_frames({"A/USDT": _frame(_TIMES)}, _TIMES, _HOUR)
    assert panel.extra == {}
