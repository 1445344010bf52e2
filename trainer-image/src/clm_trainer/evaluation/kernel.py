"""The accounting loop: positions and prices in, marks and trades out. The contract in code.

One file, because numba's cache doesn't notice a change of a function in another file.
"""

import numpy as np
from numba import njit

from clm_trainer.panel import Bools, Floats

TRADE_COLUMNS = (
    "symbol", "side", "entry_row", "exit_row", "entry_price", "exit_price", "weight",
    "gross_pnl", "costs", "funding", "net_pnl", "closed",
)  # fmt: skip


@njit(cache=True)  # type: ignore[untyped-decorator]
def _fill(equity: float, held: float, weight: float, rate: float) -> float:
    """Return the equity after a position worth ``held`` became ``weight`` of that equity."""
    share = held / equity
    if weight >= share:
        return equity * (1 + rate * share) / (1 + rate * weight)
    return equity * (1 - rate * share) / (1 - rate * weight)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _most_trades(targets: Floats) -> int:
    bars, symbols = targets.shape
    count: int = 2 * symbols
    for s in range(symbols):
        for t in range(1, bars):
            if targets[t, s] != targets[t - 1, s]:
                count += 1
    return count


@njit(cache=True)  # type: ignore[untyped-decorator]
def _note(
    row: Floats, leave: int, price: float, end: float, paid: float, got: float, closed: float
) -> None:
    """Complete a trade; ``row[10]`` held the sleeve at entry until now."""
    start = row[10]
    row[3], row[5] = leave, price
    row[8], row[9], row[10] = paid / start, got / start, end / start - 1
    row[7] = row[10] + row[8] - row[9]
    row[11] = closed


@njit(cache=True)  # type: ignore[untyped-decorator]
def sleeves(
    targets: Floats,
    open_: Floats,
    close: Floats,
    gap: Bools,
    at_open: Floats,
    inside: Floats,
    rate: float,
    wanted_before: float,
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Run every sleeve from equity 1.0, each on its own.

    Parameters
    ----------
    targets
        Decided at each close, shape (bars, symbols); a hole's row is not read.
    open_, close, gap
        Shape (bars, symbols).
    at_open, inside
        Funding due per unit held (mark price × rate) at a bar's open and inside it, shape
        (bars, symbols); the rows are not read where nothing was ever due (zero rows).
    rate
        Cost per notional.
    wanted_before
        Target that row 0 brings along; it fills at row 1 (the benchmark's 1.0).

    Returns
    -------
    tuple
        Marks, costs, funding, traded share of equity, value held: each (bars, symbols), in units
        of the sleeve's start; and trades with ``TRADE_COLUMNS``, an open one last of its symbol.
    """
    bars, symbols = targets.shape
    funded = len(at_open) > 0
    marks, costs = np.ones((bars, symbols)), np.zeros((bars, symbols))
    funding, traded = np.zeros((bars, symbols)), np.zeros((bars, symbols))
    held = np.zeros((bars, symbols))
    trades = np.zeros((_most_trades(targets), 12))
    count = 0
    for s in range(symbols):
        cash, units, mark, value = 1.0, 0.0, 1.0, 0.0
        now, wanted = 0.0, wanted_before
        paid, got, due = 0.0, 0.0, 0.0
        last, ruined = 0, False
        for t in range(bars):
            if ruined:
                marks[t, s] = 0.0
                continue
            if gap[t, s]:
                if funded:
                    due += units * (at_open[t, s] + inside[t, s])
                marks[t, s], held[t, s] = mark, value
                continue
            price = open_[t, s]
            if funded:
                due += units * at_open[t, s]
                cash, got, funding[t, s], due = cash - due, got - due, -due, 0.0
            if wanted != now and t > 0:
                flips = now * wanted < 0
                for leg in range(2 if flips else 1):
                    aim = 0.0 if flips and leg == 0 else wanted
                    before = cash + units * price
                    after = _fill(before, units * price, aim, rate) if before > 0 else 0.0
                    if after <= 0:
                        ruined = True
                        break
                    next_units = aim * after / price
                    costs[t, s] += before - after
                    traded[t, s] += abs(next_units - units) * price / before
                    if units == 0.0:
                        paid, got = 0.0, 0.0
                        row = trades[count]
                        row[0], row[1], row[2] = s, np.sign(aim), t
                        row[4], row[6], row[10] = price, abs(aim), before
                    paid += before - after
                    if aim == 0.0:
                        _note(trades[count], t, price, after, paid, got, 1.0)
                        count += 1
                    units, cash = next_units, after - next_units * price
                now = wanted
            if not ruined:
                price = close[t, s]
                if funded:
                    part = units * inside[t, s]
                    cash, got, funding[t, s] = cash - part, got - part, funding[t, s] - part
                mark = cash + units * price
                ruined = mark <= 0
            if ruined:
                _note(trades[count], t, price, 0.0, paid, got, 1.0)
                count += 1
                cash, units, mark = 0.0, 0.0, 0.0
            value = abs(units * price)
            marks[t, s], held[t, s] = mark, value
            wanted, last = targets[t, s], t
        if units != 0.0:
            _note(trades[count], last, close[last, s], mark, paid, got, 0.0)
            count += 1
    return marks, costs, funding, traded, held, trades[:count]
