"""Bars that no market can have had: each rule, and the one that is told first."""

import numpy as np
import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_trainer.sources.possible import require_possible

GOOD = {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "volume": 0.0}


def bars(**wrong: float) -> pd.DataFrame:
    """Return three bars, of which the second one is wrong."""
    frame = pd.DataFrame([GOOD, {**GOOD, **wrong}, GOOD])
    frame.insert(0, "timestamp", pd.date_range("2025-01-01", periods=3, freq="h", tz="UTC"))
    return frame


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"close": np.nan}, "close of 2025-01-01 01:00:00+00:00 is wrong: no number (found nan)"),
        ({"low": 0.0}, "low of 2025-01-01 01:00:00+00:00 is wrong: not above 0 (found 0.0)"),
        ({"volume": -1.0}, "volume of 2025-01-01 01:00:00+00:00 is wrong: below 0 (found -1.0)"),
        ({"low": 10.5}, "is wrong: low above open or close (found 10.5); 1 problem(s)"),
        ({"high": 10.9}, "is wrong: high below open or close (found 10.9); 1 problem(s)"),
        ({"volume": np.inf}, "bar of 2025-01-01 01:00:00+00:00 is wrong: number that no market"),
        ({"low": 1e-25}, "number that no market has (found 1e-25); 1 problem(s)"),
        ({"open": -1.0, "high": 1.0}, "open of 2025-01-01 01:00:00+00:00 is wrong: not above 0"),
    ],
    ids=[
        "a missing price", "a price of nothing", "a negative volume", "a low above the open",
        "a high below the close", "an infinite volume", "a price next to nothing",
        "a column's fault is told before its bar's",
    ],
)  # fmt: skip
def test_what_no_market_can_have_said_is_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(ClmError) as refused:
        require_possible(bars(**wrong), "FILE")
    assert refused.value.reason == "DataInvalid"
    assert said in refused.value.message
    assert refused.value.message.startswith("FILE: ")


def test_bars_that_can_be_true_are_not_refused() -> None:
    require_possible(bars(volume=1e24, high=1e24, low=1e-23), "FILE")
