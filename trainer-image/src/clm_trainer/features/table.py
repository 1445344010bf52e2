"""From a panel to the table of features, with the volatility that scales labels and positions."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from clm_trainer.features.indicators import carried, own_features
from clm_trainer.panel import Bools, Floats, Panel

WARM_UP_BARS = 720
CROSS_BARS = (1, 4, 24, 168)
RELATIVE_BARS = (24, 168)
RL_NAMES = (
    "ret4", "ret12", "ret24", "ret48", "ret72", "ret168", "emad48", "emad168", "rsi48",
    "vol24_168", "vol168_720", "pos168", "volz24", "svol24", "rel24",
)  # fmt: skip
"""The 15 that the RL families observe."""


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
    names = [*own[0][0]]
    columns = np.stack([np.stack([*features.values()], axis=1) for features, _ in own], axis=1)
    returns = {k: columns[:, :, names.index(f"ret{k}")] for k in CROSS_BARS}
    others = {k: _mean_of_others(values) for k, values in returns.items()}
    extra = {f"x{k}": np.nan_to_num(others[k]) for k in CROSS_BARS}
    extra |= {f"rel{k}": _relative(returns[k], others[k]) for k in RELATIVE_BARS}
    values = np.concatenate([columns, np.stack([*extra.values()], axis=2)], axis=2)
    sigma = np.stack([s for _, s in own], axis=1)
    first = np.argmax(panel.listed, axis=0)
    warm = np.arange(len(panel))[:, None] >= first[None, :] + WARM_UP_BARS
    usable = warm & panel.listed & ~panel.gap & np.isfinite(values).all(axis=2)
    return FeatureTable((*names, *extra), values, sigma, usable)


def _mean_of_others(values: Floats) -> Floats:
    """Mean over the other symbols that have a value; NaN if there is none."""
    out = np.full_like(values, np.nan)
    for column in range(values.shape[1]):
        others = np.delete(values, column, axis=1)
        known = np.isfinite(others)
        count = known.sum(axis=1)
        total = np.where(known, others, 0.0).sum(axis=1)
        np.divide(total, count, out=out[:, column], where=count > 0)
    return out


def _relative(own: Floats, others: Floats) -> Floats:
    """Own minus the others' mean; 0 where no other symbol has a value."""
    return np.where(np.isnan(others), own * 0.0, own - others)


def _symbol_features(panel: Panel, column: int) -> tuple[dict[str, Floats], Floats]:
    """Return the features of one symbol by name, and its volatility; NaN before its first bar."""
    start = int(np.argmax(panel.listed[:, column]))
    rows = slice(start, None)
    there = ~panel.gap[rows, column]
    close = carried(panel.close[rows, column], there)
    open_, high, low = (
        np.where(there, values[rows, column], close)
        for values in (panel.open, panel.high, panel.low)
    )
    volume = np.where(there, panel.volume[rows, column], 0.0)
    made, sigma = own_features(open_, high, low, close, volume)
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

    return {name: padded(values) for name, values in made.items()} | clock, padded(sigma)


def code_hash() -> str:
    """Return a digest of the feature code: an artifact is only served by the code that made it."""
    digest = hashlib.sha256()
    package = files("clm_trainer.features")
    for source in sorted(package.iterdir(), key=lambda entry: entry.name):
        if source.name.endswith(".py"):
            text = source.read_text("utf-8").replace("\r\n", "\n")
            digest.update(f"{source.name}\n{text}".encode())
    return digest.hexdigest()
