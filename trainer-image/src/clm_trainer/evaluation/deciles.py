"""Whether a high score was followed by a high return: tenths of the score against what came."""

from dataclasses import dataclass

import numpy as np

from clm_trainer.panel import Floats

TENTHS = 10


@dataclass(frozen=True)
class Decile:
    """Decisions whose score was in one tenth of the percentiles.

    Parameters
    ----------
    low, high
        Bounds of the percentile; ``high`` is included in the last tenth only.
    decisions
        Scores there, over all bars and symbols, whose return is known.
    mean_return, hit_rate
        Mean realised return before costs, and the share above 0; None without decisions.
    """

    low: float
    high: float
    decisions: int
    mean_return: float | None
    hit_rate: float | None


def realised_returns(open_: Floats, horizon: int) -> Floats:
    """Return open[t+1+horizon] / open[t+1] - 1: what a decision at close t would have earned.

    Parameters
    ----------
    open_
        Shape (bars, symbols); NaN in holes.

    Returns
    -------
    ndarray
        Shape (bars, symbols); NaN where an open is missing or still to come.
    """
    out = np.full_like(open_, np.nan)
    known = len(open_) - 1 - horizon
    if known > 0:
        out[:known] = open_[1 + horizon :] / open_[1 : 1 + known] - 1
    return out


def deciles(percentiles: Floats, realised: Floats) -> list[Decile]:
    """Return the mean realised return of each tenth of the score.

    Parameters
    ----------
    percentiles
        Scores as percentiles in [0, 1]; NaN where nothing was scored.
    realised
        What followed, of the same shape.
    """
    known = np.isfinite(percentiles) & np.isfinite(realised)
    tenth = np.minimum((percentiles[known] * TENTHS).astype(np.int64), TENTHS - 1)
    came = realised[known]
    return [_decile(number, came[tenth == number]) for number in range(TENTHS)]


def _decile(number: int, came: Floats) -> Decile:
    some = len(came) > 0
    return Decile(
        low=number / TENTHS,
        high=(number + 1) / TENTHS,
        decisions=len(came),
        mean_return=float(came.mean()) if some else None,
        hit_rate=float((came > 0).mean()) if some else None,
    )
