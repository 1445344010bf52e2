"""What no market can have said: checks of bars that need no library of checks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clm_api.errors import ClmError
from clm_api.reasons import Reason

PRICES = ("open", "high", "low", "close")
LARGEST = 1e24
"""No price and no volume of a bar is larger, and no price smaller than one by it."""
_Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class _Fault:
    """Bars that break one rule.

    Parameters
    ----------
    column
        The column that breaks it, ``bar`` for a rule about several.
    shown
        The column whose value is told.
    """

    column: str
    shown: str
    rule: str
    bars: _Bools


def require_possible(frame: pd.DataFrame, source: str) -> None:
    """Refuse prices and volumes that can't be true.

    Parameters
    ----------
    frame
        Columns timestamp, open, high, low, close, volume; numbers as float64.
    source
        Where the bars come from, for messages.

    Raises
    ------
    ClmError
        DataInvalid, naming the row, the column and why.
    """
    faults = [fault for fault in _faults(frame) if fault.bars.any()]
    if not faults:
        return
    first = faults[0]
    row = int(first.bars.argmax())
    raise ClmError(
        Reason.DATA_INVALID,
        f"{source}: {first.column} of {frame['timestamp'].iloc[row]} is wrong: {first.rule} "
        f"(found {frame[first.shown].iloc[row]}); "
        f"{sum(int(fault.bars.sum()) for fault in faults)} problem(s) in all",
    )


def _faults(frame: pd.DataFrame) -> Iterator[_Fault]:
    """Yield what each rule refuses: a column's fault says more than its bar's."""
    columns = {name: frame[name].to_numpy() for name in (*PRICES, "volume")}
    for name, values in columns.items():
        yield _Fault(name, name, "no number", np.isnan(values))
        above = values > 0 if name != "volume" else values >= 0
        rule = "not above 0" if name != "volume" else "below 0"
        yield _Fault(name, name, rule, ~(above | np.isnan(values)))
    low, high = columns["low"], columns["high"]
    open_, close = columns["open"], columns["close"]
    lowest, highest = np.minimum(open_, close), np.maximum(open_, close)
    yield _Fault("bar", "low", "low above open or close", low > lowest)
    yield _Fault("bar", "high", "high below open or close", high < highest)
    for name, values in columns.items():
        beyond = values > LARGEST
        if name != "volume":
            beyond |= values < 1 / LARGEST
        yield _Fault("bar", name, "number that no market has", beyond)
