"""Builders of past versions with signals that the tests choose."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from clm_api.report import MetricsFile
from clm_trainer.panel import Floats
from clm_trainer.simulation.version import PastVersion
from tests.trainer.evaluation.markets import real

START = datetime(2025, 12, 2, 6, tzinfo=UTC)
GOOD = {"sharpe": 1.5, "winRate": 0.6, "profitFactor": 1.4, "maxDrawdown": 0.1, "trades": 60.0}
DAYS = 40
PANEL = real(DAYS)
BARS = len(PANEL)


def metrics(**changes: Any) -> MetricsFile:
    return MetricsFile(
        metrics=GOOD | changes, bars=720, sr_per_bar=0.016, skew=0.0, kurtosis=3.0,
        trained_until=START,
    )  # fmt: skip


def version(
    begin: int, percentile: Floats | float = 0.9, *, file: MetricsFile | None = None
) -> PastVersion:
    """A version whose slot is the panel's row ``begin``."""
    shape = (BARS - begin, 2)
    return PastVersion(
        slot=PANEL.times[begin].to_pydatetime(),
        metrics=file or metrics(),
        percentiles=np.broadcast_to(percentile, shape).astype(float),
        sigma=np.full(shape, 0.004),
    )


def failed(begin: int) -> PastVersion:
    none = np.empty((0, 2))
    slot = PANEL.times[begin].to_pydatetime() + timedelta(0)
    return PastVersion(slot, None, none, none, "DataGap: a hole")
