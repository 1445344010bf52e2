"""Cost honesty: what a result owes to trading little, to low costs, or to the market itself."""

from dataclasses import dataclass

from clm_trainer.evaluation import backtest, metrics
from clm_trainer.evaluation.backtest import Backtest
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


def cost_figures(result: Backtest, rows: slice = slice(None)) -> CostFigures:
    """Return the figures of some rows of a backtest.

    Parameters
    ----------
    rows
        The block; the window is never cut, so positions carry over its borders.
    """

    def returns_at(bps: float) -> Floats:
        return backtest.net_returns(play.at(bps))[rows]

    play = result.play
    year = play.window.bars_per_year
    held = backtest.bar_returns(result.equity["benchmark"].to_numpy())[rows]
    return CostFigures(
        turnover=float(result.traded[rows].mean() * year),
        exposure=float(result.exposed[rows].mean()),
        break_even_bps=metrics.break_even_bps(lambda bps: float(returns_at(bps).mean())),
        sharpe_at_double_cost=metrics.annual_sharpe(returns_at(2 * play.cost_bps), year),
        buy_and_hold_sharpe=metrics.annual_sharpe(held, year),
    )
