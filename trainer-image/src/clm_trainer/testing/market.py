"""A drawn market whose bars have the habits of real ones, with or without a planted trend."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from clm_trainer.panel import Bools, Floats, Panel

SYMBOLS = ("BTC/USDT", "ETH/USDT")
TREND_BARS = 48
_BETAS = np.array([1.0, 1.2])


@dataclass(frozen=True, eq=False)
class Market:
    """Hourly bars, and what moves them.

    Parameters
    ----------
    latent
        The trend that is known at each close, in [-1, 1], shape (bars,); with a strength s the
        next bar rises with probability 0.5 + s × latent.
    """

    panel: Panel
    latent: Floats


def drawn(days: int, seed: int, strength: float = 0.0) -> Market:
    """Draw a market of two symbols that move together.

    Volatility comes in clusters and follows the hour of the day, tails are fat, busy bars move
    more. The latent is tanh of the last 48 bars' move in units of its volatility.

    Parameters
    ----------
    strength
        0 draws noise.
    """
    rng = np.random.default_rng(seed)
    bars = days * 24
    mood = np.zeros(bars)
    for t, shock in enumerate(0.15 * rng.standard_normal(bars)):
        mood[t] = 0.97 * mood[t - 1] + shock
    hour = 0.3 * np.sin(2 * np.pi * np.arange(bars) / 24)
    volatility = 0.005 * np.exp(mood + hour)
    size = np.abs(rng.standard_t(5, bars)) * volatility
    signs, latent = _signs(size, volatility, strength, rng)
    own = 0.3 * volatility[:, None] * rng.standard_normal((bars, 2))
    close = np.log([40_000.0, 2_500.0]) + np.cumsum(
        (signs * size)[:, None] * _BETAS + signs[:, None] * np.abs(own), axis=0
    )
    open_ = np.concatenate([close[:1], close[:-1]])
    wick = 0.5 * volatility[None, :, None] * np.abs(rng.standard_normal((2, bars, 2)))
    busy = mood[:, None] + 0.5 * rng.standard_normal((bars, 2))
    panel = Panel(
        times=pd.date_range("2022-01-01", periods=bars, freq="h", tz="UTC").as_unit("us"),
        symbols=SYMBOLS,
        timeframe=pd.Timedelta("1h"),
        open=np.exp(open_),
        high=np.exp(np.maximum(open_, close) + wick[0]),
        low=np.exp(np.minimum(open_, close) - wick[1]),
        close=np.exp(close),
        volume=1000 * np.exp(busy),
        gap=np.zeros((bars, 2), dtype=bool),
    )
    return Market(panel, latent)


def _signs(
    size: Floats, volatility: Floats, strength: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    path, latent, signs = np.zeros(len(size) + 1), np.zeros(len(size)), np.ones(len(size))
    for t, draw in enumerate(rng.random(len(size))):
        odds = 0.5 + strength * (latent[t - 1] if t else 0.0)
        signs[t] = 1.0 if draw < odds else -1.0
        path[t + 1] = path[t] + signs[t] * size[t]
        moved = path[t + 1] - path[max(0, t + 1 - TREND_BARS)]
        latent[t] = np.tanh(moved / (volatility[t] * np.sqrt(TREND_BARS)))
    return signs, latent


def with_holes(panel: Panel, gap: Bools) -> Panel:
    """Return the same bars without some of them."""
    prices = ("open", "high", "low", "close", "volume")
    missing = {name: np.where(gap, np.nan, getattr(panel, name)) for name in prices}
    return _replaced(panel, missing, panel.gap | gap)


def poisoned(panel: Panel, since: int) -> Panel:
    """Return absurd bars from a row on: prices jump a thousandfold, volumes beyond reason."""
    rng = np.random.default_rng(since)
    centre = 10.0 ** rng.uniform(-2, 8, (len(panel) - since, len(panel.symbols)))
    new = {"open": centre / 3, "high": centre * 5, "low": centre / 3, "close": centre}
    new["volume"] = 10.0 ** rng.uniform(0, 14, centre.shape)
    joined = {k: np.concatenate([getattr(panel, k)[:since], v]) for k, v in new.items()}
    return _replaced(panel, joined, panel.gap)


def _replaced(panel: Panel, prices: dict[str, Floats], gap: Bools) -> Panel:
    arrays: Any = prices
    return replace(panel, gap=gap, **arrays)
