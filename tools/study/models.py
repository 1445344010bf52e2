"""What the studies train: families alone, blends, and a family that is given the planted signal."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from clm_api.families import Family
from clm_api.run import RunSpec
from clm_trainer.features.base import FeatureSet
from clm_trainer.own.features import panel_features
from tools.study.mirrored import MOMENTUM_BARS

SIGMA_BARS = 168


@dataclass(frozen=True)
class Studied:
    """A model of a study.

    Parameters
    ----------
    model
        ``spec.model`` of its schedule.
    told
        Whether it is given the planted signal as an own feature, beside the usual ones.
    """

    model: dict[str, Any] = field(default_factory=dict)
    told: bool = False

    def features(self, run: RunSpec) -> FeatureSet | None:
        """Return its feature set; None is the one that its schedule names."""
        return SIGNAL.make(SIGNAL.params(), run) if self.told else None


def _blend(*members: str) -> Studied:
    return Studied({"family": "blend", "blend": {"members": [{"family": m} for m in members]}})


STUDIED = {family.value: Studied({"family": family.value}) for family in Family} | {
    "blend": _blend("xgboost", "lightgbm"),
    "blend-nhits": _blend("xgboost", "nhits"),
    "xgboost-own": Studied({"family": "xgboost"}, told=True),
}
"""By the name that ``make study FAMILY=…`` is given."""


@panel_features(lookback_bars=SIGMA_BARS + MOMENTUM_BARS, extends="standard")
def SIGNAL(  # noqa: N802  an offer
    frames: dict[str, pd.DataFrame], params: BaseModel
) -> dict[str, pd.DataFrame]:
    """Return tanh of the symbols' common momentum of 48 hours in units of its volatility."""
    del params
    closes = pd.concat([frame["close"] for frame in frames.values()], axis=1)
    moves = closes.apply(np.log).diff()
    variance = moves.rolling(SIGMA_BARS).var(ddof=0).mean(axis=1)
    common = moves.mean(axis=1).rolling(MOMENTUM_BARS).sum()
    signal = np.tanh(common / np.sqrt(variance * MOMENTUM_BARS))
    return {name: pd.DataFrame({"signal": signal}) for name in frames}
