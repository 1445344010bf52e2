"""Causal indicators of one symbol: a value at t depends on bars up to t alone."""

import numpy as np
import pandas as pd
import talib

from clm_trainer.features import rolling
from clm_trainer.features.rolling import ratio
from clm_trainer.panel import Floats

SIGMA_SPAN_BARS = 168
SIGMA_FLOOR = 5e-4

RETURN_BARS = (1, 2, 4, 8, 12, 24, 48, 72, 168, 336)


def own_features(
    open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats
) -> tuple[dict[str, Floats], Floats]:
    """Return the features that one symbol's bars give, by name, and its volatility per bar."""
    log_close = np.log(close)
    returns = log_close - lagged(log_close, 1)
    sigma = ewm_sigma(returns)
    known_volume = carried(np.log(np.where(volume > 0, volume, 1.0)), volume > 0)
    body, wick = candle(open_, high, low, close)
    atr24, atr168 = (talib.ATR(high, low, close, n) for n in (24, 168))
    std24, std720 = (rolling.std(returns, n) for n in (24, 720))
    made = {
        f"ret{k}": (log_close - lagged(log_close, k)) / (sigma * np.sqrt(k)) for k in RETURN_BARS
    }
    made |= {
        f"emad{n}": (log_close - talib.EMA(log_close, n)) / (sigma * np.sqrt(n))
        for n in (12, 48, 168)
    }
    made |= {
        "macdh": talib.MACD(log_close, 12, 26, 9)[2] / sigma,
        "rsi14": strength(close, 14),
        "rsi48": strength(close, 48),
        "atr_r": still_is_0(log_ratio(atr24, atr168), high, low, 24),
        "vol24_168": log_ratio(std24, sigma),
        "vol168_720": log_ratio(sigma, std720),
        "pos24": channel_position(close, high, low, 24),
        "pos168": channel_position(close, high, low, 168),
        "volz": np.clip(rolling.zscore(known_volume, 168), -5, 5),
        "volz24": np.clip(rolling.zscore(rolling.total(known_volume, 24) / 24, 168), -5, 5),
        "body": body,
        "wick": wick,
        "range": np.clip(np.log(high / low) / sigma, 0, 8),
        "svol24": signed_volume(returns, volume, 24),
        "skew72": rolling.skew(returns, 72),
    }
    return made, sigma


def lagged(values: Floats, bars: int) -> Floats:
    """Shift values ``bars`` into the future; the head is NaN."""
    out = np.full_like(values, np.nan)
    if bars < len(values):
        out[bars:] = values[:-bars]
    return out


def carried(values: Floats, known: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> Floats:
    """Carry the last known value on; before the first known one the first value stands."""
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), 0))
    out: Floats = values[last]
    return out


def ewm_sigma(log_returns: Floats) -> Floats:
    """Volatility per bar: exponentially weighted, zero mean, floor of 5 bp."""
    squares = pd.Series(log_returns**2)
    mean = squares.ewm(span=SIGMA_SPAN_BARS, adjust=True, ignore_na=True).mean()
    sigma: Floats = np.sqrt(mean.to_numpy(dtype=np.float64))
    return np.maximum(sigma, SIGMA_FLOOR)


def strength(close: Floats, window: int) -> Floats:
    """Relative strength (Wilder, 1978) on [-1, 1]; 0 where no close of the window differs."""
    return still_is_0(talib.RSI(close, window) / 50 - 1, close, close, window + 1)


def still_is_0(values: Floats, high: Floats, low: Floats, window: int) -> Floats:
    """Return values, but 0 where the price stood still for a whole window.

    Wilder's averages never forget, so that they would go on telling of moves of long ago.
    """
    still = talib.MAX(high, window) == talib.MIN(low, window)
    return np.where(still & ~np.isnan(values), 0.0, values)


def log_ratio(over: Floats, under: Floats) -> Floats:
    """Return log(over / under); 0 where one of them is 0: nothing moved, so nothing is compared."""
    known = (over > 0) & (under > 0)
    safe = np.log(np.where(known, over, 1.0) / np.where(known, under, 1.0))
    return np.where(np.isnan(over) | np.isnan(under), np.nan, safe)


def channel_position(close: Floats, high: Floats, low: Floats, window: int) -> Floats:
    """Place of the close between the window's low and high, on [-1, 1]; 0 without a range."""
    top, bottom = talib.MAX(high, window), talib.MIN(low, window)
    return ratio(2 * close - bottom - top, top - bottom)


def signed_volume(log_returns: Floats, volume: Floats, window: int) -> Floats:
    """Share of the volume that came with rising bars minus that of falling ones."""
    signed = np.where(np.isnan(log_returns), 0.0, np.sign(log_returns)) * volume
    return ratio(rolling.total(signed, window), rolling.total(volume, window))


def candle(open_: Floats, high: Floats, low: Floats, close: Floats) -> tuple[Floats, Floats]:
    """Body, and upper minus lower wick, both over the bar's range."""
    span = high - low
    upper = high - np.maximum(open_, close)
    lower = np.minimum(open_, close) - low
    return ratio(close - open_, span), ratio(upper - lower, span)
