"""What the cache holds: ranges, holes and age of every series, for people."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_api.layout import (
    BARS,
    FUNDING,
    SERIES,
    OwnSeriesLayout,
    SeriesLayout,
    account_of,
    month_of,
    series_of,
)
from clm_api.timing import TIMEFRAME_SECONDS
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache, Series
from clm_trainer.sources.columns import KINDS, ColumnKey
from clm_trainer.sources.funding import FundingKey
from clm_trainer.sources.gate import holes
from clm_trainer.sources.own_series import OwnSeries
from clm_trainer.sources.own_trades import TradesKey
from clm_trainer.storage import Storage


@dataclass(frozen=True)
class Stored:
    """One series.

    Parameters
    ----------
    exchange, market
        Empty for an own series, and the symbol too if it has none.
    series
        A timeframe, ``funding``, what else the exchange tells such as ``mark-1h``,
        ``trades-<account>``, or the name of an own series.
    step
        Length of a bar; 0 for what is no bars.
    missing, holes
        Bars that lack between first and last, and in how many places; 0 for what is no bars.
    age
        Time since the newest bar closed, since the newest row, or since the newest row of an own
        series became known.
    """

    exchange: str
    market: str
    symbol: str
    series: str
    rows: int
    first: pd.Timestamp
    last: pd.Timestamp
    step: pd.Timedelta
    missing: int
    holes: int
    age: pd.Timedelta


def inventory(cache: BarCache, now: pd.Timestamp) -> list[Stored]:
    """Return all series of a store, in the order of their names.

    Raises
    ------
    ClmError
        DataInvalid: a stored month can't be read.
    """
    places: dict[SeriesLayout, list[str]] = {}
    for path in cache.store.list(BARS):
        if (month := month_of(path)) is not None:
            places.setdefault(series_of(path), []).append(month)
    found = [_stored(cache, place, sorted(places[place]), now) for place in sorted(places)]
    return [*found, *_own(cache.store, now)]


def _own(store: Storage, now: pd.Timestamp) -> list[Stored]:
    """Return the own series, one for each symbol that has rows."""
    paths = store.list(SERIES)
    found = []
    for name in sorted({path.removeprefix(f"{SERIES}/").split("/")[0] for path in paths}):
        series = OwnSeries(store, name)
        header, months = series.header(), [p for p in paths if p.startswith(f"{SERIES}/{name}/")]
        for symbol in sorted({*map(OwnSeriesLayout.symbol_at, filter(month_of, months))}):
            rows = None if header is None else series.read(header, symbol)
            if rows is not None and len(rows):
                times, known = rows["timestamp"], rows["available_at"].max()
                found.append(
                    Stored("", "", symbol, name, len(rows), times.min(), times.max(),
                           pd.Timedelta(0), 0, 0, now - known)
                )  # fmt: skip
    return found


def _stored(cache: BarCache, place: SeriesLayout, months: list[str], now: pd.Timestamp) -> Stored:
    key, step = _key(place)
    start, stop = pd.Timestamp(months[0], tz="UTC"), pd.Timestamp(months[-1], tz="UTC")
    found = cache.arrays(key, start, stop + pd.Timedelta("32D"))["timestamp"]
    times = pd.DatetimeIndex(np.asarray(found)).tz_localize("UTC")
    gaps = holes(times, step) if step else []
    return Stored(
        exchange=place.venue,
        market=place.market,
        symbol=place.symbol,
        series=place.series,
        rows=len(times),
        first=times[0],
        last=times[-1],
        step=step,
        missing=sum(hole.bars for hole in gaps),
        holes=len(gaps),
        age=now - times[-1] - step,
    )


def _key(place: SeriesLayout) -> tuple[Series, pd.Timedelta]:
    symbol = place.venue, place.market, place.symbol
    if place.series in TIMEFRAME_SECONDS:
        bars = BarKey(*symbol, place.series)
        return bars, bars.step
    if place.series.partition("-")[0] in KINDS:
        column = ColumnKey(*symbol, place.series)
        return column, column.step
    if place.series == FUNDING:
        return FundingKey(*symbol), pd.Timedelta(0)
    return TradesKey(*symbol, account_of(place.series)), pd.Timedelta(0)
