"""Features and labels from bars."""

from collections.abc import Callable

import numpy as np

from clm_trainer.families.base import Dataset
from clm_trainer.features import FeatureTable, build_features
from clm_trainer.panel import Floats, Panel

LABEL_LIMIT = 2.5


def forward_returns(panel: Panel, sigma: Floats, horizon: int) -> Floats:
    """Return log(open[t+1+h] / open[t+1]) / (sigma_t √h), clipped; NaN where an open is missing."""
    label = np.full_like(sigma, np.nan)
    known = len(panel) - 1 - horizon
    if known > 0:
        opens = panel.open
        change = np.log(opens[1 + horizon :] / opens[1 : 1 + known])
        label[:known] = change / (sigma[:known] * np.sqrt(horizon))
    return np.clip(label, -LABEL_LIMIT, LABEL_LIMIT)


def dataset(
    panel: Panel, horizon: int, build: Callable[[Panel], FeatureTable] = build_features
) -> Dataset:
    """Return all rows of a panel with the features that ``build`` makes, and labels."""
    table = build(panel)
    return Dataset(
        times=panel.times,
        timeframe=panel.timeframe,
        symbols=panel.symbols,
        names=table.names,
        features=table.values,
        target=forward_returns(panel, table.sigma, horizon),
        sigma=table.sigma,
        usable=table.usable,
        open=panel.open,
        log_close=carried_closes(panel),
    )


def carried_closes(panel: Panel) -> Floats:
    """Return log closes, holes filled with the last one; NaN before a symbol's first bar."""
    closes = np.log(panel.close)
    there = np.where(panel.gap, 0, np.arange(len(panel))[:, None])
    newest = np.maximum.accumulate(there, axis=0)
    return np.where(panel.listed, np.take_along_axis(closes, newest, axis=0), np.nan)
