"""How Binance is asked for what it tells beside bars: numbers that ccxt drops from its answers."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pandas as pd

from clm_api.market_columns import FLOW, INTEREST
from clm_trainer.sources.bars import invalid
from clm_trainer.sources.columns import ColumnKey
from clm_trainer.sources.ledger import Span
from clm_trainer.sources.paging import Page, bar_pages
from clm_trainer.sources.venues import Bars, Order

KEPT_INTEREST = pd.Timedelta("30D")
"""How far back Binance tells the open interest."""
_INTEREST_PAGE = 500
_INTEREST_COST = 12
"""Of 2400 a minute, for 1000 requests in five minutes: these have a count of their own."""
_TAKER_BUY_VOLUME, _TRADES = 9, 8
"""Places in a kline."""
Ask = Callable[[Callable[[], Any]], pd.DataFrame]


def column_pages(
    client: Any, key: ColumnKey, span: Span, now: pd.Timestamp, rules: Bars, ask: Ask
) -> Iterator[Page]:
    """Yield pages of the rows in a span; what is of an open bar is left out by its time.

    Parameters
    ----------
    now
        The exchange's clock.
    rules
        How bars are asked for.
    ask
        Sends a request and returns its rows as a table.
    """
    interest = key.kind == INTEREST
    ended = now.floor(key.step) + (key.step if interest else 0 * key.step)
    start, stop = span.start, min(span.stop, ended)
    if interest and start < (oldest := _oldest_interest(key, now)):
        before = Span(start, min(oldest, span.stop))
        yield Page(ask(list), before)
        start = before.stop
    if start >= stop:
        return

    def page(since: pd.Timestamp, limit: int, _: pd.Timestamp | None) -> pd.DataFrame:
        until = since + limit * key.step
        rows = ask(partial(_rows, client, key, _ms(since), limit, _ms(until) - 1))
        if (rows["timestamp"] > now).any():
            raise invalid(f"{key}: a row is of the future: {rows['timestamp'].max()}")
        return rows

    size, order = (_INTEREST_PAGE, Order.UNKNOWN) if interest else (rules.page, rules.order)
    yield from bar_pages(Span(start, stop), key.step, size, order, page)


def _oldest_interest(key: ColumnKey, now: pd.Timestamp) -> pd.Timestamp:
    """Return the oldest time of which open interest may be asked, a row away from the limit."""
    return now.floor(key.step) - KEPT_INTEREST + 2 * key.step


def _rows(client: Any, key: ColumnKey, since: int, limit: int, until: int) -> list[list[Any]]:
    """Return an answer's rows: the time in milliseconds, then the columns of the series."""
    named = {"symbol": client.market(key.symbol)["id"], "limit": limit}
    span = {"startTime": since, "endTime": until}
    interval = client.timeframes[key.timeframe]
    if key.kind == FLOW:
        get = client.publicGetKlines if key.market == "spot" else client.fapiPublicGetKlines
        found = get({**named, **span, "interval": interval})
        return [[int(row[0]), row[_TAKER_BUY_VOLUME], row[_TRADES]] for row in found]
    if key.kind == INTEREST:
        params = {**named, **span, "period": interval}
        cost = {"cost": _INTEREST_COST}
        found = client.request("openInterestHist", ["fapiData"], "GET", params, cost)
        return [[int(row["timestamp"]), row["sumOpenInterest"]] for row in found]
    price = {"price": key.kind, "until": until}
    found = client.fetch_ohlcv(key.symbol, key.timeframe, since, limit, price)
    return [[row[0], row[4]] for row in found]


def _ms(time: pd.Timestamp) -> int:
    return int(time.timestamp() * 1000)
