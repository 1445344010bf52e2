"""Sample weights of overlapping labels: the average uniqueness of each.

López de Prado, Advances in Financial Machine Learning (2018), chapter 4.
"""

from dataclasses import replace

import numpy as np

from clm_trainer.families.base import Dataset
from clm_trainer.panel import Bools, Floats
from clm_trainer.targets.base import Ints


def average_uniqueness(ends: Ints, counts: Bools) -> Floats:
    """Return how unique one symbol's labels are, in (0, 1]; NaN where none counts.

    A label lives on the bars that decide it: from the one after its own row to its end. The
    uniqueness of a label on a bar is 1 / the number of labels that live there; its average over
    the label's life is returned.

    Parameters
    ----------
    ends
        Row that each label ends with, shape (rows,).
    counts
        Whether a row has a label that is learned, shape (rows,).
    """
    out = np.full(len(ends), np.nan)
    rows = np.flatnonzero(counts)
    if len(rows) == 0:
        return out
    last = ends[rows]
    first = np.minimum(rows + 1, last)
    change = np.zeros(int(last.max()) + 2)
    np.add.at(change, first, 1)
    np.add.at(change, last + 1, -1)
    alive = np.cumsum(change)[:-1]
    # Bars on which nothing lives belong to no label's life.
    sums = np.concatenate([[0.0], np.cumsum(1 / np.maximum(alive, 1))])
    out[rows] = (sums[last + 1] - sums[first]) / (last + 1 - first)
    return out


def by_uniqueness(rows: Dataset) -> Dataset:
    """Return the rows of a span, each label weighed by its uniqueness among those of its symbol.

    The weights are 1 on average, so that what a family counts in rows keeps its meaning.
    """
    counts = rows.usable & np.isfinite(rows.target)
    columns = [average_uniqueness(rows.ends[:, k], counts[:, k]) for k in range(counts.shape[1])]
    weight = np.stack(columns, axis=1)
    if counts.any():
        weight /= weight[counts].mean()
    return replace(rows, weight=weight)
