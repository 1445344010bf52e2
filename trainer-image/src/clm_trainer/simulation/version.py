"""One past slot: a version trained on what was known then, and what it says of later bars."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.report import MetricsFile
from clm_api.run import RunSpec
from clm_trainer.families.base import FitContext
from clm_trainer.panel import Floats, Panel
from clm_trainer.stages.develop import develop
from clm_trainer.stages.features import following

OTHERS_TROUBLE = frozenset(
    {
        Reason.INTERRUPTED,
        Reason.STORAGE_DENIED,
        Reason.STORAGE_UNAVAILABLE,
        Reason.DATA_UNAVAILABLE,
        Reason.EXCHANGE_DENIED,
        Reason.EXCHANGE_BANNED,
        Reason.DEVICE_UNAVAILABLE,
    }
)
"""Reasons that say nothing of a version: it is to be trained again."""


@dataclass(frozen=True, eq=False)
class PastVersion:
    """A version as its Job would have left it, and its signals from its slot on.

    Parameters
    ----------
    slot
        When it was trained; the first bar that it never saw opens then.
    metrics
        Its gate's metrics, as a first trial; None if the run failed.
    percentiles, sigma
        Shape (bars from the slot to the end, symbols); empty if the run failed.
    failure
        Reason and message of a failed run, else empty.
    """

    slot: datetime
    metrics: MetricsFile | None
    percentiles: Floats
    sigma: Floats
    failure: str = ""


def past_version(
    panel: Panel,
    known: int,
    spec: RunSpec,
    slot: datetime,
    context: FitContext,
    events: pd.DataFrame | None = None,
) -> PastVersion:
    """Train on the first ``known`` bars of a panel, then score all later ones.

    Features of the later bars go on where those of the training ended, as a bot's do.

    Parameters
    ----------
    panel
        Starts where the run's data start.
    spec
        The run; its data range is not read, the panel stands for it.
    events
        Funding that covers the run's evaluation window, perpetuals only.

    Raises
    ------
    ClmError
        One of ``OTHERS_TROUBLE``; for any other reason the run fails, and that is its answer.
    """
    try:
        developed = develop(panel.window(0, known), spec, context, events)
    except ClmError as error:
        if error.reason in OTHERS_TROUBLE:
            raise
        none = np.empty((0, len(panel.symbols)))
        return PastVersion(slot, None, none, none, f"{error.reason}: {error.message}")
    later = following(
        developed.rows, panel.window(known, len(panel)), developed.features, developed.made.after
    )
    trained = developed.trained
    percentiles = trained.ranks.rank(trained.model.score(later))
    return PastVersion(slot, developed.metrics, percentiles, later.sigma)
