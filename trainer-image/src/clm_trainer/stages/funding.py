"""The funding of a run's perpetuals: stored events that must cover the window, laid on its bars."""

from itertools import pairwise
from shlex import quote

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.run import RunSpec
from clm_trainer.evaluation.play import Funding
from clm_trainer.panel import Floats, Panel
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.funding import FundingKey
from clm_trainer.sources.venues import venue
from clm_trainer.storage import Storage

LONGEST_PAUSE = pd.Timedelta("24h")
"""Longest time without funding; exchanges charge it every 1 to 8 hours, and change that."""


def judged_bars(panel: Panel, spec: RunSpec) -> Panel:
    """Return the evaluation window of a run: the only bars on which positions are held."""
    bars = round(spec.evaluation.period_days * panel.bars_per_day)
    return panel.window(max(len(panel) - bars, 0), len(panel))


def funding_events(spec: RunSpec, window: Panel, store: Storage) -> pd.DataFrame | None:
    """Return every stored funding event of a window, or None for a run that charges none.

    Returns
    -------
    DataFrame
        Columns time (UTC, whole minutes), symbol, funding_rate (fraction of the notional;
        positive: longs pay), mark_price (NaN where it is not known); sorted by time, then in the
        order of the symbols.

    Raises
    ------
    ClmError
        DataUnavailable: there are no events, or they only end more than 24 h too early. DataGap:
        they begin more than 24 h after the window (after the symbol's first bar in it), or pause
        for longer than that; hours in which nobody could trade don't count.
    """
    if not spec.charges_funding:
        return None
    cache, stop = BarCache(store), window.times[-1] + window.timeframe
    parts = []
    for symbol, listed in zip(window.symbols, window.listed.T, strict=True):
        key = FundingKey(spec.data.venue, spec.data.market, symbol)
        events = cache.read(key, window.times[0], stop)
        if listed.any():
            column = window.symbols.index(symbol)
            traded = window.times[~window.gap[:, column]]
            _require(events["timestamp"], key, traded, window.timeframe, stop, store.url)
        events = events.rename(columns={"timestamp": "time"})
        events.insert(1, "symbol", pd.Series(symbol, index=events.index, dtype="str"))
        parts.append(events)
    return pd.concat(parts).sort_values("time", kind="stable", ignore_index=True)


def dues(events: pd.DataFrame, window: Panel) -> Funding:
    """Return what the events of a window cost per unit held: mark price × rate, by bar.

    Where the mark price is not known, the open of the bar that charges the event stands for it:
    the bar that it falls on or into, for one in a hole the next bar.

    Parameters
    ----------
    events
        As ``funding_events`` returns them; those outside the window are left out.
    """
    events, rows, columns = _placed(events, window)
    opens = pd.DataFrame(window.open).bfill().fillna(0.0).to_numpy()[rows, columns]
    due = events["funding_rate"] * events["mark_price"].fillna(pd.Series(opens))
    opening = (events["time"] == window.times[rows]).to_numpy()
    at_open, inside = np.zeros((2, *window.open.shape))
    for charged, chosen in ((at_open, opening), (inside, ~opening)):
        np.add.at(charged, (rows[chosen], columns[chosen]), due[chosen])
    return Funding(at_open, inside)


def at_opens(events: pd.DataFrame | None, window: Panel) -> tuple[Floats, Floats]:
    """Return rate and mark price of the events at the bars' opens, each of shape (bars, symbols).

    Both are NaN where there is no event.
    """
    rate, mark = np.full((2, *window.open.shape), np.nan)
    if events is not None:
        found, rows, columns = _placed(events[events["time"].isin(window.times)], window)
        rate[rows, columns], mark[rows, columns] = found["funding_rate"], found["mark_price"]
    return rate, mark


def _placed(
    events: pd.DataFrame, window: Panel
) -> tuple[pd.DataFrame, NDArray[np.int64], NDArray[np.int64]]:
    """Return the events of a window with the row and the column of each."""
    rows = (events["time"] - window.times[0]) // window.timeframe
    inside = rows.between(0, len(window) - 1)
    found = events[inside].reset_index(drop=True)
    columns = found["symbol"].map({symbol: i for i, symbol in enumerate(window.symbols)})
    return found, np.asarray(rows[inside], np.int64), np.asarray(columns, np.int64)


def _require(
    times: "pd.Series[pd.Timestamp]",
    key: FundingKey,
    traded: pd.DatetimeIndex,
    step: pd.Timedelta,
    stop: pd.Timestamp,
    url: str,
) -> None:
    edges = [traded[0], *times[times >= traded[0]], stop]
    pauses = [
        (a, b)
        for a, b in pairwise(edges)
        if b - a > LONGEST_PAUSE
        and (traded.searchsorted(b) - traded.searchsorted(a, "right") + 1) * step > LONGEST_PAUSE
    ]
    if not pauses:
        return
    lacks = venue(key.venue).lacks
    said = ", ".join(f"{a:%Y-%m-%d %H:%M} to {b:%Y-%m-%d %H:%M}" for a, b in pauses[:5])
    raise ClmError(
        Reason.DATA_UNAVAILABLE if pauses[0][1] == stop else Reason.DATA_GAP,
        f"no {key} from {said}: clm data import FILE --funding --exchange {key.venue} "
        f"--market {key.market} --symbol {quote(key.symbol)} --store {url}; "
        "or set spec.costs.funding: None to charge none"
        + (f" ({key.venue} lacks {lacks})" if lacks else ""),
    )
