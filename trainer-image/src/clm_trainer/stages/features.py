"""Features and labels from bars."""

import numpy as np

from clm_trainer.families.base import Dataset
from clm_trainer.features import STANDARD, FeatureSet, TableStream, build_features
from clm_trainer.features.base import Saved
from clm_trainer.features.table import BLOCK_BARS
from clm_trainer.panel import Panel
from clm_trainer.targets import Target, unlabelled


def dataset(panel: Panel, target: Target | None = None, features: FeatureSet = STANDARD) -> Dataset:
    """Return all rows of a panel with the features of a set.

    Parameters
    ----------
    target
        Makes the labels; rows that are scored alone need none.
    """
    table = build_features(panel, features)
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
        log_close=table.log_close,
        observed=features.observed,
        before_newest=table.before_newest,
    )


def following(known: Dataset, later: Panel, features: FeatureSet, after: Saved) -> Dataset:
    """Return the rows of bars that follow known ones, to be scored.

    They are those of ``dataset`` on all bars together, bit for bit.

    Parameters
    ----------
    known
        All rows before; their closes stand in front of the later ones.
    after
        The state of the features after the known bars.
    """
    shape = later.gap.shape
    values, sigma = np.empty((*shape, len(features.names))), np.empty(shape)
    usable, log_close = np.empty(shape, dtype=np.bool_), np.empty(shape)
    stream = TableStream.resume(features, later.symbols, later.timeframe, after)
    for start in range(0, len(later), BLOCK_BARS):
        rows = slice(start, start + BLOCK_BARS)
        made = stream.advance(later.window(start, start + BLOCK_BARS))
        values[rows], sigma[rows] = made.values, made.sigma
        usable[rows], log_close[rows] = made.usable, made.log_close
    labels = unlabelled(later)
    return Dataset(
        times=later.times,
        timeframe=later.timeframe,
        symbols=later.symbols,
        names=features.names,
        features=values,
        target=labels.values,
        ends=labels.ends,
        sigma=sigma,
        usable=usable,
        open=later.open,
        log_close=np.concatenate([known.log_close, log_close]),
        observed=features.observed,
    )
