"""One symbol's account: cash and units, fills at opens, marks at closes.

Between two events (a change of the target, funding) cash and units stand still, so the bars up to
the next event are marked at once.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from clm_trainer.recompute.claims import Floats
from clm_trainer.recompute.market import Bars


@dataclass
class Trade:
    """From flat to flat; rows are those of the full grid, amounts fractions of the sleeve's start.

    Parameters
    ----------
    start, end
        The sleeve before the entry fill and after the exit fill.
    """

    side: int
    entry_row: int
    entry_price: float
    weight: float
    start: float
    costs: float = 0.0
    funding: float = 0.0
    exit_row: int = -1
    exit_price: float = 0.0
    end: float = 0.0
    closed: bool = False


@dataclass(eq=False)
class Sleeve:
    """A sleeve that starts with 1.0 in cash and follows targets.

    Parameters
    ----------
    rate
        Cost per notional traded.

    Attributes
    ----------
    mark, cost, funding, held, traded
        At each existing bar: value at the close, what fills cost, funding received, value of the
        position, traded notional over the sleeve's equity before the fill. A sleeve that is lost
        stays at 0.
    trades
        The last one may be open.
    """

    bars: Bars
    rate: float
    ruined: bool = False
    trades: list[Trade] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.mark, self.cost, self.funding, self.held, self.traded = np.zeros(
            (5, len(self.bars.row))
        )
        self._cash, self._units, self._target = 1.0, 0.0, 0.0
        self._trade: Trade | None = None

    def follow(self, wanted: Floats) -> "Sleeve":
        """Hold ``wanted[i]`` from the open of existing bar i on; shape (existing bars,)."""
        bars = self.bars
        changes = np.diff(wanted, prepend=0.0) != 0
        events = np.flatnonzero(changes | (bars.due_at_open != 0) | (bars.due_inside != 0))
        edges = sorted({0, *events.tolist(), len(wanted)})
        for start, stop in pairwise(edges):
            self._open(start, float(wanted[start]))
            self._close(start, stop)
            if self.ruined:
                break
        if self._trade is not None:
            last = len(wanted) - 1
            self._end(last, bars.close[last], float(self.mark[last]), closed=False)
        return self

    def _open(self, bar: int, target: float) -> None:
        """Funding first, on what was held; then the fills, through flat if the side changes."""
        self._pay(bar, self._units * self.bars.due_at_open[bar])
        if target == self._target:
            return
        for leg in (0.0, target) if self._target * target < 0 else (target,):
            if not self.ruined:
                self._fill(bar, leg)
        self._target = target

    def _close(self, start: int, stop: int) -> None:
        """Mark the bars [start, stop); funding inside the first one comes before its mark."""
        if self.ruined:
            return
        self._pay(start, self._units * self.bars.due_inside[start])
        value = self._units * self.bars.close[start:stop]
        mark = self._cash + value
        lost = np.flatnonzero(mark <= 0)
        alive = int(lost[0]) if len(lost) else stop - start
        self.mark[start : start + alive] = mark[:alive]
        self.held[start : start + alive] = np.abs(value[:alive])
        if len(lost):
            self._ruin(start + alive, self.bars.close[start + alive])

    def _fill(self, bar: int, weight: float) -> None:
        """Trade until the position is ``weight`` of what the fill leaves of the sleeve."""
        price, rate = float(self.bars.open[bar]), self.rate
        before = self._cash + self._units * price
        if before <= 0:
            self._ruin(bar, price)
            return
        share = self._units * price / before
        sign = 1.0 if weight >= share else -1.0
        left = 1 + sign * rate * share
        if left <= 0:
            self._ruin(bar, price)
            return
        after = before * left / (1 + sign * rate * weight)
        units = weight * after / price
        if self._trade is None:
            side = 1 if weight > 0 else -1
            self._trade = Trade(side, int(self.bars.row[bar]), price, abs(weight), before)
        self._trade.costs += before - after
        self.cost[bar] += before - after
        self.traded[bar] += abs(units - self._units) * price / before
        self._units, self._cash = units, after - units * price
        if weight == 0:
            self._end(bar, price, after, closed=True)

    def _pay(self, bar: int, amount: float) -> None:
        if self._trade is not None:
            self._cash -= amount
            self.funding[bar] -= amount
            self._trade.funding -= amount

    def _ruin(self, bar: int, price: float) -> None:
        """Close what is held for nothing: the sleeve is lost and takes no further part."""
        self._end(bar, price, 0.0, closed=True)
        self._cash, self._units, self.ruined = 0.0, 0.0, True

    def _end(self, bar: int, price: float, end: float, *, closed: bool) -> None:
        trade = self._trade
        if trade is None:
            raise AssertionError("only a sleeve that holds something can end a trade")
        trade.exit_row, trade.exit_price = int(self.bars.row[bar]), float(price)
        trade.end, trade.closed = end, closed
        self.trades.append(trade)
        self._trade = None
