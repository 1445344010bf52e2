"""How far windows of bars lie from a reference: PSI and Kolmogorov-Smirnov, all windows at once.

Values become codes, the number of the reference's percentile bin that each lies in. Both statistics
follow from how often each code occurs in a window, so a window costs no pass over its values.
"""

import numpy as np
from numpy.typing import NDArray

from clm_trainer.panel import Floats

Ints = NDArray[np.int64]
BINS = 50
"""Bins of the reference's quantiles: the distance is read at 49 places."""
TENTHS = 10
"""Bins of the PSI, each of five bins."""
_LEAST_SHARE = 1e-3
"""A bin that holds less counts as this: PSI's logarithm has no end otherwise."""


def edges_of(values: Floats) -> Floats:
    """Return the 49 inner quantiles of all finite values.

    Parameters
    ----------
    values
        Any shape, at least one of them finite.
    """
    inner = np.arange(1, BINS) / BINS
    edges: Floats = np.quantile(values[np.isfinite(values)], inner)
    return edges


def codes_of(values: Floats, edges: Floats) -> Ints:
    """Return the bin of each value; -1 where there is none."""
    codes = np.searchsorted(edges, values, side="right")
    return np.where(np.isfinite(values), codes, -1)


def tally(codes: Ints, starts: Ints, stops: Ints) -> Floats:
    """Return how often each code occurs in each window, shape (windows, bins).

    Parameters
    ----------
    codes
        Shape (bars, symbols); -1 counts nowhere.
    starts, stops
        Windows [start, stop) of bars, shape (windows,).
    """
    borders = np.unique(np.concatenate([[0, len(codes)], starts, stops]))
    piece = np.repeat(np.arange(len(borders) - 1), np.diff(borders))
    keys = (piece[:, None] * BINS + codes)[codes >= 0]
    each = np.bincount(keys, minlength=(len(borders) - 1) * BINS).reshape(-1, BINS)
    upto = np.concatenate([np.zeros((1, BINS)), np.cumsum(each, axis=0)])
    found: Floats = upto[np.searchsorted(borders, stops)] - upto[np.searchsorted(borders, starts)]
    return found


def psi(window: Floats, reference: Floats) -> Floats:
    """Return the population stability index over ten bins.

    Parameters
    ----------
    window, reference
        Counts, shape (windows, bins).
    """
    new, old = (
        np.maximum(_shares(c.reshape(-1, TENTHS, BINS // TENTHS).sum(axis=2)), _LEAST_SHARE)
        for c in (window, reference)
    )
    index: Floats = ((new - old) * np.log(new / old)).sum(axis=1)
    return index


def ks(window: Floats, reference: Floats) -> Floats:
    """Return the largest distance of the two distribution functions at the bins' edges."""
    apart = np.cumsum(_shares(window) - _shares(reference), axis=1)
    distance: Floats = np.abs(apart).max(axis=1)
    return distance


def _shares(found: Floats) -> Floats:
    shares: Floats = found / np.maximum(found.sum(axis=1, keepdims=True), 1)
    return shares
