"""Bars as the environment sees them: observations, prices, sizes, and where episodes may start."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.run import RunSpec
from clm_trainer.environments.arrays import Ints, Observations
from clm_trainer.families.base import Dataset
from clm_trainer.panel import YEAR_SECONDS, Bools, Floats

OBSERVED_LIMIT = 5.0
_BLOCK_BARS = 4096


@dataclass(frozen=True, eq=False)
class Market:
    """Arrays that all episodes share; symbols first, a symbol's bars side by side.

    Parameters
    ----------
    observed
        Features, clipped, shape (symbols, bars, observed); a bar that is not usable repeats the
        last one that was.
    open, close, gap
        Shape (symbols, bars).
    weight
        Size of a position entered on a bar, a fraction of the sleeve, shape (symbols, bars).
    starts
        Symbol and row at which an episode may start, shape (starts, 2).
    cost_rate
        Cost per notional.
    shorts
        Whether short positions are allowed.
    """

    observed: Observations
    open: Floats
    close: Floats
    gap: Bools
    weight: Floats
    starts: Ints
    cost_rate: float
    shorts: bool

    @classmethod
    def of(cls, rows: Dataset, spec: RunSpec, episode_bars: int) -> "Market":
        """Return the market of training rows.

        Raises
        ------
        ClmError
            InsufficientData: no episode fits between usable bars.
        """
        closes = np.exp(rows.log_close[-len(rows) :])
        fits = np.zeros_like(rows.usable)
        last = len(rows) - episode_bars
        fits[: max(last, 0)] = (rows.usable & np.isfinite(rows.target))[: max(last, 0)]
        starts = np.argwhere(fits.T)
        if len(starts) == 0:
            raise ClmError(
                Reason.INSUFFICIENT_DATA,
                f"no episode of {episode_bars} bars fits the {len(rows)} bars of the training "
                "span: import more bars, or lower episodeSteps",
            )
        return cls(
            observed=observed(rows).transpose(1, 0, 2).copy(),
            open=np.ascontiguousarray(rows.open.T),
            close=np.ascontiguousarray(closes.T),
            gap=np.ascontiguousarray(np.isnan(rows.open.T)),
            weight=np.ascontiguousarray(_weights(rows, spec).T),
            starts=starts.astype(np.int64),
            cost_rate=spec.cost_bps / 1e4,
            shorts=spec.shorts,
        )


def observed(rows: Dataset) -> Observations:
    """Return the observed features, shape (bars, symbols, observed).

    An unusable bar repeats the last usable one.
    """
    columns = [rows.names.index(name) for name in rows.observed]
    seen = np.zeros((*rows.usable.shape, len(columns)), dtype=np.float32)
    for start in range(0, len(rows), _BLOCK_BARS):
        cut = slice(start, start + _BLOCK_BARS)
        usable = rows.usable[cut]
        known = rows.features[cut][usable][:, columns]
        seen[cut][usable] = np.clip(known, -OBSERVED_LIMIT, OBSERVED_LIMIT)
    for column in range(len(rows.symbols)):
        there = np.where(rows.usable[:, column], np.arange(len(rows)), 0)
        newest = np.maximum.accumulate(there)  # row 0 is all zeros where it is not usable
        seen[:, column] = seen[newest, column]
    return seen


def _weights(rows: Dataset, spec: RunSpec) -> Floats:
    bars_per_year = YEAR_SECONDS / pd.Timedelta(rows.timeframe).total_seconds()
    wanted = spec.target.volatility_target / np.sqrt(bars_per_year)
    sized: Floats = np.minimum(
        spec.target.max_weight, wanted / np.where(rows.usable, rows.sigma, 1)
    )
    return sized
