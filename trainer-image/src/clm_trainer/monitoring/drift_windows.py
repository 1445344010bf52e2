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
_TENTH_OF_BIN = np.repeat(np.eye(TENTHS), BINS // TENTHS, axis=0)
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


class Cuts:
    """Bars cut at the borders of windows, once for all columns.

    Parameters
    ----------
    bars
        How many there are.
    windows
        Each two arrays of shape (windows,): windows [start, stop) of bars.
    """

    def __init__(self, bars: int, *windows: tuple[Ints, Ints]) -> None:
        edges = [edge for pair in windows for edge in pair]
        borders = np.unique(np.concatenate([[0, bars], *edges]))
        self._pieces = len(borders) - 1
        self._first = np.repeat(np.arange(self._pieces) * BINS, np.diff(borders))[:, None]
        self._at = [tuple(np.searchsorted(borders, edge) for edge in pair) for pair in windows]

    def tally(self, codes: Ints) -> list[Floats]:
        """Return how often each code occurs in each window, each of shape (windows, bins).

        Parameters
        ----------
        codes
            Shape (bars, symbols); -1 counts nowhere.
        """
        keys = (self._first + codes)[codes >= 0]
        each = np.bincount(keys, minlength=self._pieces * BINS).reshape(-1, BINS)
        upto = np.zeros((self._pieces + 1, BINS))
        np.cumsum(each, axis=0, out=upto[1:])
        return [upto[stops] - upto[starts] for starts, stops in self._at]


def psi(window: Floats, reference: Floats) -> Floats:
    """Return the population stability index over ten bins.

    Parameters
    ----------
    window, reference
        Counts, shape (windows, bins).
    """
    new, old = (
        np.maximum(_shares(counts @ _TENTH_OF_BIN), _LEAST_SHARE) for counts in (window, reference)
    )
    index: Floats = ((new - old) * np.log(new / old)).sum(axis=1)
    return index


def ks(window: Floats, reference: Floats) -> Floats:
    """Return the largest distance of the two distribution functions at the bins' edges."""
    apart = np.cumsum(_shares(window) - _shares(reference), axis=1)
    distance: Floats = np.abs(apart).max(axis=1)
    return distance


def _shares(found: Floats) -> Floats:
    shares: Floats = found / np.maximum(found @ np.ones((found.shape[1], 1)), 1)
    return shares
