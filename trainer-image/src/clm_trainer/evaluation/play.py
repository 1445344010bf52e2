"""What is backtested: target positions on a window, and what it costs to trade them."""

from dataclasses import dataclass, replace

from clm_trainer.panel import Floats, Panel


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

    def rows(self, rows: slice) -> "Funding":
        """Return what is owed on some bars."""
        return Funding(self.at_open[rows], self.inside[rows])


@dataclass(frozen=True, eq=False)
class Play:
    """All that a backtest needs to know.

    Parameters
    ----------
    window
        The bars; row 0 is flat, the last row's decision is not executed.
    targets
        Shape (bars, symbols), in [-1, 1]: decided at each close.
    cost_bps
        Fee and slippage a side, in basis points of notional.
    funding
        Perpetuals only; in a hole it is charged at the next bar's open.
    """

    window: Panel
    targets: Floats
    cost_bps: float
    funding: Funding | None = None

    def at(self, cost_bps: float) -> "Play":
        """Return the same positions at other costs."""
        return replace(self, cost_bps=cost_bps)
