"""How unusual a window is under a market's own history, and the limit that a decision needs.

Windows of a market are not independent draws: features and volatility last. So each statistic is
held against that of contiguous windows of the training against the rest of it, and the decision
(k of n windows, the largest of all statistics) against the same decision at those windows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from clm_trainer.monitoring.drift_columns import Columns
from clm_trainer.monitoring.drift_sample import Sample, sample_of
from clm_trainer.monitoring.drift_tail import Tail, tail_of
from clm_trainer.monitoring.drift_windows import Ints, codes_of, ks, psi
from clm_trainer.panel import Floats

KINDS = ("psi", "ks")
SHARES = (0.5, 0.9, 0.99, 1.0)
"""Quantiles of the statistics that are kept."""
FEWEST_BLOCKS, MOST_BLOCKS = 8, 150
MONTH_DAYS = 30.0
NEWEST_WEIGHT = 5
"""How much a bar of a window's newest half counts, one of the other half counting 1: four days
after a change, almost half of a window of a week is still old."""
_STEPS = 28
_LEAST_SPREAD = 1e-3
"""Of a column that never varied: whatever moves it is unusual."""


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
        """Bars between the ends of two windows: a quarter of a day where a window is a week."""
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
class Usual:
    """What is usual of each column in the training's windows.

    Parameters
    ----------
    quantiles
        Of PSI and KS at ``SHARES``, shape (shares, columns, kinds).
    joint
        Of both together, at the first two shares; shape (2, columns).
    """

    quantiles: Floats
    joint: Floats

    def unusual(self, found: Floats) -> Floats:
        """Return how unusual each column is: 0 is the median window, 1 what one of ten exceeds.

        Parameters
        ----------
        found
            Shape (columns, kinds, …).

        Returns
        -------
        array
            Shape (columns, …); NaN where ``found`` is.
        """
        return _above(_both(found, self.quantiles), self.joint)


@dataclass(frozen=True, eq=False)
class Null:
    """What is usual, and how far the largest of all columns goes in a month.

    Parameters
    ----------
    tail
        Of the largest decision in a block as long as a window.
    blocks
        How many blocks it was fitted to.
    """

    names: tuple[str, ...]
    windows: Windows
    usual: Usual
    tail: Tail
    blocks: int

    def limit(self, confidence: float, bars_per_day: float) -> float:
        """Return what the decision exceeds in a month with probability 1 - confidence."""
        return self.tail.limit(confidence, MONTH_DAYS * bars_per_day / self.windows.bars)


def statistics_of(
    columns: Columns,
    edges: Mapping[str, Floats],
    trained: int,
    ends: Ints,
    bars: int,
    sample: Sample | None = None,
) -> Floats:
    """Return PSI and KS of windows against the bars before ``trained``.

    Parameters
    ----------
    columns
        Of the sample's bars; without a sample, of all.
    edges
        Inner quantiles of each column's reference.
    trained
        Bars of the reference: the first rows. Windows within it are held against its rest.
    ends
        Bar after the last one of each window, shape (windows,).

    Returns
    -------
    array
        Shape (columns, kinds, windows); NaN where a window has fewer than half of its values.
    """
    made = []
    starts, halves = ends - bars, ends - (bars + 1) // 2
    if sample is None:
        sample = Sample.whole(len(next(iter(columns.values()))))
    cuts = sample.cuts(
        ((starts, ends), (halves, ends)),
        (
            (np.minimum(starts, trained), np.minimum(ends, trained)),
            (np.array([0]), np.array([trained])),
        ),
    )
    for name, values in columns.items():
        codes = codes_of(values, edges[name])
        counted, newest, inside, whole = cuts(codes)
        known = 2 * counted.sum(axis=1) >= bars * codes.shape[1]
        weighed, rest = counted + (NEWEST_WEIGHT - 1) * newest, whole - inside
        found = np.stack([psi(weighed, rest), ks(weighed, rest)])
        made.append(np.where(known, found, np.nan))
    return np.stack(made)


def null_of(
    columns: Columns,
    edges: Mapping[str, Floats],
    trained: int,
    windows: Windows,
    sample: Sample | None = None,
) -> Null | None:
    """Return what is usual in the bars before ``trained``; None where they are too few.

    Parameters
    ----------
    columns
        Of the sample's bars; without a sample, of all.
    """
    ends = _block_ends(trained, windows)
    if len(ends) < FEWEST_BLOCKS:
        return None
    flat = statistics_of(columns, edges, trained, ends.ravel(), windows.bars, sample)
    seen = np.isfinite(flat).any(axis=(0, 1)).reshape(ends.shape)
    known = np.asarray(seen).all(axis=1)
    if known.sum() < FEWEST_BLOCKS:
        return None
    found = flat.reshape(*flat.shape[:2], *ends.shape)[:, :, known]
    usual = _usual(found)
    largest = windows.decided(np.nanmax(usual.unusual(found), axis=0)).max(axis=1)
    return Null(tuple(columns), windows, usual, tail_of(largest), int(known.sum()))


def null_sample(trained: int, symbols: int, windows: Windows) -> Sample:
    """Return the bars of a training that ``null_of`` and the quantiles need."""
    return sample_of(trained, symbols, _block_ends(trained, windows), windows.bars)


def _block_ends(trained: int, windows: Windows) -> Ints:
    """Return the ends of the windows of each block, shape (blocks, windows).

    The history is cut into blocks as long as a window, at most 150 of them, evenly spread.
    """
    step, bars = windows.spacing, windows.bars
    blocks = max(0, (trained - windows.reach) // bars)
    chosen = np.linspace(0, blocks - 1, min(blocks, MOST_BLOCKS)).astype(np.int64)
    back = np.arange(bars // step + windows.of - 2, -1, -1) * step
    ends: Ints = trained - bars * chosen[:, None] - back[None, :]
    return ends


def _usual(found: Floats) -> Usual:
    """Return the quantiles of windows, shape (columns, kinds, blocks, windows)."""
    empty = ~np.isfinite(found).any(axis=(2, 3), keepdims=True)
    filled = np.where(empty, 0.0, found)
    quantiles = np.nanquantile(filled, SHARES, axis=(2, 3))
    joint = np.nanquantile(_both(filled, quantiles), SHARES[:2], axis=(1, 2))
    return Usual(quantiles, joint)


def _both(found: Floats, quantiles: Floats) -> Floats:
    """Return the mean of PSI and KS, each measured by its own windows, shape (columns, …).

    PSI goes with the square of a shift, so its root stands beside KS.
    """
    root = np.stack([np.sqrt(found[:, 0]), found[:, 1]], axis=1)
    usual = np.stack([np.sqrt(quantiles[:2, :, 0]), quantiles[:2, :, 1]], axis=2)
    together: Floats = _above(root, usual).mean(axis=1)
    return together


def _above(values: Floats, usual: Floats) -> Floats:
    """Return values in units of the distance from the median to the ninth tenth, above it."""
    more = (*usual.shape[1:], *(1,) * (values.ndim - usual.ndim + 1))
    median, high = (one.reshape(more) for one in usual)
    scaled: Floats = (values - median) / np.maximum(high - median, _LEAST_SPREAD)
    return scaled
