"""Features and labels from bars."""

from clm_trainer.families.base import Dataset
from clm_trainer.features import STANDARD, FeatureSet, build_features
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
