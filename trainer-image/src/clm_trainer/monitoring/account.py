"""The account's fills since the promotion, fetched with the mounted key and kept in the store."""

import pandas as pd

from clm_api.errors import ClmError
from clm_api.execution import ExecutionStatus
from clm_api.reasons import Reason
from clm_api.replay import Contender
from clm_trainer.monitoring.execution import execution
from clm_trainer.monitoring.orders import Fill
from clm_trainer.monitoring.replay import live_from
from clm_trainer.monitoring.stretch import Track
from clm_trainer.sources.asked import Asked
from clm_trainer.sources.cache import BarCache
from clm_trainer.stages.own_trades import updated_trades
from clm_trainer.storage import Storage


def executed(
    track: Track, champion: Contender, store: Storage, asked: Asked | None = None
) -> ExecutionStatus | None:
    """Return what the account did of the champion's decisions; None while there is no bar.

    Raises
    ------
    ClmError
        ExchangeDenied: no key is mounted, or the exchange refuses it. DataUnavailable: the
        exchange is away, so a missing fill would mean nothing. DataInvalid. StorageDenied,
        StorageUnavailable.
    """
    start = live_from(track, champion)
    bars = len(track.panel) - track.row(start)
    if bars < 1:
        return None
    result = track.stretch(start, bars).result
    since, end = pd.Timestamp(champion.since), start + bars * track.model.timeframe
    data = track.model.spec.data
    series, notes = updated_trades(data, track.panel.symbols, store, start, asked)
    if notes:
        raise ClmError(Reason.DATA_UNAVAILABLE, f"fills are not compared: {'; '.join(notes)}")
    cache = BarCache(store)
    fills = {key.symbol: _fills(cache.read(key, start, end)) for key in series}
    return execution(result, fills, since)


def _fills(frame: pd.DataFrame) -> list[Fill]:
    columns = (frame[name] for name in ("timestamp", "side", "price", "quantity"))
    return [
        Fill(time, int(side), price, quantity)
        for time, side, price, quantity in zip(*columns, strict=True)
    ]
