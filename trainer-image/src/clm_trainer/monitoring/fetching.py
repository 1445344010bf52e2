"""What a replay asks of exchanges, for a container that may not ask."""

import pandas as pd

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.replay import ReplayTask
from clm_trainer.host import Host
from clm_trainer.monitoring.contenders import Told, market_of, told
from clm_trainer.stages.own_trades import updated_trades

FIGURES_STAND = frozenset(
    {
        Reason.METRICS_REJECTED,
        Reason.ARTIFACT_CORRUPT,
        Reason.EXCHANGE_DENIED,
        Reason.DATA_UNAVAILABLE,
        Reason.DATA_INVALID,
    }
)
"""Reasons for which one finding is missing: the other figures stand."""


def fetch_for(task: ReplayTask, host: Host) -> None:
    """Bring all that a replay reads into the store.

    A version whose files say nothing is left to the replay, which tells why.

    Raises
    ------
    ClmError
        As for ``market_of``.
    """
    found = {one.version: told(one) for one in task.contenders}
    known = {name: one for name, one in found.items() if one is not None}
    if known:
        market_of(known, host.data, pd.Timestamp(task.slot), host.asked)
    champion = task.champion
    if champion is None or champion.version not in known:
        return
    if task.watch is not None and task.watch.own_trades:
        _fills(known[champion.version], pd.Timestamp(champion.since), host)


def _fills(champion: Told, since: pd.Timestamp, host: Host) -> None:
    """Ask for the account's fills since the promotion; why there are none is noted."""
    data = champion.spec.data
    start = since.floor(pd.Timedelta(data.timeframe))
    try:
        updated_trades(data, data.symbols, host.data, start, host.asked)
    except ClmError as error:
        if error.reason not in FIGURES_STAND:
            raise
