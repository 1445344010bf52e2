"""The backtest: a play in, equity and trades out, costs on every fill.

Each symbol is a sleeve of 1/N of equity 1.0. The target decided at close t fills at the next
existing open; units change only when the target changes; the cost rate is charged on notional.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clm_trainer.evaluation.kernel import TRADE_COLUMNS, Ints, sleeves
from clm_trainer.evaluation.play import Play
from clm_trainer.panel import Floats, Panel

_PIECE = 16384
"""Bars that are worked on at once."""
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


@dataclass(frozen=True, eq=False)
class _Sleeves:
    """What the kernel made of a play: marks, funding received, value held, each (symbols, bars)."""

    marks: Floats
    funded: Floats
    held: Floats
    trades: Floats
    fills: Floats


def run(play: Play) -> Backtest:
    """Backtest target positions on a window.

    Raises
    ------
    ValueError
        A target is outside [-1, 1] or not a number.
    """
    targets = play.targets
    if targets.size and not (targets.min() >= -1 and targets.max() <= 1):  # NaN is neither
        raise ValueError("target positions must lie in [-1, 1]")
    window = play.window
    made = _sleeves(play)
    equity = _mean(made.marks)
    # One piece of memory, of which only what is written is ever taken from the system.
    net, gross, cost, received, traded = np.zeros((5, len(equity)))
    rows = _lay_fills(made, equity, cost, traded)
    exposed = _mean(made.held)
    # Piece by piece, so that each is still in the processor's cache for the next step.
    for first in range(0, len(equity), _PIECE):
        piece = slice(first, first + _PIECE)
        before = equity[first - 1] if first else 1.0
        bar_returns(equity[piece], before, out=net[piece])
        gross[piece] = net[piece]
        _share(exposed[piece], equity[piece])
    gross[rows] += cost[rows]
    if made.funded.size:
        received[:] = _share(_mean(made.funded), np.concatenate([[1.0], equity[:-1]]))
        gross -= received
    columns = {
        "time": window.times,
        "equity": equity,
        "net_return": net,
        "gross_return": gross,
        "cost": cost,
        "funding": received,
        "benchmark": _mean(_sleeves(play, wanted_before=1.0, decided=False, whole=False).marks),
    }
    last = made.marks[:, -1]
    return Backtest(
        play=play,
        # Each column keeps its own memory: one block of them all would be written twice.
        equity=pd.DataFrame(columns, copy=False),
        trades=_trade_frame(made.trades, window),
        sleeves=made.marks.T,
        traded=traded,
        exposed=exposed,
        ruined=tuple(s for s, end in zip(window.symbols, last, strict=True) if end <= 0),
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
    return _mean(made.marks), made.trades


def bar_returns(equity: Floats, start: float = 1.0, out: Floats | None = None) -> Floats:
    """Return the change of each bar, the first against the start; 0 once all is lost."""
    change = np.empty_like(equity) if out is None else out
    change[:1] = equity[:1] / start if start > 0 else 1.0
    if equity.min(initial=1.0) > 0:
        np.divide(equity[1:], equity[:-1], out=change[1:])
    else:
        change[1:] = 1.0
        np.divide(equity[1:], equity[:-1], out=change[1:], where=equity[:-1] > 0)
    return np.subtract(change, 1, out=change)


def _mean(of_sleeves: Floats) -> Floats:
    mean: Floats = of_sleeves.mean(axis=0) if len(of_sleeves) > 1 else of_sleeves[0]
    return mean


def _share(part: Floats, whole: Floats) -> Floats:
    """Return ``part``, divided in place; 0 where the whole is lost."""
    if whole.min(initial=1.0) > 0:
        return np.divide(part, whole, out=part)
    lost = ~(whole > 0)
    np.divide(part, whole, out=part, where=~lost)
    part[lost] = 0.0
    return part


def _lay_fills(made: _Sleeves, equity: Floats, cost: Floats, traded: Floats) -> Ints:
    """Write what fills cost of the equity before them, and what they traded; return their rows."""
    rows, of_fill = np.unique(made.fills[:, 1].astype(np.int64), return_inverse=True)
    before = np.where(rows > 0, equity[rows - 1], 1.0)
    paid, turned = np.zeros((2, len(rows)))
    np.add.at(paid, of_fill, made.fills[:, 2])
    np.add.at(turned, of_fill, made.fills[:, 3])
    cost[rows] = _share(paid / len(made.marks), before)
    traded[rows] = turned / len(made.marks)
    return rows


def _sleeves(
    play: Play, *, wanted_before: float = 0.0, decided: bool = True, whole: bool = True
) -> _Sleeves:
    """Run the kernel on a play, or on a target that is never decided anew.

    Funding, value held and fills have no bars unless ``whole``: most of the time of a backtest
    is spent on getting memory for them.
    """
    window, shape = play.window, play.targets.T.shape
    none = np.empty((len(window.symbols), 0))
    at_open, inside, funded = none, none, none
    if play.funding is not None:
        at_open, inside = _turned(play.funding.at_open), _turned(play.funding.inside)
        funded = np.zeros(shape) if whole else none
    marks, held = np.empty((2, *shape)) if whole else (np.empty(shape), none)
    trades, fills = sleeves.on(play.targets.size)(
        _turned(play.targets) if decided else none,
        _turned(window.open), _turned(window.close), _turned(window.gap),
        at_open, inside, play.cost_bps / 1e4, wanted_before, marks, funded, held,
    )  # fmt: skip
    return _Sleeves(marks, funded, held, trades, fills)


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
