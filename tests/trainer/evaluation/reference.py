"""The accounting contract once more, slow and plain: no numpy, no formula shared with the kernel.

A fill is found by iterating its definition (equity after = equity before - cost of the units that
are traded) instead of solving it.
"""

from dataclasses import dataclass, field

Series = list[float]


@dataclass
class Trade:
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


@dataclass
class Sleeve:
    rate: float
    cash: float = 1.0
    units: float = 0.0
    executed: float = 0.0
    trade: Trade | None = None
    dead: bool = False
    marks: Series = field(default_factory=list)
    costs: Series = field(default_factory=list)
    funding: Series = field(default_factory=list)
    held: Series = field(default_factory=list)
    traded: float = 0.0
    trades: list[Trade] = field(default_factory=list)

    def worth(self, price: float) -> float:
        return self.cash + self.units * price

    def pay(self, amount: float) -> None:
        self.cash -= amount
        self.funding[-1] -= amount
        if self.trade is not None:
            self.trade.funding -= amount

    def fill(self, weight: float, price: float, row: int) -> None:
        before = self.worth(price)
        if before <= 0:
            self.end(row, price)
            return
        after = before
        for _ in range(200):
            after = before - self.rate * abs(weight * after / price - self.units) * price
        if after <= 0:
            self.end(row, price)
            return
        units = weight * after / price
        cost = self.rate * abs(units - self.units) * price
        if self.trade is None:
            self.trade = Trade(1 if weight > 0 else -1, row, price, abs(weight), before)
        self.trade.costs += cost
        self.costs[-1] += cost
        self.traded += abs(units - self.units) * price / before
        self.units, self.cash = units, after - units * price
        if weight == 0:
            self.note(row, price, after, closed=True)

    def note(self, row: int, price: float, end: float, *, closed: bool) -> None:
        assert self.trade is not None
        trade = self.trade
        trade.exit_row, trade.exit_price, trade.end, trade.closed = row, price, end, closed
        self.trades.append(trade)
        self.trade = None

    def end(self, row: int, price: float) -> None:
        self.note(row, price, 0.0, closed=True)
        self.cash, self.units, self.dead = 0.0, 0.0, True


@dataclass
class Market:
    open: Series
    close: Series
    gap: list[bool]
    at_open: Series
    inside: Series


def sleeve(market: Market, targets: Series, *, rate: float) -> Sleeve:
    s, open_, close, gap = Sleeve(rate), market.open, market.close, market.gap
    at_open, inside = market.at_open, market.inside
    decided, owed, last = 0.0, 0.0, None
    for row in range(len(targets)):
        s.costs.append(0.0)
        s.funding.append(0.0)
        if s.dead or gap[row]:
            owed += s.units * (at_open[row] + inside[row])
            s.marks.append(s.marks[-1] if s.marks else 1.0)
            s.held.append(s.held[-1] if s.held else 0.0)
            continue
        s.pay(owed + s.units * at_open[row])
        owed = 0.0
        if row > 0 and decided != s.executed:
            legs = [0.0, decided] if s.executed * decided < 0 else [decided]
            for weight in legs:
                if not s.dead:
                    s.fill(weight, open_[row], row)
            s.executed = decided
        if not s.dead:
            s.pay(s.units * inside[row])
            if s.worth(close[row]) <= 0:
                s.end(row, close[row])
        s.marks.append(s.worth(close[row]))
        s.held.append(abs(s.units * close[row]))
        decided, last = targets[row], row
    if s.trade is not None:
        assert last is not None
        s.note(last, close[last], s.marks[-1], closed=False)
    return s
