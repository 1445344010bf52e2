"""The accounting loop: positions and prices in, marks and trades out. The contract in code.

One file, because numba's cache doesn't notice a change of a function in another file.
"""

import numpy as np
from numpy.typing import NDArray

from clm_trainer.evaluation.tiers import Tiered
from clm_trainer.panel import Bools, Floats

Ints = NDArray[np.int64]
_RUINED = 1e-12
_BLOCK = 64
_FIRST_TRADES = 16
_FIRST_FILLS = 64

TRADE_COLUMNS = (
    "symbol", "side", "entry_row", "exit_row", "entry_price", "exit_price", "weight",
    "gross_pnl", "costs", "funding", "net_pnl", "closed",
)  # fmt: skip


@Tiered
def _fill(equity: float, held: float, weight: float, rate: float) -> float:
    """Return the equity after a position worth ``held`` became ``weight`` of that equity."""
    share = held / equity
    if weight >= share:
        return equity * (1 + rate * share) / (1 + rate * weight)
    return equity * (1 - rate * share) / (1 - rate * weight)


@Tiered
def _note(
    row: Floats, leave: int, price: float, end: float, paid: float, got: float, closed: float
) -> None:
    """Complete a trade; ``row[10]`` held the sleeve at entry until now."""
    start = row[10]
    row[3], row[5] = leave, price
    row[8], row[9], row[10] = paid / start, got / start, end / start - 1
    row[7] = row[10] + row[8] - row[9]
    row[11] = closed


@Tiered
def _quiet(targets: Floats, gap: Bools, now: float) -> int:
    """Return after how many bars something else than marking is due: a hole, or a fill.

    Without targets nothing is decided, so only a hole is due.
    """
    quiet, bars, decided = 0, len(gap), len(targets) > 0
    # Counting a whole block needs no branch, so many of its bars are compared at once.
    while quiet + _BLOCK <= bars:
        changed, holes = 0, np.uint8(0)
        if decided:
            for t in range(quiet, quiet + _BLOCK):
                changed += targets[t] != now
        for t in range(quiet, quiet + _BLOCK):
            holes |= np.uint8(gap[t])
        if changed or holes:
            break
        quiet += _BLOCK
    for t in range(quiet, bars):
        if gap[t]:
            return t
        if decided and targets[t] != now:
            return t + 1
    return bars


@Tiered
def _hold(close: Floats, cash: float, units: float, marks: Floats, held: Floats) -> int:
    """Mark bars without fills; return how many there are before ruin."""
    ruinous = 0
    for t in range(len(close)):
        mark = cash + units * close[t]
        marks[t] = mark
        ruinous += mark <= 0
    for t in range(len(held)):
        held[t] = abs(units * close[t])
    before = len(close)
    if ruinous:
        before = 0
        while marks[before] > 0:
            before += 1
    return before


