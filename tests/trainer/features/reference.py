"""The standard set as it was defined first: one symbol's whole history at once, TA-Lib and pandas.

Slow and plain: the set's kernels must give the same bits.
"""

import numpy as np
import pandas as pd
import talib

from clm_trainer.features.table import FeatureTable
from clm_trainer.panel import Floats, Panel

WARM_UP_BARS = 720
RETURN_BARS = (1, 2, 4, 8, 12, 24, 48, 72, 168, 336)
CROSS_BARS = (1, 4, 24, 168)
RELATIVE_BARS = (24, 168)


def reference(panel: Panel) -> FeatureTable:
    """Compute all features; in holes indicators see the last close and volume 0."""
    own = [_symbol(panel, column) for column in range(len(panel.symbols))]
    names = [*own[0][0]]
    columns = np.stack([np.stack([*f.values()], axis=1) for f, _, _ in own], axis=1)
    returns = {k: columns[:, :, names.index(f"ret{k}")] for k in CROSS_BARS}
    others = {k: _mean_of_others(values) for k, values in returns.items()}
    extra = {f"x{k}": np.nan_to_num(others[k]) for k in CROSS_BARS}
    extra |= {
        f"rel{k}": np.where(np.isnan(others[k]), returns[k] * 0.0, returns[k] - others[k])
        for k in RELATIVE_BARS
    }
    values = np.concatenate([columns, np.stack([*extra.values()], axis=2)], axis=2)
    sigma = np.stack([s for _, s, _ in own], axis=1)
    first = np.argmax(panel.listed, axis=0)
    warm = np.arange(len(panel))[:, None] >= first[None, :] + WARM_UP_BARS
    usable = warm & panel.listed & ~panel.gap & np.isfinite(values).all(axis=2)
    closes = np.stack([c for _, _, c in own], axis=1)
    return FeatureTable((*names, *extra), values, sigma, usable, closes)


def _mean_of_others(values: Floats) -> Floats:
    out = np.full_like(values, np.nan)
    for column in range(values.shape[1]):
        others = np.delete(values, column, axis=1)
        known = np.isfinite(others)
        count = known.sum(axis=1)
        total = np.where(known, others, 0.0).sum(axis=1)
        np.divide(total, count, out=out[:, column], where=count > 0)
    return out


def _symbol(panel: Panel, column: int) -> tuple[dict[str, Floats], Floats, Floats]:
    start = int(np.argmax(panel.listed[:, column]))
    rows = slice(start, None)
    there = ~panel.gap[rows, column]
    close = _carried(panel.close[rows, column], there)
    open_, high, low = (
        np.where(there, values[rows, column], close)
        for values in (panel.open, panel.high, panel.low)
    )
    volume = np.where(there, panel.volume[rows, column], 0.0)
    made, sigma = _own(open_, high, low, close, volume)
    hours, days = panel.times.hour.to_numpy(), panel.times.day_of_week.to_numpy()
    clock = {
        "hour_sin": np.sin(2 * np.pi * hours / 24),
        "hour_cos": np.cos(2 * np.pi * hours / 24),
        "weekday_sin": np.sin(2 * np.pi * days / 7),
        "weekday_cos": np.cos(2 * np.pi * days / 7),
    }

    def padded(values: Floats) -> Floats:
        out = np.full(len(panel), np.nan)
        out[rows] = values
        return np.where(panel.listed[:, column], out, np.nan)

    features = {name: padded(values) for name, values in made.items()} | clock
    return features, padded(sigma), padded(np.log(close))


