"""A feature set: how far the price went over two spans, and how busy the market was."""

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from clm_trainer.own.features import features


class Momentum(BaseModel):
    """What a schedule may set in ``spec.model.features.params``."""

    fast_bars: int = Field(default=12, ge=2, le=500)
    slow_bars: int = Field(default=48, ge=2, le=500)


@features(params=Momentum, lookback_bars=lambda p: max(p.fast_bars, p.slow_bars) + 1)
def momentum(bars: pd.DataFrame, params: Momentum) -> pd.DataFrame:
    """Return features of one symbol's bars; each depends on the look-back alone."""
    change = np.log(bars["close"]).diff()
    columns = {}
    for name, span in (("fast", params.fast_bars), ("slow", params.slow_bars)):
        moved, noise = change.rolling(span).sum(), change.rolling(span).std()
        columns[f"momentum_{name}"] = moved / (noise * np.sqrt(span) + 1e-9)
    usual = bars["volume"].rolling(params.slow_bars).mean()
    columns["busy"] = np.log1p(bars["volume"]) - np.log1p(usual)
    return pd.DataFrame(columns)
