"""The backtest: target positions on a panel in, equity and trades out, costs on every fill.

Each symbol is a sleeve of 1/N of equity 1.0. The target decided at close t fills at the next
existing open; units change only when the target changes; the cost rate is charged on notional.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clm_trainer.evaluation.kernel import TRADE_COLUMNS, sleeves
from clm_trainer.panel import Floats, Panel

Number = TypeVar("Number", np.float64, np.bool_)


@dataclass(frozen=True, eq=False)
class Funding:
    """What a perpetual's holder owes per unit held; negative: receives.

    Parameters
    ----------
    at_open
        Sum of mark price × rate of the events at a bar's open time, shape (bars, symbols):
        charged on the units held before that open's fills.
    inside
        The same of the events inside the bar: charged at its close on the units held then.
    """

    at_open: Floats
    inside: Floats


@dataclass(frozen=True, eq=False)
class Backtest:
    """What a strategy did.

    Parameters
    ----------
    equity
        Frame of n rows: time, equity, net_return, gross_return, cost, funding, benchmark.
    trades
        Frame with one row per trade, flat to flat; the last one of a symbol may be open.
    sleeves
        Value of each symbol's sleeve at each close, from 1.0, shape (bars, symbols).
    traded
        Traded notional over the sleeve's equity, mean over sleeves, shape (bars,).
    exposed
        Share of equity in positions at each close, shape (bars,).
    ruined
        Symbols whose sleeve fell to 0 (at a close, or at a fill) and was closed for good.
    """

    equity: pd.DataFrame
    trades: pd.DataFrame
    sleeves: Floats
    traded: Floats
    exposed: Floats
    ruined: tuple[str, ...]


def run(panel: Panel, targets: Floats, cost_bps: float, funding: Funding | None = None) -> Backtest:
    """Backtest target positions on a panel.

    Parameters
    ----------
    panel
        The window; row 0 is flat, the last row's decision is not executed.
    targets
        Shape (bars, symbols), in [-1, 1]: decided at each close.
    cost_bps
        Fee and slippage a side, in basis points of notional.
    funding
        Perpetuals only; in a hole it is charged at the next bar's open.

    Raises
    ------
    ValueError
        A target is outside [-1, 1] or not a number.
    """
    if not (np.abs(targets) <= 1).all():
        raise ValueError("target positions must lie in [-1, 1]")
    marks, costs, funded, traded, held, trades = _sleeves(panel, targets, cost_bps, funding)
    benchmark = _sleeves(
        panel, np.ones_like(targets), cost_bps, funding, wanted_before=1.0, whole=False
    )[0]
    equity = _mean(marks)
    before = np.concatenate([[1.0], equity[:-1]])
    net = bar_returns(equity)
    cost, received = _share(_mean(costs), before), _share(_mean(funded), before)
    frame = pd.DataFrame(
        {
            "time": panel.times,
            "equity": equity,
            "net_return": net,
            "gross_return": net + cost - received,
            "cost": cost,
            "funding": received,
            "benchmark": _mean(benchmark),
        }
    )
    return Backtest(
        equity=frame,
        trades=_trade_frame(trades, panel),
        sleeves=marks.T,
        traded=_mean(traded),
        exposed=_share(_mean(held), equity),
        ruined=tuple(s for s, end in zip(panel.symbols, marks[:, -1], strict=True) if end <= 0),
    )


def net_returns(
    panel: Panel, targets: Floats, cost_bps: float, funding: Funding | None = None
) -> Floats:
    """Return only the bar returns, shape (bars,): for sweeps over costs."""
    return bar_returns(equity_and_trades(panel, targets, cost_bps, funding)[0])


def equity_and_trades(
    panel: Panel, targets: Floats, cost_bps: float, funding: Funding | None = None
) -> tuple[Floats, Floats]:
    """Return the equity at each close, shape (bars,), and the trades: what ``run`` says, bare.

    Several times faster than ``run``: no cost, funding, exposure or benchmark series, no frames.

    Returns
    -------
    tuple
        Equity, and trades of shape (trades, 12) with ``TRADE_COLUMNS``.
    """
    made = _sleeves(panel, targets, cost_bps, funding, whole=False)
    return _mean(made[0]), made[-1]


def bar_returns(equity: Floats) -> Floats:
    """Return the change of each bar, the first against a start of 1.0; 0 once all is lost."""
    before = np.concatenate([[1.0], equity[:-1]])
    change: Floats = np.divide(equity, before, out=np.ones_like(equity), where=before > 0)
    return change - 1


def _mean(of_sleeves: Floats) -> Floats:
    mean: Floats = of_sleeves.mean(axis=0) if len(of_sleeves) > 1 else of_sleeves[0]
    return mean


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _sleeves(
    panel: Panel,
    targets: Floats,
    cost_bps: float,
    funding: Funding | None,
    *,
    wanted_before: float = 0.0,
    whole: bool = True,
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Return what the kernel writes, each (symbols, bars), and the trades.

    Costs, funding, traded share and value held have no bars unless ``whole``: most of the time
    of a backtest is spent on getting memory for them.
    """
    shape, none = targets.T.shape, np.empty((len(panel.symbols), 0))
    at_open, inside = none, none
    if funding is not None:
        at_open, inside = _turned(funding.at_open), _turned(funding.inside)
    marks = np.empty(shape)
    costs, funded, traded, held = (np.zeros(shape) if whole else none for _ in range(4))
    trades = sleeves.on(targets.size)(
        _turned(targets), _turned(panel.open), _turned(panel.close), _turned(panel.gap),
        at_open, inside, cost_bps / 1e4, wanted_before, marks, costs, funded, traded, held,
    )  # fmt: skip
    return marks, costs, funded, traded, held, trades


def _turned(values: NDArray[Number]) -> NDArray[Number]:
    """Return a symbol's bars side by side, shape (symbols, bars)."""
    return np.ascontiguousarray(values.T)


def _trade_frame(trades: Floats, panel: Panel) -> pd.DataFrame:
    rows = pd.DataFrame(trades, columns=list(TRADE_COLUMNS))
    entry, leave = (trades[:, i].astype(np.int64) for i in (2, 3))
    symbols = np.array(panel.symbols, dtype=object)[trades[:, 0].astype(int)]
    numbers = ("entry_price", "exit_price", "weight", "gross_pnl", "costs", "funding", "net_pnl")
    return pd.DataFrame(
        {
            "symbol": pd.Series(symbols, dtype="str"),
            "side": rows["side"].astype("int8"),
            "entry_time": panel.times[entry],
            "exit_time": panel.times[leave],
            **{name: rows[name] for name in numbers},
            "bars": leave - entry,
            "closed": rows["closed"].astype(bool),
        }
    )
