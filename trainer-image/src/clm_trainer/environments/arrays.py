"""What many episodes see after a step, compiled."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from clm_trainer.panel import Floats

Ints = NDArray[np.int64]
Observations = NDArray[np.float32]


@njit(cache=True)  # type: ignore[untyped-decorator]
def look(
    observed: Observations,
    places: Ints,
    side: Floats,
    age_bars: float,
    age_limit: float,
    grown: Floats,
    scale: float,
    seen: Observations,
    rewards: Observations,
) -> None:
    """Write what each episode observes (features, side, age), and its reward.

    Parameters
    ----------
    observed
        Shape (symbols, bars, features).
    places
        Symbol, row and age of each episode in the first rows, shape (4, episodes).
    grown
        Log growth of each, of which the reward is ``scale`` times as much.
    seen, rewards
        Written, shapes (episodes, features + 2) and (episodes,).
    """
    features, symbol, row, age = observed.shape[2], places[0], places[1], places[2]
    for i in range(len(seen)):
        there = observed[symbol[i], row[i]]
        for f in range(features):
            seen[i, f] = there[f]
        seen[i, features] = side[i]
        seen[i, features + 1] = min(age[i] / age_bars, age_limit)
        rewards[i] = scale * grown[i]
