"""The evaluation window as the sleeves meet it: only bars that exist, each with its funding."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.recompute.claims import Claims, Floats, Ints


@dataclass(frozen=True, eq=False)
class Bars:
    """One symbol's bars, holes left out; all arrays have shape (existing bars,).

    Parameters
    ----------
    row
        Row on the full grid.
    target
        Position decided on the bar's close, as a fraction of the sleeve.
    due_at_open, due_inside
        Sum of mark price × rate of the funding that falls on the bar's open and inside the bar:
        what one unit held long pays.
    """

    row: Ints
    open: Floats
    close: Floats
    target: Floats
    due_at_open: Floats
    due_inside: Floats


@dataclass(frozen=True, eq=False)
class Market:
    """All symbols on the full grid."""

    times: pd.DatetimeIndex
    symbols: tuple[str, ...]
    sleeves: tuple[Bars, ...]


def market_of(claims: Claims) -> Market:
    """Return the window that ``predictions.parquet`` shows.

    Raises
    ------
    ClmError
        MetricsRejected: the rows are no full grid, or hold what can't be traded.
    """
    settings, frame = claims.settings, claims.predictions
    first, step = frame["time"].min(), settings.timeframe
    count = len(frame) // len(settings.symbols)
    times = pd.date_range(first, periods=count, freq=step) if count else pd.DatetimeIndex([])
    sleeves = []
    for symbol in settings.symbols:
        rows = frame[frame["symbol"] == symbol].sort_values("time")
        if not pd.DatetimeIndex(rows["time"]).equals(times):
            raise _rejected(f"{symbol} is not on the full grid of {step} from {first}")
        events = claims.funding[claims.funding["symbol"] == symbol]
        lowest = 0.0 if settings.spot else -1.0
        sleeves.append(_bars(symbol, rows, times, events, step, lowest))
    if len(frame) != count * len(settings.symbols) or count == 0:
        raise _rejected(f"{len(frame)} rows, which {', '.join(settings.symbols)} don't share out")
    return Market(times, settings.symbols, tuple(sleeves))


def _bars(
    symbol: str,
    rows: pd.DataFrame,
    times: pd.DatetimeIndex,
    events: pd.DataFrame,
    step: pd.Timedelta,
    lowest: float,
) -> Bars:
    exists = ~rows["gap"].to_numpy(bool)
    columns = (rows[name].to_numpy(float) for name in ("open", "close", "position"))
    open_, close, target = (column[exists] for column in columns)
    prices = np.concatenate([open_, close])
    if not ((prices > 0) & np.isfinite(prices)).all():
        raise _rejected(f"{symbol} has a bar whose open or close is no price")
    if not ((target >= lowest) & (target <= 1)).all():
        raise _rejected(f"{symbol} has a position outside [{lowest:g}, 1]")
    if not np.isfinite(events["funding_rate"].to_numpy(float)).all():
        raise _rejected(f"{symbol} has funding whose rate is no number")
    due_at_open, due_inside = _dues(times[exists], open_, step, events)
    return Bars(np.flatnonzero(exists), open_, close, target, due_at_open, due_inside)


def _dues(
    opened: pd.DatetimeIndex, open_: Floats, step: pd.Timedelta, events: pd.DataFrame
) -> tuple[Floats, Floats]:
    """Give each event to the bar that charges it; one in a hole waits for the next open.

    An event without a mark price takes that bar's open. After the last bar nothing is charged.
    """
    at_open, inside = np.zeros((2, len(open_)))
    columns = (events[name].tolist() for name in ("time", "funding_rate", "mark_price"))
    last = opened.searchsorted(events["time"], side="right") - 1
    for bar, time, rate, mark in zip(last.tolist(), *columns, strict=True):
        due, charged = at_open, bar
        if bar < 0 or time >= opened[bar] + step:
            charged = bar + 1
        elif time > opened[bar]:
            due = inside
        if charged < len(open_):
            due[charged] += rate * (open_[charged] if np.isnan(mark) else mark)
    return at_open, inside


def _rejected(text: str) -> ClmError:
    return ClmError(Reason.METRICS_REJECTED, f"predictions.parquet: {text}")
