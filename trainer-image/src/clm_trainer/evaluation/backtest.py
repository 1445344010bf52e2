"""The backtest: a play in, equity and trades out, costs on every fill.

Each symbol is a sleeve of 1/N of equity 1.0. The target decided at close t fills at the next
existing open; units change only when the target changes; the cost rate is charged on notional.
"""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clm_trainer.evaluation.kernel import TRADE_COLUMNS, sleeves
from clm_trainer.evaluation.play import Play
from clm_trainer.panel import Floats, Panel

Number = TypeVar("Number", np.float64, np.bool_)


@dataclass(frozen=True, eq=False)
class Backtest:
    """What a strategy did.

    Parameters
    ----------
    play
        What was backtested.
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

    play: Play
    equity: pd.DataFrame
    trades: pd.DataFrame
    sleeves: Floats
    traded: Floats
    exposed: Floats
    ruined: tuple[str, ...]


def run(play: Play) -> Backtest:
    """Backtest target positions on a window.

    Raises
    ------
    ValueError
        A target is outside [-1, 1] or not a number.
    """
    if not (np.abs(play.targets) <= 1).all():
        raise ValueError("target positions must lie in [-1, 1]")
    window = play.window
    marks, costs, funded, traded, held, trades = _sleeves(play)
    always_in = replace(play, targets=np.ones_like(play.targets))
    benchmark = _sleeves(always_in, wanted_before=1.0, whole=False)[0]
    equity = _mean(marks)
    before = np.concatenate([[1.0], equity[:-1]])
    net = bar_returns(equity)
    cost, received = _share(_mean(costs), before), _share(_mean(funded), before)
    frame = pd.DataFrame(
        {
            "time": window.times,
            "equity": equity,
            "net_return": net,
            "gross_return": net + cost - received,
            "cost": cost,
            "funding": received,
            "benchmark": _mean(benchmark),
        }
    )
    return Backtest(
        play=play,
        equity=frame,
        trades=_trade_frame(trades, window),
        sleeves=marks.T,
        traded=_mean(traded),
        exposed=_share(_mean(held), equity),
        ruined=tuple(s for s, end in zip(window.symbols, marks[:, -1], strict=True) if end <= 0),
    )


def net_returns(play: Play) -> Floats:
    """Return only the bar returns, shape (bars,): for sweeps over costs."""
    return bar_returns(equity_and_trades(play)[0])


def equity_and_trades(play: Play) -> tuple[Floats, Floats]:
    """Return the equity at each close, shape (bars,), and the trades: what ``run`` says, bare.

    Several times faster than ``run``: no cost, funding, exposure or benchmark series, no frames.

    Returns
    -------
    tuple
        Equity, and trades of shape (trades, 12) with ``TRADE_COLUMNS``.
    """
    made = _sleeves(play, whole=False)
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
    play: Play, *, wanted_before: float = 0.0, whole: bool = True
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Return what the kernel writes, each (symbols, bars), and the trades.

    Costs, funding, traded share and value held have no bars unless ``whole``: most of the time
    of a backtest is spent on getting memory for them.
    """
    window, targets = play.window, play.targets
    shape, none = targets.T.shape, np.empty((len(window.symbols), 0))
    at_open, inside = none, none
    if play.funding is not None:
        at_open, inside = _turned(play.funding.at_open), _turned(play.funding.inside)
    marks = np.empty(shape)
    costs, funded, traded, held = (np.zeros(shape) if whole else none for _ in range(4))
    trades = sleeves.on(targets.size)(
        _turned(targets), _turned(window.open), _turned(window.close), _turned(window.gap),
        at_open, inside, play.cost_bps / 1e4, wanted_before, marks, costs, funded, traded, held,
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
