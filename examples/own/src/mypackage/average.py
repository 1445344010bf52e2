"""A target: where the price will be on average, which is less noisy than where it will be."""

from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, Field

from clm_api.run import RunSpec
from clm_trainer.own.door import Offer
from clm_trainer.panel import Floats, Panel
from clm_trainer.targets import Labels


class AverageParams(BaseModel):
    """What a schedule may set in ``spec.target.params``."""

    bars: int = Field(default=24, ge=1, le=500)


@dataclass(frozen=True)
class Average:
    """Mean log close of t + 1 … t + bars, less the log open of t + 1, in units of volatility."""

    params: AverageParams

    def labels(self, panel: Panel, sigma: Floats) -> Labels:
        """Return the labels; the close of t + bars decides that of t, NaN if a bar is missing."""
        bars = self.params.bars
        values = np.full(panel.close.shape, np.nan)
        known = max(0, len(panel) - bars)
        if known > 0:
            later = np.lib.stride_tricks.sliding_window_view(np.log(panel.close), bars, axis=0)
            begin = np.log(panel.open[1 : known + 1])
            scale = sigma[:known] * np.sqrt(bars)
            values[:known] = (later[1 : known + 1].mean(axis=2) - begin) / scale
        ends = np.arange(len(panel))[:, None] + bars
        return Labels(np.clip(values, -2.5, 2.5), np.broadcast_to(ends, values.shape))


def _make(params: AverageParams, run: RunSpec) -> Average:
    del run
    return Average(params)


OFFER = Offer(AverageParams, _make)
