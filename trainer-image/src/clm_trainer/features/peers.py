"""What the other symbols do at the same bar."""

import numpy as np

from clm_trainer.panel import Floats

CROSS_BARS = (1, 4, 24, 168)
RELATIVE_BARS = (24, 168)


def mean_of_others(values: Floats) -> Floats:
    """Mean over the other symbols that have a value; NaN if there is none."""
    out = np.full_like(values, np.nan)
    for column in range(values.shape[1]):
        others = np.delete(values, column, axis=1)
        known = np.isfinite(others)
        count = known.sum(axis=1)
        total = np.where(known, others, 0.0).sum(axis=1)
        np.divide(total, count, out=out[:, column], where=count > 0)
    return out


def relative(own: Floats, others: Floats) -> Floats:
    """Own minus the others' mean; 0 where no other symbol has a value."""
    return np.where(np.isnan(others), own * 0.0, own - others)
