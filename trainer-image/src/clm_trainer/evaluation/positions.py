"""From scores to positions: rank on a calibration tail, enter high, leave by rule, size by risk."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.run import RunTarget
from clm_trainer.panel import Bools, Floats, Panel

KEPT_QUANTILES = 512
HELD = 5
"""What a position carries to the next bar: side, size, age, and volatility and open at entry."""


@dataclass(frozen=True, eq=False)
class PercentileMap:
    """Turns scores into percentiles of a calibration tail.

    Parameters
    ----------
    quantiles
        Sorted scores at 512 evenly spaced ranks.
    """

    quantiles: Floats

    @classmethod
    def fit(cls, scores: Floats) -> "PercentileMap":
        """Keep 512 quantiles of the finite scores, pooled over symbols.

        Raises
        ------
        ClmError
            InsufficientData: no bar of the tail has a score.
        """
        finite = np.sort(scores[np.isfinite(scores)])
        if len(finite) == 0:
            raise ClmError(
                Reason.INSUFFICIENT_DATA,
                "no bar of the calibration tail is usable, so scores can't be ranked: "
                "import more bars or raise spec.target.calibrationDays",
            )
        ranks = np.linspace(0, len(finite) - 1, KEPT_QUANTILES)
        return cls(finite[np.round(ranks).astype(np.int64)])

    def save(self, file: Path) -> None:
        """Write the quantiles as JSON."""
        file.write_text(json.dumps({"quantiles": self.quantiles.tolist()}))

    @classmethod
    def load(cls, file: Path) -> "PercentileMap":
        """Read what ``save`` wrote.

        Raises
        ------
        ClmError
            ArtifactCorrupt: it is damaged.
        """
        try:
            quantiles = np.array(json.loads(file.read_bytes())["quantiles"], dtype=np.float64)
        except (OSError, ValueError, KeyError, TypeError) as error:
            text = f"{file.name} can't be read ({error}): it is damaged; train again"
            raise ClmError(Reason.ARTIFACT_CORRUPT, text) from error
        return cls(quantiles)

    def rank(self, scores: Floats) -> Floats:
        """Return mid-ranks in [0, 1]: ties get the mean of left and right rank; NaN stays NaN."""
        left = np.searchsorted(self.quantiles, scores, side="left")
        right = np.searchsorted(self.quantiles, scores, side="right")
        middle = (left + right) / (2 * len(self.quantiles))
        out: Floats = np.where(np.isfinite(scores), middle, np.nan)
        return out


def flat(symbols: int) -> Floats:
    """Return what is held before the first bar, shape (symbols, HELD)."""
    return np.zeros((symbols, HELD))


def target_positions(
    percentiles: Floats,
    sigma: Floats,
    panel: Panel,
    target: RunTarget,
    *,
    shorts: bool = False,
    held: Floats | None = None,
) -> Floats:
    """Return the target decided at each close, as a fraction of the symbol's sleeve.

    Parameters
    ----------
    percentiles, sigma
        Shape (bars, symbols) on the panel's rows.
    shorts
        Whether percentiles below 1 - entry_percentile go short; the rules are mirrored.
    held
        What is held before the first row, shape (symbols, HELD), changed in place to what is held
        after the last one; without it, nothing is.

    Returns
    -------
    ndarray
        Shape (bars, symbols), in [-max_weight, max_weight]. A hole's row repeats the last target.
    """
    out = np.empty_like(percentiles)
    state = flat(percentiles.shape[1]) if held is None else held
    for column in range(percentiles.shape[1]):
        out[:, column] = _positions(
            state[column],
            percentiles[:, column],
            sigma[:, column],
            panel.open[:, column],
            panel.close[:, column],
            panel.gap[:, column],
            shorts,
            target.entry_percentile,
            target.exit_percentile,
            target.min_hold_bars,
            target.take_profit_sigmas * np.sqrt(target.horizon_bars),
            target.stop_loss_sigmas * np.sqrt(target.horizon_bars),
            target.volatility_target / np.sqrt(panel.bars_per_year),
            target.max_weight,
        )
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def _positions(
    held: Floats,
    percentile: Floats,
    sigma: Floats,
    open_: Floats,
    close: Floats,
    gap: Bools,
    shorts: bool,  # noqa: FBT001 - numba functions take positional arguments
    entry: float,
    leave: float,
    min_hold: int,
    take_profit: float,
    stop_loss: float,
    target_sigma: float,
    max_weight: float,
) -> Floats:
    bars = len(percentile)
    out = np.zeros(bars)
    side, weight, age, entry_sigma, entry_open = held[0], held[1], int(held[2]), held[3], held[4]
    for t in range(bars):
        if side != 0.0 and (age > 0 or not gap[t]):
            age += 1
            if age == 1:
                entry_open = open_[t]
        if side != 0.0 and not gap[t]:
            change = side * np.log(close[t] / entry_open)
            rank = percentile[t] if side > 0 else 1 - percentile[t]
            hit = change >= take_profit * entry_sigma or change <= -stop_loss * entry_sigma
            if hit or (age >= min_hold and rank < leave):
                side = 0.0
        elif not gap[t]:
            if percentile[t] > entry:
                side = 1.0
            elif shorts and percentile[t] < 1 - entry:
                side = -1.0
            if side != 0.0:
                weight = min(max_weight, target_sigma / sigma[t])
                age, entry_sigma = 0, sigma[t]
        out[t] = side * weight
    held[0], held[1], held[2], held[3], held[4] = side, weight, age, entry_sigma, entry_open
    return out
