"""Prices and targets that both sides are given; made from fixed seeds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FEE_BPS = 13.0
"""The default of spot. Equity must stay near 1: vectorbt drops orders below an absolute size."""
SINGLE_BARS = 1_000_000
SWEEP_BARS, SWEEP_PATHS = 50_000, 100
FIRST_BARS = 10_000
CHANGE_BARS = 1740
"""Minutes between two changes of the target: 29 hours, as the default recipes trade (37 round trips
of a symbol in 90 days)."""


def market(bars: int, paths: int) -> dict[str, Any]:
    """Return minute bars of one symbol and target paths in {-1, 0, 1}, shape (bars, paths)."""
    rng = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 3e-4, bars)))
    drawn = rng.choice([-1.0, 0.0, 1.0], (bars, paths))
    # One draw in three repeats the target before it.
    kept = rng.random((bars, paths)) < 1 - 1.5 / CHANGE_BARS
    kept[0] = False
    newest = np.maximum.accumulate(np.where(kept, 0, np.arange(bars)[:, None]), axis=0)
    return {
        "open": close * np.exp(rng.normal(0, 2e-4, bars)),
        "close": close,
        "targets": np.take_along_axis(drawn, newest, 0),
    }
