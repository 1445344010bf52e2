"""From a panel to the table of features, with the volatility that scales labels and positions."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import talib

from clm_trainer.features import indicators as ind
from clm_trainer.panel import Bools, Floats, Panel

WARM_UP_BARS = 720
RETURN_BARS = (1, 2, 4, 8, 12, 24, 48, 72, 168, 336)
CROSS_BARS = (1, 4, 24, 168)
RELATIVE_BARS = (24, 168)


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features of all symbols.

    Parameters
    ----------
    names
        Names, in the order of the third axis.
    values
        Shape (bars, symbols, features).
    sigma
        Volatility of log returns per bar, shape (bars, symbols).
    usable
        Shape (bars, symbols); False in holes, in the warm-up, and where a feature is not finite.
    """

    names: tuple[str, ...]
    values: Floats
    sigma: Floats
    usable: Bools


def build_features(panel: Panel) -> FeatureTable:
    """Compute all features; in holes indicators see the last close and volume 0."""
    own = [_symbol_features(panel, column) for column in range(len(panel.symbols))]
    names = list(own[0][0])
    columns = np.stack([np.stack(list(features.values()), axis=1) for features, _ in own], axis=1)
    returns = {k: columns[:, :, names.index(f"ret{k}")] for k in {*CROSS_BARS, *RELATIVE_BARS}}
    others = {k: _mean_of_others(values) for k, values in returns.items()}
    cross = {f"x{k}": others[k] for k in CROSS_BARS}
    alone = len(panel.symbols) == 1
    relative = {
        f"rel{k}": returns[k] * 0.0 if alone else returns[k] - others[k] for k in RELATIVE_BARS
    }
    extra = {**cross, **relative}
    values = np.concatenate([columns, np.stack(list(extra.values()), axis=2)], axis=2)
    sigma = np.stack([s for _, s in own], axis=1)
    first = np.argmax(panel.listed, axis=0)
    warm = np.arange(len(panel))[:, None] >= first[None, :] + WARM_UP_BARS
    usable = warm & panel.listed & ~panel.gap & np.isfinite(values).all(axis=2)
    return FeatureTable((*names, *extra), values, sigma, usable)


def _mean_of_others(values: Floats) -> Floats:
    """Mean over the other symbols that have a value; 0 if there is none."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    count = known.sum(axis=1, keepdims=True) - known
    total = filled.sum(axis=1, keepdims=True) - filled
    return np.where(count > 0, total / np.maximum(count, 1), 0.0)


def _symbol_features(panel: Panel, column: int) -> tuple[dict[str, Floats], Floats]:
    """Return the features of one symbol by name, and its volatility; NaN before its first bar."""
    start = int(np.argmax(panel.listed[:, column]))
    rows = slice(start, None)
    gap = panel.gap[rows, column]
    close = _carried(panel.close[rows, column], gap)
    open_, high, low = (
        np.where(gap, close, values[rows, column]) for values in (panel.open, panel.high, panel.low)
    )
    volume = np.where(gap, 0.0, panel.volume[rows, column])
    made, sigma = _features(open_, high, low, close, volume)
    hours, days = panel.times.hour.to_numpy(), panel.times.day_of_week.to_numpy()
    clock = {
        "hour_sin": np.sin(2 * np.pi * hours / 24),
        "hour_cos": np.cos(2 * np.pi * hours / 24),
        "weekday_sin": np.sin(2 * np.pi * days / 7),
        "weekday_cos": np.cos(2 * np.pi * days / 7),
    }
    head = np.full(start, np.nan)
    padded = {name: np.concatenate([head, values]) for name, values in made.items()}
    return {**padded, **clock}, np.concatenate([head, sigma])


def _carried(values: Floats, gap: Bools) -> Floats:
    """Carry the last known value into holes; the first row is known."""
    last = np.maximum.accumulate(np.where(gap, 0, np.arange(len(values))))
    out: Floats = values[last]
    return out


def _features(
    open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats
) -> tuple[dict[str, Floats], Floats]:
    log_close = np.log(close)
    returns = log_close - ind.lagged(log_close, 1)
    sigma = ind.ewm_sigma(returns)
    log_volume = _carried(np.log(np.where(volume > 0, volume, 1.0)), volume <= 0)
    body, wick = ind.candle(open_, high, low, close)
    macd_histogram = talib.MACD(log_close, 12, 26, 9)[2]
    made = {
        f"ret{k}": (log_close - ind.lagged(log_close, k)) / (sigma * np.sqrt(k))
        for k in RETURN_BARS
    }
    made |= {
        f"emad{n}": (log_close - talib.EMA(log_close, n)) / (sigma * np.sqrt(n))
        for n in (12, 48, 168)
    }
    made |= {
        "macdh": macd_histogram / sigma,
        "rsi14": talib.RSI(close, 14) / 50 - 1,
        "rsi48": talib.RSI(close, 48) / 50 - 1,
        "atr_r": np.log(
            np.maximum(talib.ATR(high, low, close, 24), 1e-12)
            / np.maximum(talib.ATR(high, low, close, 168), 1e-12)
        ),
        "vol24_168": np.log(np.maximum(ind.rolling_std(returns, 24), 1e-12) / sigma),
        "vol168_720": np.log(sigma / np.maximum(ind.rolling_std(returns, 720), 1e-12)),
        "pos24": ind.channel_position(close, high, low, 24),
        "pos168": ind.channel_position(close, high, low, 168),
        "volz": np.clip(ind.rolling_z(log_volume, 168), -5, 5),
        "volz24": np.clip(ind.rolling_z(talib.SMA(log_volume, 24), 168), -5, 5),
        "body": body,
        "wick": wick,
        "range": np.clip(np.log(high / low) / sigma, 0, 8),
        "svol24": ind.signed_volume(returns, volume, 24),
        "skew72": ind.rolling_skew(returns, 72),
    }
    return made, sigma


def code_hash() -> str:
    """Return a digest of the feature code: an artifact is only served by the code that made it."""
    digest = hashlib.sha256()
    for name in ("indicators.py", "table.py"):
        text = files("clm_trainer.features").joinpath(name).read_text("utf-8")
        digest.update(text.replace("\r\n", "\n").encode())
    return digest.hexdigest()
