"""The truncation test inside every run: cheap, on a sample of bars, fatal where it fails."""

from collections.abc import Callable

import numpy as np

from clm_trainer.evaluation.lookahead import require_causal
from clm_trainer.families.base import Dataset
from clm_trainer.features import FeatureTable
from clm_trainer.panel import Floats, Panel
from clm_trainer.stages.features import dataset
from clm_trainer.stages.train import Trained

CUTS = 3
"""Places in the evaluation window at which the bars are cut off, spread evenly."""


def require_no_look_ahead(
    panel: Panel,
    rows: Dataset,
    trained: Trained,
    build: Callable[[Panel], FeatureTable],
) -> None:
    """Compare features, sigma and the artifact's signals with those of a shorter history.

    Features are compared on all bars before a cut, signals on those of the evaluation window.

    Raises
    ------
    ClmError
        MetricsRejected: something at some bar changes when later bars are removed.
    """
    start, stop = trained.walk.window
    cuts = [start + (stop - start) * (k + 1) // (CUTS + 1) for k in range(CUTS)]

    def everything(known: Panel) -> Floats:
        seen = rows if known is panel else dataset(known, None, build)
        signals = np.full((*seen.usable.shape, 1), np.nan)
        signals[start:, :, 0] = trained.model.score(seen.rows(start, len(seen)))
        return np.concatenate([seen.features, seen.sigma[..., None], signals], axis=2)

    require_causal(everything, panel, cuts)
