"""What the cache holds: ranges, holes and age of every series, for people."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_api.layout import BARS, FUNDING, SeriesLayout, account_of, month_of, series_of
from clm_api.timing import TIMEFRAME_SECONDS
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache, Series
from clm_trainer.sources.funding import FundingKey
from clm_trainer.sources.gate import holes
from clm_trainer.sources.own_trades import TradesKey


@dataclass(frozen=True)
class Stored:
    """One series.

    Parameters
    ----------
    series
        A timeframe, ``funding``, or ``trades-<account>``.
    step
        Length of a bar; 0 for what is no bars.
    missing, holes
        Bars that lack between first and last, and in how many places; 0 for what is no bars.
    age
        Time since the newest bar closed, or since the newest row.
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
    return [_stored(cache, place, sorted(places[place]), now) for place in sorted(places)]


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
    if place.series == FUNDING:
        return FundingKey(*symbol), pd.Timedelta(0)
    return TradesKey(*symbol, account_of(place.series)), pd.Timedelta(0)
