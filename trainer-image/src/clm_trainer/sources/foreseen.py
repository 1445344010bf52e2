"""Series that are too good: a value that tells the return of the bars after it was available."""

import numpy as np
import pandas as pd

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.panel import Floats, Panel
from clm_trainer.sources.asof import Microseconds, Rows

MOST_RANK_CORRELATION = 0.8
"""No honest series reaches half of it. One that holds the returns to come has about 1."""
_LEAST, _MOST = 30, 2000
"""Rows that are compared: with fewer than the first a number says nothing."""


def require_not_foreseen(name: str, rows: Rows, panel: Panel, symbols: range) -> None:
    """Refuse a column that ranks like the returns that follow.

    Its values, their changes, and their ratio to the price are compared with the returns from the
    close at which a value is first seen, over as many bars as lie between two values. A series of
    a day's figures that says that it knows them in the morning ranks like the day.

    Parameters
    ----------
    symbols
        Columns of the panel that see it.

    Raises
    ------
    ClmError
        MetricsRejected, naming the column, the symbol and the rank correlation.
    """
    about, first = np.unique(rows.about, return_index=True)
    if len(about) <= _LEAST:
        return
    step = panel.timeframe // pd.Timedelta(1, "us")
    bars = max(1, round(float(np.median(np.diff(about))) / step))
    seen = _seen_at(rows.known[first], panel, step)
    there = np.flatnonzero((seen >= 0) & (seen + bars < len(panel)))[::-1]  # the newest first
    there = there[np.unique(seen[there], return_index=True)[1]][-_MOST:]  # one at each close
    values, at = rows.numbers[first][there], seen[there]
    for symbol in symbols:
        close = panel.close[:, symbol]
        following = np.log(close[at + bars] / close[at])
        for forms in (values, np.diff(values, prepend=np.nan), _over_price(values, close[at])):
            found = _rank_correlation(forms, following)
            if abs(found) >= MOST_RANK_CORRELATION:
                raise ClmError(
                    Reason.METRICS_REJECTED,
                    f"look-ahead: {name} foretells {panel.symbols[symbol]}: its rank correlation "
                    f"with the return of the {bars} bar(s) after it was available is {found:.2f}; "
                    "is available_at when each value was really known? A day's figure is known at "
                    "the day's end",
                )


def _seen_at(known: Microseconds, panel: Panel, step: int) -> Microseconds:
    """Return the bar at whose close each value is first seen; -1 before the first bar."""
    closes = panel.times.as_unit("us").asi8 + step
    found: Microseconds = np.searchsorted(closes, known)
    return np.where(known < closes[0] - step, -1, found)


def _over_price(values: Floats, price: Floats) -> Floats:
    positive = np.where(values > 0, values, np.nan)
    return np.log(positive / price)


def _rank_correlation(one: Floats, other: Floats) -> float:
    """Return Spearman's; 0 where too few pairs are known, or nothing varies."""
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < _LEAST:
        return 0.0
    a, b = (pd.Series(x[both]).rank().to_numpy() for x in (one, other))
    spread = float(a.std() * b.std())
    return float(np.mean((a - a.mean()) * (b - b.mean()))) / spread if spread else 0.0
