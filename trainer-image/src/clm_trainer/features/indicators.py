"""Causal indicators of one symbol: a value at t depends on bars up to t alone."""

import numpy as np
import pandas as pd
import talib
from numpy.lib.stride_tricks import sliding_window_view

from clm_trainer.panel import Floats

SIGMA_SPAN_BARS = 168
SIGMA_FLOOR = 5e-4


def lagged(values: Floats, bars: int) -> Floats:
    """Shift values ``bars`` into the future; the head is NaN."""
    out = np.full_like(values, np.nan)
    if bars < len(values):
        out[bars:] = values[:-bars]
    return out


def ewm_sigma(log_returns: Floats) -> Floats:
    """Volatility per bar: exponentially weighted, zero mean, floor of 5 bp."""
    squares = pd.Series(log_returns**2)
    mean = squares.ewm(span=SIGMA_SPAN_BARS, adjust=True, ignore_na=True).mean()
    sigma: Floats = np.sqrt(mean.to_numpy(dtype=np.float64))
    return np.maximum(sigma, SIGMA_FLOOR)


def rolling(values: Floats, window: int) -> Floats:
    """Return the windows that end at each bar, shape (bars, window); the head is NaN."""
    padded = np.concatenate([np.full(window - 1, np.nan), values])
    return sliding_window_view(padded, window)


def rolling_std(values: Floats, window: int) -> Floats:
    """Population standard deviation over a window."""
    out: Floats = rolling(values, window).std(axis=1)
    return out


def rolling_z(values: Floats, window: int) -> Floats:
    """Distance from the window's mean in standard deviations; 0 where nothing varies."""
    windows = rolling(values, window)
    std = windows.std(axis=1)
    return _ratio(values - windows.mean(axis=1), std)


def rolling_skew(values: Floats, window: int) -> Floats:
    """Population skewness over a window; 0 where nothing varies."""
    windows = rolling(values, window)
    centred = windows - windows.mean(axis=1, keepdims=True)
    std = np.sqrt((centred**2).mean(axis=1))
    return _ratio((centred**3).mean(axis=1), std**3)


def channel_position(close: Floats, high: Floats, low: Floats, window: int) -> Floats:
    """Place of the close between the window's low and high, on [-1, 1]."""
    top, bottom = talib.MAX(high, window), talib.MIN(low, window)
    return _ratio(2 * (close - bottom), top - bottom) - np.where(top > bottom, 1.0, 0.0)


def signed_volume(log_returns: Floats, volume: Floats, window: int) -> Floats:
    """Share of the volume that came with rising bars minus that of falling ones."""
    signed = np.where(np.isnan(log_returns), 0.0, np.sign(log_returns)) * volume
    return _ratio(rolling(signed, window).sum(axis=1), rolling(volume, window).sum(axis=1))


def candle(open_: Floats, high: Floats, low: Floats, close: Floats) -> tuple[Floats, Floats]:
    """Body, and upper minus lower wick, both over the bar's range."""
    span = high - low
    upper = high - np.maximum(open_, close)
    lower = np.minimum(open_, close) - low
    return _ratio(close - open_, span), _ratio(upper - lower, span)


def _ratio(over: Floats, under: Floats) -> Floats:
    """Divide; 0 where the denominator is 0, NaN where anything is NaN."""
    safe = np.where(under > 0, under, 1.0)
    out: Floats = np.where(under > 0, over / safe, over * 0.0)
    return np.where(np.isnan(under), np.nan, out)
