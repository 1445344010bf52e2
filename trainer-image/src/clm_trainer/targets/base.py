"""What every target offers: labels, and the bar that each of them ends with."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from clm_trainer.panel import Floats, Panel

Ints = NDArray[np.int64]

LABEL_LIMIT = 2.5
"""Returns in units of volatility are cut off here."""


@dataclass(frozen=True, eq=False)
class Labels:
    """What is learned of each bar.

    Parameters
    ----------
    values
        Shape (bars, symbols); NaN where a label is not known.
    ends
        Row of the last bar whose prices decide the label, shape (bars, symbols); never before the
        label's own row, and beyond the last row where it is not decided yet.
    """

    values: Floats
    ends: Ints

    @property
    def reach(self) -> Ints:
        """Row of the last bar that decides any symbol's label of a row, shape (bars,)."""
        furthest: Ints = self.ends.max(axis=1)
        return furthest


class Target(Protocol):
    """Labels the bars of a panel."""

    def labels(self, panel: Panel, sigma: Floats) -> Labels:
        """Return every bar's label.

        A label at row t is decided by the bars up to its end, and by sigma up to t. Every run
        checks that: the label must be the same bit for bit when later bars are removed.

        Parameters
        ----------
        sigma
            Volatility of log returns per bar, as known at each close; shape (bars, symbols).
        """
        ...


def unlabelled(panel: Panel) -> Labels:
    """Return labels that are not known, for rows that are scored alone."""
    shape = panel.close.shape
    rows = np.arange(len(panel), dtype=np.int64)[:, None]
    return Labels(np.full(shape, np.nan), np.broadcast_to(rows, shape))


def fixed_ends(panel: Panel, horizon: int) -> Ints:
    """Return the ends of labels that all look at the open ``horizon`` bars after the next one."""
    rows = np.arange(len(panel), dtype=np.int64)[:, None] + 1 + horizon
    return np.broadcast_to(rows, panel.close.shape)
