"""All sleeves together: equity, costs and trades as the run's frames hold them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_trainer.recompute.claims import Floats
from clm_trainer.recompute.market import Bars, Market
from clm_trainer.recompute.sleeve import Sleeve, Trade


@dataclass(frozen=True, eq=False)
class Book:
    """What the positions made of equity 1.0.

    Parameters
    ----------
    traded
        Traded notional over the sleeve's equity before the fill, mean over sleeves, at each bar.
    exposed
        Share of equity in positions at each bar.
    """

    equity: pd.DataFrame
    trades: pd.DataFrame
    traded: Floats
    exposed: Floats
    ruined: list[str]


def keep_book(market: Market, rate: float) -> Book:
    """Account for the positions at a cost per notional."""
    bars, sleeves = len(market.times), _strategy(market, rate)
    equity = _equity(market, sleeves)
    before = np.concatenate([[1.0], equity[:-1]])
    net = returns_of(equity)
    cost = _ratio(_mean([_placed(s.cost, s.bars, bars) for s in sleeves]), before)
    funding = _ratio(_mean([_placed(s.funding, s.bars, bars) for s in sleeves]), before)
    held = _ratio(_mean([_carried(s.held, s.bars, bars, 0.0) for s in sleeves]), equity)
    benchmark = [Sleeve(b, rate).follow((b.row >= 1).astype(float)) for b in market.sleeves]
    frame = pd.DataFrame(
        {
            "time": market.times,
            "equity": equity,
            "net_return": net,
            "gross_return": net + cost - funding,
            "cost": cost,
            "funding": funding,
            "benchmark": _equity(market, benchmark),
        }
    )
    return Book(
        equity=frame,
        trades=_trades(market, sleeves),
        traded=_mean([_placed(s.traded, s.bars, bars) for s in sleeves]),
        exposed=held,
        ruined=[name for name, s in zip(market.symbols, sleeves, strict=True) if s.ruined],
    )


def net_returns(market: Market, rate: float) -> Floats:
    """Return the bar returns of the same positions at another cost, shape (bars,)."""
    return returns_of(_equity(market, _strategy(market, rate)))


def returns_of(equity: Floats) -> Floats:
    """Return each bar's change, the first against 1.0; 0 once all is lost."""
    before = np.concatenate([[1.0], equity[:-1]])
    return np.where(before > 0, equity / np.where(before > 0, before, 1.0) - 1, 0.0)


def _strategy(market: Market, rate: float) -> list[Sleeve]:
    """Each target, decided at a close, is held from the next existing open; the first is flat."""
    return [
        Sleeve(bars, rate).follow(np.concatenate([[0.0], bars.target])[:-1])
        for bars in market.sleeves
    ]


def _equity(market: Market, sleeves: list[Sleeve]) -> Floats:
    return _mean([_carried(s.mark, s.bars, len(market.times), 1.0) for s in sleeves])


def _carried(values: Floats, bars: Bars, count: int, before: float) -> Floats:
    """Lay values on the full grid; a hole repeats the last one."""
    last = np.searchsorted(bars.row, np.arange(count), side="right")
    return np.concatenate([[before], values])[last]


def _placed(values: Floats, bars: Bars, count: int) -> Floats:
    """Lay amounts on the full grid; a hole has none."""
    out = np.zeros(count)
    out[bars.row] = values
    return out


def _mean(columns: list[Floats]) -> Floats:
    mean: Floats = np.mean(columns, axis=0)
    return mean


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.0)


def _trades(market: Market, sleeves: list[Sleeve]) -> pd.DataFrame:
    pairs = zip(market.symbols, sleeves, strict=True)
    rows = [_row(market, symbol, trade) for symbol, s in pairs for trade in s.trades]
    return pd.DataFrame(rows, columns=TRADE_COLUMNS)


TRADE_COLUMNS = [
    "symbol", "side", "entry_time", "exit_time", "entry_price", "exit_price", "weight",
    "gross_pnl", "costs", "funding", "net_pnl", "bars", "closed",
]  # fmt: skip


def _row(market: Market, symbol: str, trade: Trade) -> dict[str, object]:
    net = trade.end / trade.start - 1
    costs, funding = trade.costs / trade.start, trade.funding / trade.start
    return {
        "symbol": symbol,
        "side": trade.side,
        "entry_time": market.times[trade.entry_row],
        "exit_time": market.times[trade.exit_row],
        "entry_price": trade.entry_price,
        "exit_price": trade.exit_price,
        "weight": trade.weight,
        "gross_pnl": net + costs - funding,
        "costs": costs,
        "funding": funding,
        "net_pnl": net,
        "bars": trade.exit_row - trade.entry_row,
        "closed": trade.closed,
    }
