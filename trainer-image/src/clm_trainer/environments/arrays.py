"""What a step of many episodes does besides the accounting, compiled: deciding and looking."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from clm_trainer.panel import Bools, Floats

Ints = NDArray[np.int64]
Observations = NDArray[np.float32]


@njit(cache=True)  # type: ignore[untyped-decorator]
def decide(
    actions: Ints,
    sides: Floats,
    gap: Bools,
    weight: Floats,
    symbol: Ints,
    row: Ints,
    step_bars: int,
    side: Floats,
    wanted: Floats,
    age: Ints,
) -> None:
    """Turn actions into sides and targets; an action on a missing bar is not read.

    Parameters
    ----------
    sides
        Side of each action.
    gap, weight
        Shape (symbols, bars).
    side, wanted, age
        State of each episode, changed in place.
    """
    for i in range(len(actions)):
        chosen = side[i] if gap[symbol[i], row[i]] else sides[actions[i]]
        if chosen != side[i]:
            side[i], age[i] = chosen, 0
            wanted[i] = chosen * weight[symbol[i], row[i]]
        age[i] = age[i] + step_bars if chosen != 0 else 0


@njit(cache=True)  # type: ignore[untyped-decorator]
def look(
    observed: Observations,
    symbol: Ints,
    row: Ints,
    side: Floats,
    age: Ints,
    age_bars: float,
    age_limit: float,
    seen: Observations,
) -> None:
    """Write what each episode observes: features, side, age.

    Parameters
    ----------
    observed
        Shape (symbols, bars, features).
    seen
        Written, shape (episodes, features + 2).
    """
    features = observed.shape[2]
    for i in range(len(seen)):
        for f in range(features):
            seen[i, f] = observed[symbol[i], row[i], f]
        seen[i, features] = side[i]
        seen[i, features + 1] = min(age[i] / age_bars, age_limit)