def _own(
    open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats
) -> tuple[dict[str, Floats], Floats]:
    log_close = np.log(close)
    returns = log_close - _lagged(log_close, 1)
    mean = pd.Series(returns**2).ewm(span=168, adjust=True, ignore_na=True).mean()
    sigma = np.maximum(np.sqrt(mean.to_numpy(dtype=np.float64)), 5e-4)
    lots = _carried(np.log(np.where(volume > 0, volume, 1.0)), volume > 0)
    span = high - low
    wick = (high - np.maximum(open_, close)) - (np.minimum(open_, close) - low)
    atr24, atr168 = (talib.ATR(high, low, close, n) for n in (24, 168))
    signed = np.where(np.isnan(returns), 0.0, np.sign(returns)) * volume
    made = {
        f"ret{k}": (log_close - _lagged(log_close, k)) / (sigma * np.sqrt(k)) for k in RETURN_BARS
    }
    made |= {
        f"emad{n}": (log_close - talib.EMA(log_close, n)) / (sigma * np.sqrt(n))
        for n in (12, 48, 168)
    }
    made |= {
        "macdh": talib.MACD(log_close, 12, 26, 9)[2] / sigma,
        "rsi14": _still(talib.RSI(close, 14) / 50 - 1, close, close, 15),
        "rsi48": _still(talib.RSI(close, 48) / 50 - 1, close, close, 49),
        "atr_r": _still(_log_ratio(atr24, atr168), high, low, 24),
        "vol24_168": _log_ratio(_moments(returns, 24)[1], sigma),
        "vol168_720": _log_ratio(sigma, _moments(returns, 720)[1]),
        "pos24": _position(close, high, low, 24),
        "pos168": _position(close, high, low, 168),
        "volz": _zscore(lots, 168),
        "volz24": _zscore(_total(lots, 24) / 24, 168),
        "body": _ratio(close - open_, span),
        "wick": _ratio(wick, span),
        "range": np.clip(np.log(high / low) / sigma, 0, 8),
        "svol24": _ratio(_total(signed, 24), _total(volume, 24)),
        "skew72": _moments(returns, 72)[2],
    }
    return made, sigma


def _lagged(values: Floats, bars: int) -> Floats:
    out = np.full_like(values, np.nan)
    if bars < len(values):
        out[bars:] = values[:-bars]
    return out


def _carried(values: Floats, known: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Floats:
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), 0))
    out: Floats = values[last]
    return out


def _still(values: Floats, high: Floats, low: Floats, window: int) -> Floats:
    still = talib.MAX(high, window) == talib.MIN(low, window)
    return np.where(still & ~np.isnan(values), 0.0, values)


def _log_ratio(over: Floats, under: Floats) -> Floats:
    known = (over > 0) & (under > 0)
    safe = np.log(np.where(known, over, 1.0) / np.where(known, under, 1.0))
    return np.where(np.isnan(over) | np.isnan(under), np.nan, safe)


def _ratio(over: Floats, under: Floats) -> Floats:
    out = np.where(under > 0, over / np.where(under > 0, under, 1.0), over * 0.0)
    return np.where(np.isnan(under), np.nan, out)


def _position(close: Floats, high: Floats, low: Floats, window: int) -> Floats:
    top, bottom = talib.MAX(high, window), talib.MIN(low, window)
    return _ratio(2 * close - bottom - top, top - bottom)


def _zscore(values: Floats, window: int) -> Floats:
    mean, deviation, _ = _moments(values, window)
    return np.clip(_ratio(values - mean, deviation), -5, 5)


def _total(values: Floats, window: int) -> Floats:
    """Sum over a window, added up bar after bar."""
    out = np.full(len(values), np.nan)
    if len(values) >= window:
        out[window - 1 :] = sum(
            (values[i : len(values) - window + 1 + i] for i in range(window)), start=np.zeros(1)
        )
    return out


def _moments(values: Floats, window: int) -> tuple[Floats, Floats, Floats]:
    """Mean, deviation and skewness over a window, added up bar after bar."""
    mean, deviation, skewness = (np.full(len(values), np.nan) for _ in range(3))
    count = len(values) - window + 1
    if count < 1:
        return mean, deviation, skewness
    centre, second, third = np.zeros(count), np.zeros(count), np.zeros(count)
    for i in range(window):
        centre += values[i : i + count]
    centre /= window
    for i in range(window):
        away = values[i : i + count] - centre
        second += away * away
        third += away * away * away
    spread = np.sqrt(second / window)
    spread[spread <= 1e-12 * np.abs(centre)] = 0.0
    mean[window - 1 :], deviation[window - 1 :] = centre, spread
    safe = np.where(spread > 0, spread, 1.0)
    skewness[window - 1 :] = np.where(spread > 0, third / window / (safe * safe * safe), spread)
    return mean, deviation, skewness
