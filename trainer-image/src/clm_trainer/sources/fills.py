"""The account's own fills brought up to date in the cache."""

import re
from collections.abc import Iterator

import pandas as pd

from clm_trainer.sources.bans import Bans
from clm_trainer.sources.bars import BarKey, invalid
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.exchange import Exchange
from clm_trainer.sources.ledger import Span, note, note_revisions, read_ledger
from clm_trainer.sources.own_trades import TradesKey
from clm_trainer.sources.refusals import ExchangeBannedError
from clm_trainer.sources.revisions import Revision

_AHEAD = pd.Timedelta("31D")
_NUMBER = re.compile("[0-9]{1,40}")
_LATE = pd.Timedelta("1h")
"""An exchange may list a fill so much later."""


def fetch_own_trades(
    cache: BarCache,
    exchange: Exchange,
    series: list[TradesKey],
    timeframe: str,
    start: pd.Timestamp,
) -> None:
    """Fetch the fills that were not asked for yet, page by page.

    Parameters
    ----------
    timeframe
        Of the bars beside which the symbols' descriptions are kept.
    start
        Older fills are of no use.

    Raises
    ------
    ClmError
        As the exchange answers.
    """
    bans = Bans(cache.store, series[0].venue)
    bans.obey()
    try:
        now = exchange.now()  # signed requests go by the exchange's clock
        for key in series:
            bars = BarKey(key.venue, key.market, key.symbol, timeframe)
            known = read_ledger(cache.store, bars.layout).market
            if not (known and exchange.know(known)):
                exchange.market(key.symbol)
            if exchange.numbers_trades:
                _keep(cache, exchange, key, exchange.numbered_own_trades(key, _next_id(cache, key)))
                continue
            for span in read_ledger(cache.store, key.layout).left(Span(start, now)):
                since = int(span.start.timestamp() * 1000)
                _keep(cache, exchange, key, exchange.own_trades(key, since))
                note(cache.store, key.layout, [Span(span.start, now - _LATE)], {})
    except ExchangeBannedError as error:
        bans.record(error)
        raise


def _keep(
    cache: BarCache, exchange: Exchange, key: TradesKey, pages: Iterator[pd.DataFrame]
) -> None:
    for page in pages:
        if page.empty:
            continue
        twice: list[Revision] = []
        fills = key.cleaned(page, exchange.name, twice)
        written = cache.write(key, fills, exchange.name)
        if differ := (*twice, *written.revisions):
            note_revisions(cache.store, key.layout, differ)


def _next_id(cache: BarCache, key: TradesKey) -> int:
    """Return the number after the newest stored fill's; 0 asks for all."""
    newest = cache.newest(key, pd.Timestamp.now("UTC") + _AHEAD)
    if newest is None:
        return 0
    last = cache.arrays(key, newest, newest + pd.Timedelta("1s"))
    if odd := [name for name in last["id"] if not _NUMBER.fullmatch(name)]:
        text = f"{key.layout.folder}: {odd[0][:64]!r} is no id of {key.venue}, which numbers "
        raise invalid(text + "fills: remove the month that holds it; its fills are fetched again")
    return max(int(name) for name in last["id"]) + 1
