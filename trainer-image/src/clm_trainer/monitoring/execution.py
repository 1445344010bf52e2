"""Whether the bot does what the model says: the account's fills against the replayed positions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_api.execution import ExecutionStatus
from clm_trainer.evaluation.backtest import Backtest
from clm_trainer.monitoring.orders import (
    HANDOVER_BARS,
    LATE_BARS,
    Fill,
    Matched,
    Pair,
    decisions,
    matched,
    usual_order,
    without_dust,
)
from clm_trainer.panel import Panel

_LEAST_SIZES = 3
_ALIKE = 0.1
"""Orders tell the account's size if half of them, and three at least, agree so closely."""


@dataclass(frozen=True)
class Symbol:
    """One symbol's decisions and fills, and what is needed to put a price on them.

    Parameters
    ----------
    last
        Newest close.
    opens
        By the open time of each bar that is no hole.
    """

    found: Matched
    last: float
    opens: Mapping[pd.Timestamp, float]


def execution(
    result: Backtest, fills: Mapping[str, Sequence[Fill]], since: pd.Timestamp
) -> ExecutionStatus:
    """Compare an account's fills with what a replay did.

    Parameters
    ----------
    result
        The replay since the promotion; at least one bar.
    fills
        By symbol, in order of time; those before the promotion or after the last bar are left out.
    since
        When the version came into production.
    """
    window = result.play.window
    symbols = [_symbol(result, number, fills, since) for number in range(len(window.symbols))]
    pairs = [pair for one in symbols for pair in one.found.pairs]
    judged = window.times[-1] - (LATE_BARS - 1) * window.timeframe
    size, bps = account_size(pairs, len(symbols)), shortfall_bps(symbols, window.timeframe)
    behind = None if size is None else shortfall_return(symbols, size)
    return ExecutionStatus(
        from_=window.times[0],
        to=window.times[-1],
        fills=sum(len(_given(window, fills, since, name)) for name in window.symbols),
        decisions=len(pairs),
        unexplained=sum(len(one.found.unexplained) for one in symbols),
        missed=sum(p.asked and not p.fills and p.decision.known <= judged for p in pairs),
        shortfall_bps=bps,
        shortfall_return=behind,
        message=_words(pairs, bps, behind),
    )


def _given(
    window: Panel, fills: Mapping[str, Sequence[Fill]], since: pd.Timestamp, symbol: str
) -> list[Fill]:
    """Return a symbol's fills since the promotion, up to the last bar's close."""
    start, end = max(since, window.times[0]), window.times[-1] + window.timeframe
    return [one for one in fills.get(symbol, ()) if start <= one.time < end]


def _symbol(
    result: Backtest, number: int, fills: Mapping[str, Sequence[Fill]], since: pd.Timestamp
) -> Symbol:
    window = result.play.window
    step, given = window.timeframe, _given(window, fills, since, window.symbols[number])
    taken_over = window.times[0] + HANDOVER_BARS * step
    found = matched(decisions(result, number), given, taken_over, step)
    rows = np.flatnonzero(~window.gap[:, number])
    opens = window.open[rows, number].tolist()
    return Symbol(
        found=without_dust(found, usual_order(found)),
        last=float(window.close[rows[-1], number]) if len(rows) else 0.0,
        opens=dict(zip(window.times[rows], opens, strict=True)),
    )


def shortfall_bps(symbols: Sequence[Symbol], step: pd.Timedelta) -> float | None:
    """Return how much worse the explained fills were than the opens of their own bars.

    A fill in a hole is held against the open at which the replay filled its decision. The mean is
    weighted by notional; None without a fill.
    """
    paid, traded = 0.0, 0.0
    for symbol in symbols:
        for pair in symbol.found.pairs:
            for fill in pair.fills:
                opened = symbol.opens.get(fill.time.floor(step), pair.decision.price)
                paid += fill.side * (fill.price - opened) * fill.quantity
                traded += opened * fill.quantity
    return paid / traded * 1e4 if traded > 0 else None


def account_size(pairs: Sequence[Pair], symbols: int) -> float | None:
    """Return what the account was worth at the promotion, or None where its orders don't tell.

    The replay says how many units change hands for equity of 1.0, the order how many did. At least
    half of the orders, and three, must lie within a tenth of their median.
    """
    told = [
        sum(one.quantity for one in pair.fills) * symbols / abs(pair.decision.units)
        for pair in pairs
        if pair.asked and pair.fills and pair.held == pair.decision.before
    ]
    if not told:
        return None
    middle = float(np.median(told))
    alike = sum(abs(one - middle) <= _ALIKE * middle for one in told)
    return middle if alike >= max(_LEAST_SIZES, len(told) / 2) else None


def shortfall_return(symbols: Sequence[Symbol], size: float) -> float:
    """Return what the replay earned and the account did not, before costs, as a share of equity.

    Everything counts from the handover on: late and missing fills, prices, fills that no decision
    explains. All is valued at the newest close.
    """
    missing = 0.0
    for symbol in symbols:
        found = symbol.found
        counted = [pair for pair in found.pairs if pair.asked or pair.fills]
        for pair in counted:
            missing += pair.decision.units * (symbol.last - pair.decision.price) / len(symbols)
        for fill in [*found.unexplained, *(fill for pair in counted for fill in pair.fills)]:
            missing -= fill.side * fill.quantity * (symbol.last - fill.price) / size
    return missing


def _words(pairs: Sequence[Pair], bps: float | None, behind: float | None) -> str:
    done = sum(bool(pair.fills) for pair in pairs if pair.asked)
    asked = sum(pair.asked for pair in pairs)
    said = [
        f"{done} of {asked} decisions after the handover ({HANDOVER_BARS} bars) were carried out"
    ]
    if bps is not None:
        said.append(f"{bps:+z.1f} bp against the opens")
    if behind is None:
        said.append("the account's size can't be told from its orders, so there is no return")
    else:
        said.append(f"{behind:+z.2%} of equity behind the replay")
    return "; ".join(said)
