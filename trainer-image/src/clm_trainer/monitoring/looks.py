"""The looks at a shadow test: of lengths that are fixed beforehand, never changed once reached."""

from collections.abc import Callable, Sequence
from itertools import takewhile

import numpy as np
import pandas as pd

from clm_api.errors import ClmError
from clm_api.promotion import ShadowSpec
from clm_api.reasons import Reason
from clm_api.replay import Look, ReplayTask
from clm_api.run import RunData
from clm_trainer.evaluation.bootstrap import PairedComparison, paired_bootstrap
from clm_trainer.evaluation.metrics import annual_sharpe
from clm_trainer.monitoring.stretch import Stretch, Track

MOST = 16


def lengths(shadow: ShadowSpec, bars_per_day: float) -> tuple[int, ...]:
    """Return the lengths of all looks in bars: the first always, its doubles while they fit."""
    doubles = (shadow.min_bars * 2**k for k in range(1, MOST))
    fitting = takewhile(lambda bars: bars <= shadow.max_days * bars_per_day, doubles)
    return (shadow.min_bars, *fitting)


def incomparable(challenger: RunData, champion: RunData) -> str:
    """Return why two versions can't be replayed on the same bars; empty if they can."""
    pairs = {
        "exchange": (challenger.venue, champion.venue),
        "market": (challenger.market, champion.market),
        "symbols": (sorted(challenger.symbols), sorted(champion.symbols)),
        "timeframe": (challenger.timeframe, champion.timeframe),
    }
    other = [
        f"{name} {own} instead of {theirs}"
        for name, (own, theirs) in pairs.items()
        if own != theirs
    ]
    return f"not comparable with the champion: {'; '.join(other)}" if other else ""


def compared_from(challenger: Track, champion: Track | None) -> pd.Timestamp:
    """Return the first bar that is new to both."""
    return challenger.first if champion is None else max(challenger.first, champion.first)


def reached(
    challenger: Track,
    champion: Track | None,
    task: ReplayTask,
    planned: Sequence[int],
    *,
    problem: str = "",
    check: Callable[[], None] = lambda: None,
) -> list[Look]:
    """Return the looks of which all bars are there.

    Parameters
    ----------
    champion
        What is in production, ready to be replayed.
    planned
        Lengths of all looks, ascending.
    problem
        Why the champion can't be replayed.
    check
        Called before each look; may raise to end the work.

    Raises
    ------
    ClmError
        MetricsRejected, InsufficientData; what ``check`` raises.
    """
    own = challenger.model.spec.data
    if champion is not None and (why := incomparable(own, champion.model.spec.data)):
        champion, problem = None, why
    start = compared_from(challenger, champion)
    tracks = [challenger] if champion is None else [challenger, champion]
    bars = min(len(track.panel) - track.row(start) for track in tracks)
    made = []
    for length in takewhile(lambda length: length <= bars, planned):
        check()
        made.append(look(challenger, champion, problem, length, task))
    return made


def look(
    challenger: Track, champion: Track | None, problem: str, bars: int, task: ReplayTask
) -> Look:
    """Return one look: everything in it follows from the bars up to its own last one.

    Parameters
    ----------
    champion
        The version to compare with, on the same market.
    problem
        Why there is none though one is in production.
    bars
        Length of the look; both have that many.

    Raises
    ------
    ClmError
        MetricsRejected, InsufficientData.
    """
    start = compared_from(challenger, champion)
    own = challenger.stretch(start, bars)
    scores = own.scores()
    made = Look(bars=bars, metrics=scores.metrics, undefined=scores.undefined)
    if champion is None:
        return made.having(problem=problem)
    other = champion.stretch(start, bars)
    sharpe = annual_sharpe(other.returns, other.play.window.bars_per_year)
    made = made.having(champion_sharpe=sharpe)
    try:
        found = _compared(own, other, task.comparison.margin, challenger.model.spec.model.seed)
    except ClmError as error:
        if error.reason is not Reason.INSUFFICIENT_DATA:
            raise
        return made.having(problem=error.message)
    return made.having(p_not_worse=found.p_not_worse, p_worse=found.p_worse)


def _compared(own: Stretch, other: Stretch, margin: float, seed: int) -> PairedComparison:
    held = np.concatenate([made.result.trades["bars"].to_numpy() for made in (own, other)])
    return paired_bootstrap(
        own.returns,
        other.returns,
        block_bars=max(1.0, float(held.mean())) if len(held) else 1.0,
        margin=margin / own.play.window.bars_per_year,
        seed=seed,
    )
