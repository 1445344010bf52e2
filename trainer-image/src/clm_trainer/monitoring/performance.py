"""Whether the version in production earns what its backtest promised."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_api.performance import DegradedBy, PerformanceFinding, PerformanceVerdict
from clm_trainer.evaluation.metrics import annual_sharpe
from clm_trainer.monitoring.limits import Limits, limits, look_lengths, shortfall
from clm_trainer.monitoring.promise import Promise
from clm_trainer.panel import Floats

_HOUR = 3600.0
_UNTIL = "it stays so until another version is in production"


@dataclass(frozen=True, eq=False)
class LiveResults:
    """What a version earned since its promotion.

    Parameters
    ----------
    start
        Open time of the first bar.
    timeframe
        Length of a bar.
    equity
        At each close, from 1.0; shape (bars,).
    returns
        Net returns, shape (bars,).
    """

    start: pd.Timestamp
    timeframe: pd.Timedelta
    equity: Floats
    returns: Floats

    @property
    def bars_per_step(self) -> int:
        """Bars whose returns are added up: the rules look once an hour at most."""
        return max(1, int(_HOUR // self.timeframe.total_seconds()))

    @property
    def steps_per_day(self) -> float:
        """Number of steps in a day."""
        return 86400 / self.timeframe.total_seconds() / self.bars_per_step

    @property
    def bars_per_year(self) -> float:
        """Number of bars in a year of 365.25 days."""
        return 365.25 * self.steps_per_day * self.bars_per_step

    def steps(self, returns: Floats) -> Floats:
        """Add up the returns of each whole step."""
        whole = len(returns) // self.bars_per_step * self.bars_per_step
        added: Floats = returns[:whole].reshape(-1, self.bars_per_step).sum(axis=1)
        return added


@dataclass(frozen=True)
class Fired:
    """A rule that speaks against the version.

    Parameters
    ----------
    bars
        Bars since the promotion after which it spoke; a longer replay says the same.
    """

    bars: int
    cause: DegradedBy
    words: str


def found(
    version: str,
    live: LiveResults,
    promise: Promise | None,
    *,
    max_drawdown: float,
    horizon_bars: int,
    seed: int,
) -> PerformanceFinding:
    """Hold live results against the promise.

    Each rule looks at the bars up to its own last one, so more bars never change what it said.
    What speaks first is the cause, and the version stays degraded whatever follows.

    Parameters
    ----------
    promise
        None: the backtest had no variance, so only the drawdown is looked at.
    max_drawdown
        Fall from the running maximum that live equity may have at most.
    horizon_bars
        What the model looks ahead; a block of the bootstrap is twice as long.
    """
    bound = None if promise is None else limits_of(promise, live, horizon_bars, seed)
    first, steps = first_fired(live, bound, max_drawdown), live.steps(live.returns)
    fallen = _drawdown(live.equity)
    bars = len(live.returns)
    return PerformanceFinding(
        version=version,
        verdict=_verdict(first, bound, len(steps)),
        cause=None if first is None else first.cause,
        from_=live.start,
        to=live.start + (bars - 1) * live.timeframe,
        bars=bars,
        sharpe=annual_sharpe(live.returns, live.bars_per_year),
        promised_sharpe=None if promise is None else promise.annual_sharpe(live.bars_per_year),
        cusum=None if bound is None else _newest(shortfall(steps, bound.reference)),
        cusum_limit=None if bound is None else bound.cusum,
        drawdown=float(fallen.max(initial=0.0)),
        max_drawdown=max_drawdown,
        message=_words(first, bound, live, len(steps)),
    )


def limits_of(promise: Promise, live: LiveResults, horizon_bars: int, seed: int) -> Limits | None:
    """Return what the promise allows; None where the backtest is too short to tell."""
    block = max(1, math.ceil(2 * horizon_bars / live.bars_per_step))
    return limits(live.steps(promise.shifted), live.steps_per_day, block, seed)


def first_fired(live: LiveResults, bound: Limits | None, max_drawdown: float) -> Fired | None:
    """Return what spoke first against the version, if anything did."""
    steps = live.steps(live.returns)
    fired = _drawdowns(_drawdown(live.equity), max_drawdown)
    if bound is not None:
        fired += _looks(steps, bound, live) + _cusum(steps, bound, live)
    return min(fired, key=lambda one: one.bars, default=None)


def _drawdown(equity: Floats) -> Floats:
    """Return the fall from the running maximum, the start of 1.0 included, at each close."""
    fallen: Floats = 1 - equity / np.maximum.accumulate(np.maximum(equity, 1.0))
    return fallen


def _newest(values: Floats) -> float:
    return float(values[-1]) if len(values) else 0.0


def _drawdowns(fallen: Floats, allowed: float) -> list[Fired]:
    beyond = np.flatnonzero(fallen > allowed)
    if not len(beyond):
        return []
    words = f"its equity fell {fallen[beyond[0]]:.2%} from its peak, {allowed:.2%} are allowed"
    return [Fired(int(beyond[0]) + 1, DegradedBy.DRAWDOWN, words)]


def _looks(steps: Floats, bound: Limits, live: LiveResults) -> list[Fired]:
    """Return the looks that the version failed."""
    failed = []
    for length, least in bound.looks.items():
        if length > len(steps) or (earned := float(steps[:length].sum())) >= least:
            continue
        words = (
            f"in its first {_days(length, live)} days it earned {earned:.2%}; what was promised "
            f"allows {least:.2%} at least"
        )
        failed.append(Fired(length * live.bars_per_step, DegradedBy.LOOK, words))
    return failed


def _cusum(steps: Floats, bound: Limits, live: LiveResults) -> list[Fired]:
    beyond = np.flatnonzero(shortfall(steps, bound.reference) > bound.cusum)
    if not len(beyond):
        return []
    bars = (int(beyond[0]) + 1) * live.bars_per_step
    words = f"its shortfall added up to more than {bound.cusum:.2%}, which the promise allows"
    return [Fired(bars, DegradedBy.CUSUM, words)]


def _verdict(first: Fired | None, bound: Limits | None, steps: int) -> PerformanceVerdict:
    if first is not None:
        return PerformanceVerdict.DEGRADED
    if bound is None or steps < min(bound.looks):
        return PerformanceVerdict.TOO_EARLY
    return PerformanceVerdict.AS_PROMISED


def _words(first: Fired | None, bound: Limits | None, live: LiveResults, steps: int) -> str:
    if first is not None:
        when = live.start + first.bars * live.timeframe
        return f"{first.words}; known since {when:%Y-%m-%d %H:%M}, {_UNTIL}"
    if bound is None:
        return "its backtest is too short or did not trade: only the drawdown is looked at"
    planned = look_lengths(live.steps_per_day)
    ahead = [length for length in planned if length > steps]
    coming = f"the next look is after {_days(ahead[0], live)} days" if ahead else "no look is left"
    if len(ahead) == len(planned):
        return f"{_days(steps, live)} days are too few; {coming}"
    return f"it earns what was promised, or not clearly less; {coming}, the CUSUM goes on"


def _days(steps: int, live: LiveResults) -> str:
    return f"{steps / live.steps_per_day:.3g}"
