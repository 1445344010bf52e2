"""Features and labels from bars."""

from collections.abc import Callable

import numpy as np

from clm_trainer.families.base import Dataset
from clm_trainer.features import FeatureTable, build_features
from clm_trainer.panel import Floats, Panel
from clm_trainer.targets import Target, unlabelled


def dataset(
    panel: Panel,
    target: Target | None = None,
    build: Callable[[Panel], FeatureTable] = build_features,
) -> Dataset:
    """Return all rows of a panel with the features that ``build`` makes.

    Parameters
    ----------
    target
        Makes the labels; rows that are scored alone need none.
    """
    table = build(panel)
    labels = unlabelled(panel) if target is None else target.labels(panel, table.sigma)
    return Dataset(
        times=panel.times,
        timeframe=panel.timeframe,
        symbols=panel.symbols,
        names=table.names,
        features=table.values,
        target=labels.values,
        ends=labels.ends,
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
