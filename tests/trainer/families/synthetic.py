"""Real bars with directions drawn anew: pure noise, or a planted trend of known strength.

A bar is mirrored as a whole, and both symbols alike, so that volatility, volume, hours and the
symbols' correlation stay those of the market (recipes.md, section 4).
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from clm_trainer.panel import Floats, Panel
from tests.trainer.evaluation.markets import real

MOMENTUM_BARS = 48
DAYS = 1400


@dataclass(frozen=True)
class Market:
    panel: Panel
    latent: Floats
    """Shape (bars,): what moves the odds of the next bar, known at its close."""


def redrawn(strength: float, seed: int) -> Market:
    """P(next bar up) = .5 + strength × tanh(48 h momentum of both symbols, in σ)."""
    panel, rng = real(DAYS), np.random.default_rng(seed)
    draws = rng.random(len(panel))
    carried = pd.DataFrame(panel.close).ffill().to_numpy()
    before = np.concatenate([panel.open[:1], carried[:-1]])
    move = np.log(panel.close / before)
    market = np.nan_to_num(move.mean(axis=1))
    sigma = np.sqrt(pd.Series(market**2).ewm(span=168).mean().to_numpy())
    signs, latent, path = np.ones(len(panel)), np.zeros(len(panel)), np.zeros(len(panel))
    for t in range(len(panel)):
        last = latent[t - 1] if t else 0.0
        up = draws[t] < 0.5 + strength * last
        signs[t] = 1.0 if up == (market[t] > 0) else -1.0
        path[t] = (path[t - 1] if t else 0.0) + signs[t] * market[t]
        if t >= MOMENTUM_BARS:
            momentum = path[t] - path[t - MOMENTUM_BARS]
            latent[t] = np.tanh(momentum / (sigma[t] * MOMENTUM_BARS**0.5))
    sign = signs[:, None]
    close = panel.close[:1] * np.exp(np.cumsum(np.nan_to_num(sign * move), axis=0))
    start = np.concatenate([close[:1], close[:-1]])
    up, down = np.log(panel.high / before), np.log(panel.low / before)
    mirrored = replace(
        panel,
        open=start * np.exp(sign * np.log(panel.open / before)),
        high=start * np.exp(np.where(sign > 0, up, -down)),
        low=start * np.exp(np.where(sign > 0, down, -up)),
        close=np.where(panel.gap, np.nan, close),
    )
    return Market(mirrored, latent)


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's, over the pairs that are known."""
    known = np.isfinite(one) & np.isfinite(other)
    a, b = (pd.Series(x[known]).rank().to_numpy() for x in (one, other))
    return float(np.corrcoef(a, b)[0, 1])
