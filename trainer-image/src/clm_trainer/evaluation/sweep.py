"""Many plays: the figures of each, without its frames."""

import math
from collections.abc import Sequence

import pandas as pd
from numba import njit

from clm_trainer.evaluation import metrics
from clm_trainer.evaluation.backtest import equity_and_trades
from clm_trainer.evaluation.kernel import TRADE_COLUMNS
from clm_trainer.evaluation.play import Play
from clm_trainer.panel import Floats

_NET_PNL, _CLOSED = TRADE_COLUMNS.index("net_pnl"), TRADE_COLUMNS.index("closed")


def sweep(plays: Sequence[Play]) -> pd.DataFrame:
    """Backtest every play on its own.

    Returns
    -------
    DataFrame
        One row per play; columns totalReturn, maxDrawdown, sharpe, sortino, trades, winRate and
        profitFactor as in ``Scores``; an undefined one is NaN.

    Raises
    ------
    ValueError
        A target is outside [-1, 1] or not a number.
    """
    if not all(play.targets.min() >= -1 and play.targets.max() <= 1 for play in plays):
        raise ValueError("target positions must lie in [-1, 1]")
    rows = [_figures(play) for play in plays]
    return pd.DataFrame(rows, dtype=float)


def _figures(play: Play) -> dict[str, float | None]:
    equity, trades = equity_and_trades(play)
    mean, deviation, downside, drawdown = _moments(equity)
    pnl = trades[trades[:, _CLOSED] == 1, _NET_PNL]
    year = math.sqrt(play.window.bars_per_year)
    return {
        "totalReturn": float(equity[-1] - 1),
        "maxDrawdown": drawdown,
        "sharpe": mean / deviation * year if deviation > 1e-15 else None,
        "sortino": mean / downside * year if downside > 0 else None,
        "trades": len(pnl),
        "winRate": metrics.win_rate(pnl),
        "profitFactor": metrics.profit_factor(pnl),
    }


@njit(cache=True)  # type: ignore[untyped-decorator]
def _moments(equity: Floats) -> tuple[float, float, float, float]:
    """Return mean, deviation (ddof 1) and downside of the bar returns, and the largest drawdown.

    ``metrics`` defines them; its arrays, one or more a step, would be most of a sweep's time.
    """
    bars = len(equity)
    total, losses, highest, drawdown, before = 0.0, 0.0, 1.0, 0.0, 1.0
    for t in range(bars):
        change = equity[t] / before - 1 if before > 0 else 0.0
        total += change
        losses += ((change - abs(change)) / 2) ** 2  # min(change, 0)², without a branch
        before = equity[t]
        if before > highest:
            highest = before
        elif before < highest * (1 - drawdown):
            drawdown = 1 - before / highest
    mean, squares, before = total / bars, 0.0, 1.0
    for t in range(bars):
        change = equity[t] / before - 1 if before > 0 else 0.0
        squares += (change - mean) ** 2
        before = equity[t]
    deviation = math.sqrt(squares / (bars - 1)) if bars > 1 else 0.0
    return mean, deviation, math.sqrt(losses / bars), drawdown
