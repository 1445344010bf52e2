"""Which decision an account's fills belong to, symbol by symbol: both lists in, pairs out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from clm_trainer.evaluation.backtest import Backtest

LATE_BARS = 3
"""The fills of one decision lie within so many bars of its first one."""
HANDOVER_BARS = 1 + LATE_BARS
"""In the first bars since the promotion the account takes the model's positions over from whatever
it had: nothing is asked of them."""
SKEW = pd.Timedelta("5s")
"""So long before a close a fill may be stamped: clocks differ."""
DUST = 0.01
"""Fills of a bar that are worth less than this share of a usual order are no orders."""


@dataclass(frozen=True)
class Decision:
    """A change of one symbol's position.

    Parameters
    ----------
    known
        When it was decided: the close after which it may be filled.
    price
        Open at which the replay filled it: of the next bar that has one.
    before, after
        Targets, as fractions of the sleeve.
    units
        Change of the replay's units, where a sleeve starts with 1.0.
    sleeve
        The sleeve's value then.
    """

    known: pd.Timestamp
    price: float
    before: float
    after: float
    units: float
    sleeve: float


@dataclass(frozen=True)
class Fill:
    """A fill of the account: ``side`` is 1 for bought and -1 for sold."""

    time: pd.Timestamp
    side: int
    price: float
    quantity: float

    @property
    def notional(self) -> float:
        """What was paid or got."""
        return self.price * self.quantity


@dataclass
class Pair:
    """A decision, and the fills that carried it out.

    Parameters
    ----------
    held
        Target that the account had carried out before, as far as its fills tell.
    asked
        False within the handover: the account may have had the position already.
    """

    decision: Decision
    held: float
    asked: bool
    fills: list[Fill] = field(default_factory=list)

    @property
    def needed(self) -> int:
        """Side of the fills that lead to the decided position; 0 where it is there."""
        return int(np.sign(self.decision.after - self.held))

    @property
    def notional(self) -> float:
        """Value of its fills."""
        return sum(one.notional for one in self.fills)


@dataclass
class Matched:
    """What became of one symbol's decisions and fills."""

    pairs: list[Pair] = field(default_factory=list)
    unexplained: list[Fill] = field(default_factory=list)
    handed_over: list[Fill] = field(default_factory=list)


def decisions(result: Backtest, symbol: int) -> list[Decision]:
    """Return the changes of a symbol's position that a replay filled: it begins flat.

    Costs are left out: what was paid for them is no one's decision.
    """
    play = result.play
    window, targets = play.window, play.targets[:, symbol]
    open_, close, marks = window.open[:, symbol], window.close[:, symbol], result.sleeves[:, symbol]
    made: list[Decision] = []
    wanted, now, units, last = 0.0, 0.0, 0.0, -1
    for t in np.flatnonzero(~window.gap[:, symbol]).tolist():
        if last >= 0 and wanted != now:
            price = float(open_[t])
            sleeve = float(marks[last] + units * (price - close[last]))
            if sleeve <= 0:
                break
            known, held = window.times[last] + window.timeframe, wanted * sleeve / price
            made.append(Decision(known, price, now, wanted, held - units, sleeve))
            now, units = wanted, held
        wanted, last = float(targets[t]), t
    return made


def matched(
    decided: Sequence[Decision], fills: Sequence[Fill], taken_over: pd.Timestamp, step: pd.Timedelta
) -> Matched:
    """Return which fills carried out which decisions.

    A fill belongs to the newest decision before it if it leads to that decision's position, however
    late: a bot that was away goes to the position in force and not through those that it missed.
    Later fills belong to it too for ``LATE_BARS``.

    Parameters
    ----------
    fills
        In order of time.
    taken_over
        End of the handover.
    step
        Length of a bar.
    """
    out = Matched()
    held, waiting = 0.0, list(decided)
    for one in fills:
        held = _next_decisions(out, waiting, one.time, held, taken_over)
        if one.time < taken_over:
            out.handed_over.append(one)
        elif not _kept(out.pairs, one, step):
            out.unexplained.append(one)
    _next_decisions(out, waiting, None, held, taken_over)
    return out


def _next_decisions(
    out: Matched,
    waiting: list[Decision],
    until: pd.Timestamp | None,
    held: float,
    taken_over: pd.Timestamp,
) -> float:
    """Take up the decisions that were known by then; return what the account holds before it."""
    while waiting and (until is None or waiting[0].known - SKEW <= until):
        if out.pairs and (out.pairs[-1].fills or not out.pairs[-1].asked):
            held = out.pairs[-1].decision.after
        decision = waiting.pop(0)
        out.pairs.append(Pair(decision, held, asked=decision.known >= taken_over))
    return held


def _kept(pairs: list[Pair], fill: Fill, step: pd.Timedelta) -> bool:
    """Add a fill to the decision that it carries out, if there is one."""
    late = LATE_BARS * step
    if pairs and fill.side == pairs[-1].needed:
        newest = pairs[-1].fills
        if not newest or fill.time < newest[0].time + late:
            newest.append(fill)
            return True
    if len(pairs) > 1 and fill.side == pairs[-2].needed:  # an order that a new decision overtook
        before, first = pairs[-2], pairs[-2].decision.known
        if fill.time < (before.fills[0].time if before.fills else first) + late:
            before.fills.append(fill)
            pairs[-1].held = before.decision.after
            return True
    return False


def without_dust(found: Matched, usual: float) -> Matched:
    """Leave out what is worth next to nothing beside a usual order, in either list.

    Parameters
    ----------
    usual
        Value of a usual order of the symbol; 0 where none is known.
    """
    for pair in found.pairs:
        if pair.notional < DUST * usual:
            pair.fills.clear()
    kept = [one for one in found.unexplained if one.notional >= DUST * usual]
    return Matched(found.pairs, kept, found.handed_over)


def usual_order(found: Matched) -> float:
    """Return the median value of a carried out decision; 0 without one."""
    values = [pair.notional for pair in found.pairs if pair.fills]
    return float(np.median(values)) if values else 0.0
