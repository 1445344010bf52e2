"""Bars whose directions are drawn anew, at the length a run asks for (recipes, section 4).

Noise: every bar mirrored by a random sign common to all symbols; volatility, volume, hours and the
correlation of the symbols stay. Planted: the same, P(up) = 0.5 + d × tanh(momentum of 48 hours).
"""

import dataclasses

import numpy as np

from clm_trainer.features.basis import ewm_sigma
from clm_trainer.panel import Floats, Panel

MOMENTUM_BARS = 48


def mirrored(panel: Panel, seed: int, strength: float = 0.0) -> tuple[Panel, Floats]:
    """Return the new panel, and the latent known at each close that moves the next bar's odds."""
    rng = np.random.default_rng(seed)
    log = {n: np.log(getattr(panel, n)) for n in ("open", "high", "low", "close")}
    before = np.concatenate([log["open"][:1], log["close"][:-1]])
    moves = {name: values - before for name, values in log.items()}
    common = moves["close"].mean(axis=1)
    variance = np.stack([ewm_sigma(m) for m in moves["close"].T]).mean(axis=0) ** 2
    scale = np.sqrt(variance * MOMENTUM_BARS)
    path, latent, sign = np.zeros(len(common) + 1), np.zeros(len(common)), np.ones(len(common))
    for t, draw in enumerate(rng.random(len(common))):
        if t > 0:
            start = max(0, t - MOMENTUM_BARS)
            latent[t - 1] = np.tanh((path[t] - path[start]) / scale[t - 1])
        up = draw < 0.5 + strength * (latent[t - 1] if t > 0 else 0.0)
        sign[t] = 1.0 if up == (common[t] > 0) else -1.0
        path[t + 1] = path[t] + sign[t] * common[t]
    flip = sign[:, None]
    close = log["open"][:1] + np.cumsum(flip * moves["close"], axis=0)
    start_of = np.concatenate([log["open"][:1], close[:-1]])
    high = start_of + np.where(flip > 0, moves["high"], -moves["low"])
    low = start_of + np.where(flip > 0, moves["low"], -moves["high"])
    return dataclasses.replace(
        panel,
        open=np.exp(start_of + flip * moves["open"]),
        high=np.exp(high),
        low=np.exp(low),
        close=np.exp(close),
    ), latent
