"""Triple barrier: the return at the first touch of a profit, a loss or the end of the horizon.

López de Prado, Advances in Financial Machine Learning (2018), chapter 3.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numba import njit
from pydantic import Field

from clm_api.base import Model
from clm_api.run import RunSpec
from clm_trainer.own.door import Offer
from clm_trainer.panel import Floats, Panel
from clm_trainer.targets.base import LABEL_LIMIT, Ints, Labels

Barrier = Annotated[float, Field(ge=0.05, le=LABEL_LIMIT)]


class BarrierParams(Model):
    """Where a label ends before its horizon does."""

    profit_sigmas: Barrier | None = 1.0
    """Profit, in units of sigma × √horizonBars; null: none ends a label."""
    loss_sigmas: Barrier | None = 1.0
    """Loss, in the same units; null: none ends a label."""


@dataclass(frozen=True)
class TripleBarrier:
    """The log return from the open of t + 1 to the first barrier, / (sigma_t √h), clipped.

    Profit and loss are looked for at the closes of t + 1 … t + h, as positions do, and missing bars
    have none. If none is reached, the label is that of ``Return``: it ends at the open of
    t + 1 + h. NaN where the open that begins or ends it is missing.
    """

    horizon_bars: int
    params: BarrierParams

    def labels(self, panel: Panel, sigma: Floats) -> Labels:
        """Return the labels; the bar that touches decides that of t."""
        scale = sigma * np.sqrt(self.horizon_bars)
        values, ends = np.empty_like(sigma), np.empty(sigma.shape, dtype=np.int64)
        for column in range(sigma.shape[1]):
            values[:, column], ends[:, column] = first_touches(
                np.log(panel.open[:, column]),
                np.log(panel.close[:, column]),
                scale[:, column],
                self.horizon_bars,
                _or_never(self.params.profit_sigmas),
                _or_never(self.params.loss_sigmas),
            )
        return Labels(np.clip(values, -LABEL_LIMIT, LABEL_LIMIT), ends)


def _or_never(sigmas: float | None) -> float:
    return np.inf if sigmas is None else sigmas


@njit(cache=True)  # type: ignore[untyped-decorator]
def first_touches(
    log_open: Floats, log_close: Floats, scale: Floats, horizon: int, profit: float, loss: float
) -> tuple[Floats, Ints]:
    """Return one symbol's labels before clipping, and the rows that they end with."""
    bars = len(scale)
    values, ends = np.full(bars, np.nan), np.empty(bars, dtype=np.int64)
    for t in range(bars):
        last = t + 1 + horizon
        ends[t] = last
        if t + 1 >= bars or np.isnan(log_open[t + 1]) or np.isnan(scale[t]):
            continue
        start = log_open[t + 1]
        for row in range(t + 1, min(last, bars)):
            moved = (log_close[row] - start) / scale[t]
            if moved >= profit or moved <= -loss:
                values[t], ends[t] = moved, row
                break
        else:
            if last < bars:
                values[t] = (log_open[last] - start) / scale[t]
    return values, ends


def _make(params: BarrierParams, run: RunSpec) -> TripleBarrier:
    return TripleBarrier(run.target.horizon_bars, params)


OFFER = Offer(BarrierParams, _make)
