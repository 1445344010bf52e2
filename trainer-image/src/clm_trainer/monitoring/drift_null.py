"""How unusual a window is under a market's own history, and the limit that a decision needs.

Windows of a market are not independent draws: features and volatility last. So each statistic is
held against that of contiguous windows of the training against the rest of it, and the decision
(k of n windows, the largest of all statistics) against the same decision at those windows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from clm_trainer.monitoring.drift_columns import Columns
from clm_trainer.monitoring.drift_windows import Ints, codes_of, counts, enough, ks, psi
from clm_trainer.panel import Floats

KINDS = ("psi", "ks")
PARTS = (1, 2)
"""A window is looked at as a whole, and its newest half: half of it is old after a change."""
FEWEST_BLOCKS, MOST_BLOCKS = 8, 150
SHARES = (0.5, 0.9, 0.99, 1.0)
"""Quantiles of the statistics that are kept."""
MONTH_DAYS = 30.0
_STEPS = 28
_EULER = 0.5772156649015329
_LEAST_SPREAD = 1e-3
"""Of a feature that never varied: whatever moves it is unusual."""


@dataclass(frozen=True)
class Windows:
    """How a market is cut into windows.

    Parameters
    ----------
    bars
        Length of a window.
    needed, of
        So many of the newest windows must differ.
    """

    bars: int
    needed: int
    of: int

    @property
    def spacing(self) -> int:
        """Bars between the ends of two windows: a quarter of a day of a week of hours."""
        return max(1, self.bars // _STEPS)

    @property
    def reach(self) -> int:
        """Bars that the newest windows cover together."""
        return self.bars + (self.of - 1) * self.spacing

    def ending(self, stop: int) -> Ints:
        """Return the ends of the newest windows, the newest last."""
        return stop - self.spacing * np.arange(self.of - 1, -1, -1)

    def decided(self, unusual: Floats) -> Floats:
        """Return what the needed windows reach, of each run of ``of`` windows on the last axis."""
        runs = np.lib.stride_tricks.sliding_window_view(unusual, self.of, axis=-1)
        reached: Floats = np.sort(runs, axis=-1)[..., self.of - self.needed]
        return reached


@dataclass(frozen=True, eq=False)
class Null:
    """What is usual.

    Parameters
    ----------
    quantiles
        Of each statistic at ``SHARES``, shape (shares, columns, parts × kinds).
    location, scale
        Of the Gumbel distribution of the largest decision in a block as long as a window.
    blocks
        How many blocks it was fitted to.
    """

    names: tuple[str, ...]
    windows: Windows
    quantiles: Floats
    location: float
    scale: float
    blocks: int

    def unusual(self, statistics: Floats) -> Floats:
        """Return how unusual statistics are, shape as given; NaN stays.

        0 is the median of the training's windows, 1 what one of ten exceeds.
        """
        return unusual(statistics, self.quantiles)

    def limit(self, confidence: float, bars_per_day: float) -> float:
        """Return what the decision exceeds in a month with probability 1 - confidence."""
        blocks = MONTH_DAYS * bars_per_day / self.windows.bars
        return float(self.location + self.scale * np.log(blocks / -np.log(confidence)))


def statistics_of(
    columns: Columns, edges: Mapping[str, Floats], trained: int, ends: Ints, bars: int
) -> Floats:
    """Return the statistics of windows against the bars before ``trained``.

    Parameters
    ----------
    edges
        Percentiles of each column's reference.
    trained
        Bars of the reference: the first rows. Windows within it are held against its rest.
    ends
        Bar after the last one of each window, shape (windows,).

    Returns
    -------
    array
        Shape (columns, parts × kinds, windows); KS squared, as PSI goes with the square too. NaN
        where a window has fewer than half of its values.
    """
    made = []
    for name, values in columns.items():
        codes = codes_of(values, edges[name])
        whole = counts(codes, np.array([0]), np.array([trained]))
        some = []
        for part in PARTS:
            starts = ends - bars // part
            window = counts(codes, starts, ends)
            inside = counts(codes, np.minimum(starts, trained), np.minimum(ends, trained))
            known = enough(window, bars // part * codes.shape[1])
            some += [
                np.where(known, psi(window, whole - inside), np.nan),
                np.where(known, ks(window, whole - inside) ** 2, np.nan),
            ]
        made.append(np.stack(some))
    return np.stack(made)


def null_of(
    columns: Columns, edges: Mapping[str, Floats], trained: int, windows: Windows
) -> Null | None:
    """Return what is usual in the bars before ``trained``; None where they are too few.

    The history is cut into blocks as long as a window, at most 150 of them, evenly spread.
    """
    step, bars = windows.spacing, windows.bars
    blocks = (trained - windows.reach) // bars
    if blocks < FEWEST_BLOCKS:
        return None
    stops = trained - bars * np.unique(np.linspace(0, blocks - 1, min(blocks, MOST_BLOCKS), dtype=np.int64))
    back = np.arange(bars // step + windows.of - 2, -1, -1) * step
    ends = stops[:, None] - back[None, :]
    flat = statistics_of(columns, edges, trained, ends.ravel(), bars)
    known = np.isfinite(flat).any(axis=(0, 1)).reshape(ends.shape).all(axis=1)
    if known.sum() < FEWEST_BLOCKS:
        return None
    found = flat.reshape(*flat.shape[:2], *ends.shape)[:, :, known]
    empty = ~np.isfinite(found).any(axis=(2, 3), keepdims=True)
    quantiles = np.nanquantile(np.where(empty, 0.0, found), SHARES, axis=(2, 3))
    largest = windows.decided(np.nanmax(unusual(found, quantiles), axis=(0, 1))).max(axis=1)
    return Null(tuple(columns), windows, quantiles, *gumbel(largest), int(known.sum()))


def unusual(statistics: Floats, quantiles: Floats) -> Floats:
    """Return statistics in spreads above their median, as ``Null.unusual`` says."""
    shape = (*quantiles.shape[1:], *(1,) * (statistics.ndim - 2))
    median, high = quantiles[0].reshape(shape), quantiles[1].reshape(shape)
    scaled: Floats = (statistics - median) / np.maximum(high - median, _LEAST_SPREAD)
    return scaled


def gumbel(largest: Floats) -> tuple[float, float]:
    """Return location and scale of block maxima, by L-moments (Hosking 1990)."""
    ordered, size = np.sort(largest), len(largest)
    mean = float(ordered.mean())
    weighted = float((ordered * np.arange(size)).sum() / (size * (size - 1)))
    scale = (2 * weighted - mean) / float(np.log(2))
    return mean - _EULER * scale, scale
