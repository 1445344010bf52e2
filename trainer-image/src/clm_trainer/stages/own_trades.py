"""The account's own fills of a run's symbols, and the slippage that they really paid."""

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_api.data_spec import Refresh
from clm_api.errors import ClmError
from clm_api.run import RunData, RunSpec
from clm_api.training_schedule import Slippage
from clm_trainer.panel import Panel
from clm_trainer.sources.asked import Asked, Fills
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.own_trades import Keys, TradesKey
from clm_trainer.storage import Storage

_LOG = logging.getLogger(__name__)
LEAST_FILLS = 30


@dataclass(frozen=True, eq=False)
class OwnTrades:
    """Fills within a run's bars, and what they say of its costs.

    Parameters
    ----------
    fills
        Columns time (UTC), symbol, side (1 bought, −1 sold), price, quantity, open (of the bar
        in which it was filled), slippage_bps (how much worse than that open; positive: paid).
    measured_bps
        Mean slippage weighted by notional; None with fewer than 30 fills.
    charged_bps
        What the run charges a side.
    note
        Where that comes from, as a sentence.
    """

    fills: pd.DataFrame
    measured_bps: float | None
    charged_bps: float
    note: str

    def charged(self, spec: RunSpec) -> RunSpec:
        """Return the spec with the slippage that the run charges."""
        return spec.having(costs=spec.costs.having(slippage_bps=self.charged_bps))


def own_trades(
    spec: RunSpec, panel: Panel, store: Storage, asked: Asked | None = None
) -> OwnTrades | None:
    """Return the account's fills within the bars, or None for a run that reads none.

    Raises
    ------
    ClmError
        ExchangeDenied: no key is mounted, or the exchange refuses it; DataInvalid.
    """
    if not spec.data.own_trades:
        return None
    series, notes = updated_trades(spec.data, panel.symbols, store, panel.times[0], asked)
    cache, stop = BarCache(store), panel.times[-1] + panel.timeframe
    parts = [_with_opens(cache.read(key, panel.times[0], stop), panel, key) for key in series]
    fills = pd.concat(parts).sort_values("time", kind="stable", ignore_index=True)
    return _judged(fills, spec, notes)


def updated_trades(
    data: RunData,
    symbols: Sequence[str],
    store: Storage,
    start: pd.Timestamp,
    asked: Asked | None = None,
) -> tuple[list[TradesKey], list[str]]:
    """Return where the account's fills of some symbols are stored, once the newest are there.

    Where the exchange is away or may not be asked, those do that are stored.

    Parameters
    ----------
    start
        Older fills are of no use.
    asked
        Who asks the exchange; without it, this process does.

    Returns
    -------
    tuple
        One key a symbol, and notes that say why the newest fills may be missing.

    Raises
    ------
    ClmError
        ExchangeDenied: no key is mounted, or the exchange refuses it; DataInvalid.
    """

    def keys_of(account: str) -> list[TradesKey]:
        return [TradesKey(data.venue, data.market, symbol, account) for symbol in symbols]

    def ask() -> Fills:
        keys = Keys.mounted()
        if data.refresh is not Refresh.AUTO:
            return Fills(account=keys.account)
        series = keys_of(keys.account)
        return Fills(
            account=keys.account, notes=_update(data, series, keys, BarCache(store), start)
        )

    found = (asked or Asked()).fills(data, ask)
    return keys_of(found.account), found.notes


def _update(
    data: RunData, series: list[TradesKey], keys: Keys, cache: BarCache, start: pd.Timestamp
) -> list[str]:
    from clm_trainer.sources.exchange import Exchange
    from clm_trainer.sources.fills import fetch_own_trades
    from clm_trainer.sources.refusals import unavailable

    exchange = Exchange(data.exchange, data.market, sandbox=data.sandbox, keys=keys)
    with closing(exchange):
        try:
            fetch_own_trades(cache, exchange, series, data.timeframe, start)
        except ClmError as error:
            if not unavailable(error):
                raise
            note = f"went on with stored own trades: {error.message}"
            _LOG.warning(note, extra={"stage": "fetch"})
            return [note]
    return []


def _with_opens(frame: pd.DataFrame, panel: Panel, key: TradesKey) -> pd.DataFrame:
    """Lay fills beside the opens of their bars; those in a hole have none and are left out."""
    rows = np.asarray((frame["timestamp"] - panel.times[0]) // panel.timeframe, np.int64)
    opens = panel.open[rows, panel.symbols.index(key.symbol)]
    worse = frame["side"] * (frame["price"] / opens - 1) * 1e4
    fills = pd.DataFrame(
        {
            "time": frame["timestamp"],
            "symbol": pd.Series(key.symbol, index=frame.index, dtype="str"),
            "side": frame["side"].astype("int8"),
            "price": frame["price"],
            "quantity": frame["quantity"],
            "open": opens,
            "slippage_bps": worse,
        }
    )
    kept: pd.DataFrame = fills.loc[np.isfinite(opens)]
    return kept


def _judged(fills: pd.DataFrame, spec: RunSpec, notes: list[str]) -> OwnTrades:
    fixed, measured = spec.costs.slippage_bps, None
    if len(fills) >= LEAST_FILLS:
        notional = fills["price"] * fills["quantity"]
        measured = float((fills["slippage_bps"] * notional).sum() / notional.sum())
    wanted = spec.costs.slippage is Slippage.FROM_OWN_TRADES
    told = f"{len(fills)} own fills"
    if measured is None:
        text = f"{told}, fewer than {LEAST_FILLS}: slippage is not measured, {fixed:g} bp charged"
    elif wanted:
        text = f"{told} paid {measured:z.2f} bp of slippage: {max(measured, 0):z.2f} bp charged"
    else:
        text = f"{told} paid {measured:z.2f} bp of slippage; spec.costs.slippage is Fixed: "
        text += f"{fixed:g} bp charged"
    charged = max(measured, 0.0) if wanted and measured is not None else fixed
    return OwnTrades(fills, measured, charged, ". ".join([*notes, text]))