@Tiered
def sleeves(
    targets: Floats,
    open_: Floats,
    close: Floats,
    gap: Bools,
    at_open: Floats,
    inside: Floats,
    rate: float,
    wanted_before: float,
    marks: Floats,
    funding: Floats,
    held: Floats,
) -> tuple[Floats, Floats]:
    """Run every sleeve from equity 1.0, each on its own.

    All arrays are of shape (symbols, bars): a symbol's bars lie side by side in memory.

    Parameters
    ----------
    targets
        Decided at each close; a hole's bar is not read. No bars where nothing is ever decided.
    open_, close, gap
        Prices, and where there are none.
    at_open, inside
        Funding due per unit held (mark price × rate) at a bar's open and inside it; no bars where
        nothing was ever due.
    rate
        Cost per notional.
    wanted_before
        Target that bar 0 brings along; it fills at bar 1 (the benchmark's 1.0).
    marks
        Written: value of the sleeve at each close. All results are in units of its start.
    funding
        Written if funding is due and it has bars: what was received; it starts as zeros.
    held
        Written unless it has no bars: value held. Without bars no fills are returned either.

    Returns
    -------
    tuple
        Trades with ``TRADE_COLUMNS``, an open one last of its symbol; and what each bar with
        fills came to: symbol, row, costs paid, traded share of the sleeve's equity.
    """
    symbols, bars = close.shape
    decided = targets.shape[1] > 0
    funded, whole = at_open.shape[1] > 0, held.shape[1] > 0
    trades, fills = np.zeros((_FIRST_TRADES, 12)), np.zeros((_FIRST_FILLS, 4))
    count, filled = 0, 0
    for s in range(symbols):
        cash, units, mark, value = 1.0, 0.0, 1.0, 0.0
        now, wanted = 0.0, wanted_before
        paid, got, due = 0.0, 0.0, 0.0
        last, t = 0, 0
        while t < bars:
            if gap[s, t]:
                if funded:
                    due += units * (at_open[s, t] + inside[s, t])
                marks[s, t] = mark
                if whole:
                    held[s, t] = value
                t += 1
                continue
            ruined = False
            if funded:
                due += units * at_open[s, t]
                cash, got = cash - due, got - due
                if whole:
                    funding[s, t] = -due
                due = 0.0
            if wanted != now and t > 0:
                price = open_[s, t]
                flips = now * wanted < 0
                cost, turned = 0.0, 0.0
                for leg in range(2 if flips else 1):
                    aim = 0.0 if flips and leg == 0 else wanted
                    before = cash + units * price
                    after = _fill(before, units * price, aim, rate) if before > 0 else 0.0
                    if after <= 0:
                        ruined = True
                        break
                    next_units = aim * after / price
                    cost += before - after
                    turned += abs(next_units - units) * price / before
                    if units == 0.0:
                        paid, got = 0.0, 0.0
                        if count == len(trades):
                            trades = np.concatenate((trades, np.zeros_like(trades)))
                        row = trades[count]
                        row[0], row[1], row[2] = s, np.sign(aim), t
                        row[4], row[6], row[10] = price, abs(aim), before
                    paid += before - after
                    if aim == 0.0:
                        _note(trades[count], t, price, after, paid, got, 1.0)
                        count += 1
                    units, cash = next_units, after - next_units * price
                now = wanted
                if whole:
                    if filled == len(fills):
                        fills = np.concatenate((fills, np.zeros_like(fills)))
                    fills[filled, 0], fills[filled, 1] = s, t
                    fills[filled, 2], fills[filled, 3] = cost, turned
                    filled += 1
            if not ruined:
                price = close[s, t]
                if funded:
                    part = units * inside[s, t]
                    cash, got = cash - part, got - part
                    if whole:
                        funding[s, t] -= part
                mark = cash + units * price
                ruined = mark <= 0
            if ruined:
                _note(trades[count], t, price, 0.0, paid, got, 1.0)
                count += 1
                units = 0.0
                marks[s, t:] = 0.0
                if whole:
                    held[s, t:] = 0.0
                break
            value = abs(units * price)
            marks[s, t] = mark
            if whole:
                held[s, t] = value
            wanted, last = targets[s, t] if decided else wanted_before, t
            t += 1
            if wanted == now and not funded:
                stop = t + _quiet(targets[s, t:], gap[s, t:], now)
                t += _hold(close[s, t:stop], cash, units, marks[s, t:stop], held[s, t:stop])
                last = t - 1
                mark, value = marks[s, last], abs(units * close[s, last])
                wanted = targets[s, last] if decided else wanted_before
        if units != 0.0:
            _note(trades[count], last, close[s, last], mark, paid, got, 0.0)
            count += 1
    return trades[:count], fills[:filled]


@Tiered
def advance(
    actions: Ints,
    sides: Floats,
    weight: Floats,
    places: Ints,
    held: Floats,
    bars: int,
    open_: Floats,
    close: Floats,
    gap: Bools,
    rate: float,
) -> Floats:
    """Turn actions into targets, and move their sleeves over the next bars, each on its own ones.

    The accounting of ``sleeves`` without funding: rows after a sleeve's own are filled, then
    marked. An action on a missing bar is not read. One call for all, because a call from Python
    costs as much as the bars.

    Parameters
    ----------
    actions
        One a sleeve; ``sides`` has the side that each means.
    weight
        Size of a position that is entered on a bar, shape (symbols, bars).
    places
        Symbol of each sleeve; and, changed here: the bar on whose close it decides, which becomes
        the last one here, the age of its position in bars, and how many steps it has taken; shape
        (4, sleeves).
    held
        Side, wanted and held target, cash, units, value at the last close; changed here, shape
        (6, sleeves).
    open_, close, gap
        Shape (symbols, bars).

    Returns
    -------
    ndarray
        Log of each sleeve's growth; a ruined one stays at the smallest value that has a log.
    """
    symbol, row, age, steps = places[0], places[1], places[2], places[3]
    side, wanted, now, cash, units, equity = held[0], held[1], held[2], held[3], held[4], held[5]
    grown = np.zeros(len(row))
    for i in range(len(row)):
        s, decides = symbol[i], row[i]
        chosen = side[i] if gap[s, decides] else sides[actions[i]]
        kept, entered = chosen == side[i], chosen * weight[s, decides]
        aimed = wanted[i] if kept else entered
        age[i] = ((age[i] if kept else 0) + bars) if chosen != 0 else 0
        wanted[i], side[i] = aimed, chosen
        steps[i] += 1
        start = decides + 1
        target, money, count, value = now[i], cash[i], units[i], equity[i]
        row[i] += bars
        if count == 0.0 and aimed == target:
            continue
        for t in range(start, start + bars):
            if gap[s, t]:
                continue
            if aimed != target:
                price = open_[s, t]
                flips = target * aimed < 0
                for leg in range(2 if flips else 1):
                    aim = 0.0 if flips and leg == 0 else aimed
                    before = money + count * price
                    after = _fill(before, count * price, aim, rate) if before > 0 else 0.0
                    count = aim * after / price
                    money = after - count * price
                target = aimed
            value = money + count * close[s, t]
            if value <= 0:
                count, money, value, target = 0.0, _RUINED, _RUINED, aimed
        grown[i] = np.log(value / equity[i])
        now[i], cash[i], units[i], equity[i] = target, money, count, value
    return grown
