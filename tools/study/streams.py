"""Returns whose truth is known: what a strategy without an edge earns, and an edge added to it.

The market is ``stationary``, with ``LASTING`` volatility. The positions are the product's own rules
with their defaults (long or flat, entry above a percentile, least holding time, take profit, stop,
sized by volatility), fed with percentiles that know nothing of the market. What such positions earn
before costs has no mean, so each bar's expected return is what is added to it: ``edge`` times the
risk that is held.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from clm_api.run import RunTarget
from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.play import Play
from clm_trainer.evaluation.positions import target_positions
from clm_trainer.features.basis import ewm_sigma
from clm_trainer.panel import Floats, Panel
from tools.study.seeds import run_spec
from tools.study.stationary import LASTING, stationary

BACKTEST_DAYS, LIVE_DAYS = 90, 365
WARM_UP_BARS = 720
BARS_PER_YEAR = 8766
HALF_LIFE_BARS = 12
"""Of the percentiles: a trade takes about a day, as on real bars."""
_ALIKE = 0.6
"""Correlation of the symbols' percentiles."""


@dataclass(frozen=True, eq=False)
class Stream:
    """A backtest and the year after it, without an edge.

    Parameters
    ----------
    returns
        What the positions earned before costs, shape (bars,): the backtest's bars, then the year's.
    risk
        Expected deviation of each bar's return, known before the bar; 0 while flat.
    """

    returns: Floats
    risk: Floats

    @property
    def backtest(self) -> Floats:
        """The returns of the backtest."""
        return self.returns[: BACKTEST_DAYS * 24]

    def live(self, edges: Floats) -> Floats:
        """Return the year's returns with an edge for each bar."""
        rows = slice(BACKTEST_DAYS * 24, None)
        made: Floats = self.returns[rows] + edges * self.risk[rows]
        return made


def stream(seed: int) -> Stream:
    """Return a drawn stream."""
    bars = WARM_UP_BARS + (BACKTEST_DAYS + LIVE_DAYS) * 24
    panel, target = stationary(seed, bars, LASTING), run_spec("xgboost", "longFlat").target
    sigma = np.stack([_sigma(closes) for closes in panel.close.T], axis=1)
    held = positions(panel, sigma, target, seed)
    window = panel.window(WARM_UP_BARS, bars)
    result = backtest.run(Play(window, held, 0.0))
    before = np.concatenate([np.zeros((1, held.shape[1])), held[:-1]])
    return Stream(
        returns=result.equity["net_return"].to_numpy(np.float64),
        risk=(before * sigma[WARM_UP_BARS:]).mean(axis=1),
    )


def _sigma(close: Floats) -> Floats:
    moves = np.diff(np.log(close), prepend=np.nan)
    return np.asarray(ewm_sigma(moves), np.float64)


def positions(panel: Panel, sigma: Floats, target: RunTarget, seed: int) -> Floats:
    """Return the positions of percentiles that know nothing, on the bars after the warm-up."""
    bars, symbols = panel.close.shape
    rng = np.random.default_rng([15, seed])
    drawn = _ALIKE**0.5 * rng.standard_normal((bars, 1))
    drawn = drawn + (1 - _ALIKE) ** 0.5 * rng.standard_normal((bars, symbols))
    kept = 0.5 ** (1 / HALF_LIFE_BARS)
    latent, now = np.empty_like(drawn), drawn[0]
    for t, new in enumerate(drawn):
        now = kept * now + (1 - kept**2) ** 0.5 * new
        latent[t] = now
    rank = np.vectorize(NormalDist().cdf)(latent)
    rows = slice(WARM_UP_BARS, None)
    window = panel.window(WARM_UP_BARS, bars)
    return target_positions(rank[rows], sigma[rows], window, target)


def edge_of(streams: Sequence[Stream], sharpe: float) -> float:
    """Return the edge with which all streams together have an annualised Sharpe ratio."""
    returns = np.concatenate([one.returns for one in streams])
    risk = np.concatenate([one.risk for one in streams])
    wanted = sharpe / math.sqrt(BARS_PER_YEAR) * float(returns.std())
    return (wanted - float(returns.mean())) / float(risk.mean())
