"""The backtest: one loop over bars and symbols, exact accounting, costs on every fill.

Each symbol is a sleeve of 1/N of equity 1.0. The target decided at close t fills at the next
existing open; units change only when the target changes; the cost rate is charged on notional.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numba import njit

from clm_trainer.panel import Bools, Floats, Panel

TRADE_COLUMNS = (
    "side", "entry_row", "exit_row", "entry_price", "exit_price", "weight",
    "gross_pnl", "costs", "net_pnl", "closed",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Backtest:
    """What a strategy did.

    Parameters
    ----------
    equity
        Frame of n rows: time, equity, net_return, gross_return, cost, funding, benchmark.
    trades
        Frame with one row per trade, flat to flat; the last one of a symbol may be open.
    turnover
        Traded notional over the sleeve's equity per year, mean over sleeves.
    exposure
        Mean share of equity in positions.
    ruined
        Symbols whose sleeve fell to 0.
    """

    equity: pd.DataFrame
    trades: pd.DataFrame
    turnover: float
    exposure: float
    ruined: tuple[str, ...]


def run(panel: Panel, targets: Floats, cost_bps: float) -> Backtest:
    """Backtest target positions on a panel.

    Parameters
    ----------
    panel
        The window; row 0 is flat, the last row's decision is not executed.
    targets
        Shape (bars, symbols), in [-1, 1]: decided at each close.
    cost_bps
        Fee and slippage a side, in basis points of notional.
    """
    rate = cost_bps / 1e4
    marks, costs, traded, held, trades = _sleeves(targets, panel.open, panel.close, panel.gap, rate)
    hold = np.ones_like(targets)
    bench = _sleeves(hold, panel.open, panel.close, panel.gap, rate)[0].mean(axis=1)
    equity = marks.mean(axis=1)
    before = np.concatenate([[1.0], equity[:-1]])
    net = np.divide(equity, before, out=np.ones_like(equity), where=before > 0) - 1
    cost = np.divide(costs.mean(axis=1), before, out=np.zeros_like(equity), where=before > 0)
    frame = pd.DataFrame(
        {
            "time": panel.times,
            "equity": equity,
            "net_return": net,
            "gross_return": net + cost,
            "cost": cost,
            "funding": np.zeros_like(equity),
            "benchmark": bench,
        }
    )
    share = np.divide(held.mean(axis=1), equity, out=np.zeros_like(equity), where=equity > 0)
    return Backtest(
        equity=frame,
        trades=_trade_frame(trades, panel),
        turnover=float(traded.sum(axis=0).mean() / len(panel) * panel.bars_per_year),
        exposure=float(share.mean()),
        ruined=tuple(np.array(panel.symbols)[marks[-1] <= 0].tolist()),
    )


def net_returns(panel: Panel, targets: Floats, cost_bps: float) -> Floats:
    """Return only the bar returns, shape (bars,): for sweeps over costs."""
    marks = _sleeves(targets, panel.open, panel.close, panel.gap, cost_bps / 1e4)[0]
    equity = np.concatenate([[1.0], marks.mean(axis=1)])
    returns: Floats = equity[1:] / equity[:-1] - 1
    return returns


def _trade_frame(trades: Floats, panel: Panel) -> pd.DataFrame:
    rows = pd.DataFrame(trades[:, 1:], columns=list(TRADE_COLUMNS))
    entry, leave = rows["entry_row"].astype(int), rows["exit_row"].astype(int)
    symbols = np.array(panel.symbols, dtype=object)[trades[:, 0].astype(int)]
    return pd.DataFrame(
        {
            "symbol": pd.Series(symbols, dtype="str"),
            "side": rows["side"].astype("int8"),
            "entry_time": panel.times[entry],
            "exit_time": panel.times[leave],
            "entry_price": rows["entry_price"],
            "exit_price": rows["exit_price"],
            "weight": rows["weight"],
            "gross_pnl": rows["gross_pnl"],
            "costs": rows["costs"],
            "funding": np.zeros(len(rows)),
            "net_pnl": rows["net_pnl"],
            "bars": (leave - entry).astype("int64"),
            "closed": rows["closed"].astype(bool),
        }
    )


@njit(cache=True)  # type: ignore[untyped-decorator]
def _fill(equity: float, held: float, weight: float, rate: float) -> float:
    """Return the equity after moving a position of value ``held`` to ``weight`` of it."""
    share = held / equity
    if weight >= share:
        return equity * (1 + rate * share) / (1 + rate * weight)
    return equity * (1 - rate * share) / (1 - rate * weight)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _sleeves(
    targets: Floats, open_: Floats, close: Floats, gap: Bools, rate: float
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return marks, costs, traded share, position value (bars, symbols), and trades.

    A trade's columns: symbol, then those of ``TRADE_COLUMNS``.
    """
    bars, symbols = targets.shape
    marks = np.ones((bars, symbols))
    costs = np.zeros((bars, symbols))
    traded = np.zeros((bars, symbols))
    held = np.zeros((bars, symbols))
    rows = np.empty((bars * symbols + symbols, 11))
    count = 0
    for s in range(symbols):
        cash, units, mark = 1.0, 0.0, 1.0
        now, wanted = 0.0, 0.0
        start, paid, entry_row, entry_price = 1.0, 0.0, 0, 0.0
        last_row, last_close = 0, 0.0
        ruined = False
        for t in range(bars):
            if gap[t, s] or ruined:
                marks[t, s] = mark
                held[t, s] = held[t - 1, s] if t > 0 and not ruined else 0.0
                continue
            price = open_[t, s]
            if wanted != now:
                flips = now * wanted < 0
                for leg in range(2 if flips else 1):
                    aim = 0.0 if flips and leg == 0 else wanted
                    before = cash + units * price
                    if before <= 0:
                        break
                    after = _fill(before, units * price, aim, rate)
                    next_units = aim * after / price
                    fee = before - after
                    costs[t, s] += fee
                    traded[t, s] += abs(next_units - units) * price / before
                    if units == 0.0 and aim != 0.0:
                        start, paid, entry_row, entry_price = before, 0.0, t, price
                        now = aim
                    paid += fee
                    if aim == 0.0:
                        rows[count, 0], rows[count, 1] = s, np.sign(now)
                        rows[count, 2], rows[count, 3] = entry_row, t
                        rows[count, 4], rows[count, 5] = entry_price, price
                        rows[count, 6] = abs(now)
                        rows[count, 9] = after / start - 1
                        rows[count, 8] = paid / start
                        rows[count, 7] = rows[count, 9] + rows[count, 8]
                        rows[count, 10] = 1.0
                        count += 1
                        now = 0.0
                    units, cash = next_units, after - next_units * price
            mark = cash + units * close[t, s]
            if mark <= 0.0:
                mark, ruined = 0.0, True
                if units != 0.0:
                    rows[count, 0], rows[count, 1] = s, np.sign(units)
                    rows[count, 2], rows[count, 3] = entry_row, t
                    rows[count, 4], rows[count, 5] = entry_price, close[t, s]
                    rows[count, 6], rows[count, 9] = abs(now), -1.0
                    rows[count, 8] = paid / start
                    rows[count, 7], rows[count, 10] = rows[count, 8] - 1.0, 1.0
                    count += 1
                cash, units = 0.0, 0.0
            marks[t, s], held[t, s] = mark, abs(units * close[t, s])
            now = wanted if not ruined else 0.0
            wanted = targets[t, s]
            last_row, last_close = t, close[t, s]
        if units != 0.0:
            rows[count, 0], rows[count, 1] = s, np.sign(units)
            rows[count, 2], rows[count, 3] = entry_row, last_row
            rows[count, 4], rows[count, 5] = entry_price, last_close
            rows[count, 6] = abs(now)
            rows[count, 9] = mark / start - 1
            rows[count, 8] = paid / start
            rows[count, 7] = rows[count, 9] + rows[count, 8]
            rows[count, 10] = 0.0
            count += 1
    return marks, costs, traded, held, rows[:count]
