"""The return that a decision at close t can earn from the open of t + 1, and its sign."""

from dataclasses import dataclass

import numpy as np

from clm_api.base import Model
from clm_api.run import RunSpec
from clm_trainer.own.door import Offer
from clm_trainer.panel import Floats, Panel
from clm_trainer.targets.base import LABEL_LIMIT, Labels, fixed_ends


class NoParams(Model):
    """A target without parameters."""


@dataclass(frozen=True)
class Return:
    """log(open[t+1+h] / open[t+1]) / (sigma_t √h), clipped; NaN where an open is missing."""

    horizon_bars: int

    def labels(self, panel: Panel, sigma: Floats) -> Labels:
        """Return the labels; the open of t + 1 + h decides that of t."""
        scaled = changes(panel, self.horizon_bars)
        scaled /= sigma * np.sqrt(self.horizon_bars)
        return Labels(
            np.clip(scaled, -LABEL_LIMIT, LABEL_LIMIT),
            fixed_ends(panel, self.horizon_bars),
        )


@dataclass(frozen=True)
class Sign:
    """1 where ``Return`` is positive, -1 where it is negative, 0 where the opens are equal."""

    horizon_bars: int

    def labels(self, panel: Panel, sigma: Floats) -> Labels:
        """Return the labels; the open of t + 1 + h decides that of t."""
        del sigma
        return Labels(
            np.sign(changes(panel, self.horizon_bars)),
            fixed_ends(panel, self.horizon_bars),
        )


def changes(panel: Panel, horizon: int) -> Floats:
    """Return log(open[t+1+h] / open[t+1]); NaN where an open is missing."""
    change = np.full_like(panel.open, np.nan)
    known = len(panel) - 1 - horizon
    if known > 0:
        change[:known] = np.log(panel.open[1 + horizon :] / panel.open[1 : 1 + known])
    return change


def _return(_: NoParams, run: RunSpec) -> Return:
    return Return(run.target.horizon_bars)


def _sign(_: NoParams, run: RunSpec) -> Sign:
    return Sign(run.target.horizon_bars)


RETURN = Offer(NoParams, _return)
SIGN = Offer(NoParams, _sign)
