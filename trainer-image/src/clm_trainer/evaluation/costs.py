"""Cost honesty: what a result owes to trading little, to low costs, or to the market itself."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from clm_trainer.evaluation import metrics
from clm_trainer.evaluation.backtest import Backtest, bar_returns
from clm_trainer.panel import Floats


@dataclass(frozen=True)
class CostFigures:
    """Figures of a window or of one block of it; None where undefined.

    Parameters
    ----------
    turnover
        Traded notional over the sleeve's equity per year, mean over sleeves.
    exposure
        Mean share of equity in positions.
    break_even_bps
        Cost a side at which the mean return would be 0.
    sharpe_at_double_cost, buy_and_hold_sharpe
        Annualised.
    """

    turnover: float
    exposure: float
    break_even_bps: float | None
    sharpe_at_double_cost: float | None
    buy_and_hold_sharpe: float | None


def cost_figures(
    result: Backtest,
    returns_at: Callable[[float], Floats],
    cost_bps: float,
    bars_per_year: float,
    rows: slice = slice(None),
) -> CostFigures:
    """Return the figures of some rows of a backtest.

    Parameters
    ----------
    returns_at
        Bar returns of the whole window, same targets, at a cost in basis points a side.
    rows
        The block; the window is never cut, so positions carry over its borders.
    """
    held = bar_returns(result.equity["benchmark"].to_numpy())[rows]
    return CostFigures(
        turnover=float(result.traded[rows].mean() * bars_per_year),
        exposure=float(result.exposed[rows].mean()),
        break_even_bps=metrics.break_even_bps(lambda bps: float(returns_at(bps)[rows].mean())),
        sharpe_at_double_cost=_annual(returns_at(2 * cost_bps)[rows], bars_per_year),
        buy_and_hold_sharpe=_annual(held, bars_per_year),
    )


def _annual(returns: Floats, bars_per_year: float) -> float | None:
    per_bar = metrics.sharpe_per_bar(returns)
    return None if per_bar is None else per_bar * math.sqrt(bars_per_year)
