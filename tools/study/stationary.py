"""Markets that never change: GARCH volatility, hours of the day, two symbols that move together.

Volatility is GARCH(1,1) (Bollerslev 1986), common to both symbols, times a factor of the hour.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_trainer.panel import Floats, Panel

SYMBOLS = ("AAA/USDT", "BBB/USDT")
SIGMA = 0.006
"""Volatility of an hour in the long run."""
CORRELATION = 0.8
DAILY = 0.3
"""How much the busiest hour exceeds the mean one."""
_STEPS = 8
"""Trades of a bar: high and low are read from them."""
_BURN_IN = 1000


@dataclass(frozen=True)
class Garch:
    """How volatility lasts, and how wild a bar may be.

    Parameters
    ----------
    alpha, beta
        Share of the newest squared return, and of the volatility before it.
    freedom
        Degrees of freedom of Student innovations; None: normal ones.
    """

    alpha: float = 0.05
    beta: float = 0.90
    freedom: float | None = None


LASTING = Garch(beta=0.93, freedom=5.0)
"""Volatility remembers for 34 bars instead of 14, and bars have heavy tails."""


def stationary(seed: int, bars: int, garch: Garch = Garch()) -> Panel:
    """Return hourly bars of two symbols."""
    rng = np.random.default_rng([14, seed])
    sigma, common = _garch(rng, bars, garch)
    times = pd.date_range("2022-01-01", periods=bars, freq="h", tz="UTC").as_unit("us")
    phase = 2 * np.pi * times.hour.to_numpy() / 24
    busy = 1 + DAILY * np.sin(phase)
    own = _innovations(rng, (bars, len(SYMBOLS)), garch.freedom)
    moves = common[:, None] * CORRELATION**0.5 + own * (1 - CORRELATION) ** 0.5
    moves *= (sigma * busy)[:, None]
    path = _within(rng, moves, sigma * busy)
    start = np.log([30000.0, 2000.0]) + np.concatenate([np.zeros((1, 2)), moves.cumsum(axis=0)])
    log_open, log_close = start[:-1], start[1:]
    high, low = log_open + path.max(axis=2), log_open + path.min(axis=2)
    noise = _memory(rng.normal(0, 0.3, (bars, len(SYMBOLS))))
    volume = 1000 * busy[:, None] * np.exp(noise) * ((high - low) / SIGMA)
    return Panel(
        times=times,
        symbols=SYMBOLS,
        timeframe=pd.Timedelta(hours=1),
        open=np.exp(log_open),
        high=np.exp(high),
        low=np.exp(low),
        close=np.exp(log_close),
        volume=volume,
        gap=np.zeros((bars, len(SYMBOLS)), dtype=np.bool_),
    )


def _garch(rng: np.random.Generator, bars: int, garch: Garch) -> tuple[Floats, Floats]:
    """Return the volatility of each bar, and the innovation that drives it."""
    draws = _innovations(rng, (bars + _BURN_IN,), garch.freedom)
    variance = np.empty(len(draws))
    alpha, beta, now = garch.alpha, garch.beta, SIGMA**2
    for t, draw in enumerate(draws):
        variance[t] = now
        now = (1 - alpha - beta) * SIGMA**2 + (alpha * draw**2 + beta) * now
    return np.sqrt(variance[_BURN_IN:]), draws[_BURN_IN:]


def _innovations(rng: np.random.Generator, shape: tuple[int, ...], freedom: float | None) -> Floats:
    """Return draws of variance 1."""
    if freedom is None:
        return rng.normal(0, 1, shape)
    drawn: Floats = rng.standard_t(freedom, shape) * ((freedom - 2) / freedom) ** 0.5
    return drawn


def _within(rng: np.random.Generator, moves: Floats, sigma: Floats) -> Floats:
    """Return log prices within each bar over its open, shape (bars, symbols, steps + 1)."""
    steps = rng.normal(0, 1, (*moves.shape, _STEPS)) * (sigma / _STEPS**0.5)[:, None, None]
    walk = np.concatenate([np.zeros((*moves.shape, 1)), steps.cumsum(axis=2)], axis=2)
    share = np.arange(_STEPS + 1) / _STEPS
    return np.asarray(walk + share * (moves - walk[:, :, -1])[:, :, None])


def _memory(noise: Floats) -> Floats:
    """Let each value keep nine tenths of the one before."""
    out = np.empty_like(noise)
    now = np.zeros(noise.shape[1])
    for t, drawn in enumerate(noise):
        now = 0.9 * now + (1 - 0.9**2) ** 0.5 * drawn
        out[t] = now
    return out
