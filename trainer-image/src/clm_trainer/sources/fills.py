"""The account's own fills brought up to date in the cache."""

import pandas as pd

from clm_trainer.sources.bans import Bans
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.exchange import Exchange
from clm_trainer.sources.ledger import note_revisions, read_ledger
from clm_trainer.sources.own_trades import TradesKey
from clm_trainer.sources.refusals import ExchangeBannedError
from clm_trainer.sources.revisions import Revision

_AHEAD = pd.Timedelta("31D")


def fetch_own_trades(
    cache: BarCache, exchange: Exchange, series: list[TradesKey], timeframe: str
) -> None:
    """Fetch the fills that are newer than the stored ones, page by page.

    Parameters
    ----------
    timeframe
        Of the bars beside which the symbols' descriptions are kept.

    Raises
    ------
    ClmError
        As the exchange answers.
    """
    bans = Bans(cache.store, series[0].venue)
    bans.obey()
    try:
        exchange.now()  # signed requests go by the exchange's clock
        for key in series:
            bars = BarKey(key.venue, key.market, key.symbol, timeframe)
            known = read_ledger(cache.store, bars.layout).market
            exchange.know(known or exchange.market(key.symbol))
            for page in exchange.own_trades(key, _next_id(cache, key)):
                if len(page):
                    twice: list[Revision] = []
                    fills = key.cleaned(page, exchange.name, twice)
                    written = cache.write(key, fills, exchange.name)
                    if differ := (*twice, *written.revisions):
                        note_revisions(cache.store, key.layout, differ)
    except ExchangeBannedError as error:
        bans.record(error)
        raise


def _next_id(cache: BarCache, key: TradesKey) -> int:
    """Return the id after the newest stored fill's; 0 asks for all."""
    newest = cache.newest(key, pd.Timestamp.now("UTC") + _AHEAD)
    if newest is None:
        return 0
    last = cache.arrays(key, newest, newest + pd.Timedelta("1s"))
    return int(last["id"].max()) + 1
