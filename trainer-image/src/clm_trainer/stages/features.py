"""Features and labels from bars."""

import numpy as np

from clm_trainer.families.base import Dataset
from clm_trainer.features import STANDARD, FeatureSet, build_features
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


def dataset(panel: Panel, horizon: int, features: FeatureSet = STANDARD) -> Dataset:
    """Return all rows of a panel with the features of a set, and labels."""
    table = build_features(panel, features)
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
        log_close=table.log_close,
        observed=features.observed,
    )
