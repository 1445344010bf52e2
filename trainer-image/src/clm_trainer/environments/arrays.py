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
    episode_steps: int,
    side: Floats,
    wanted: Floats,
    age: Ints,
    steps: Ints,
) -> tuple[Bools, int]:
    """Turn actions into sides and targets; an action on a missing bar is not read.

    Parameters
    ----------
    sides
        Side of each action.
    gap, weight
        Shape (symbols, bars).
    side, wanted, age, steps
        State of each episode, changed in place.

    Returns
    -------
    tuple
        Which episodes end with this decision, and how many do.
    """
    last, ended = np.empty(len(actions), dtype=np.bool_), 0
    for i in range(len(actions)):
        s, t = symbol[i], row[i]
        chosen = side[i] if gap[s, t] else sides[actions[i]]
        kept, entered = chosen == side[i], chosen * weight[s, t]
        wanted[i] = wanted[i] if kept else entered
        age[i] = ((age[i] if kept else 0) + step_bars) if chosen != 0 else 0
        side[i] = chosen
        steps[i] += 1
        last[i] = steps[i] >= episode_steps
        ended += last[i]
    return last, ended


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
        there = observed[symbol[i], row[i]]
        for f in range(features):
            seen[i, f] = there[f]
        seen[i, features] = side[i]
        seen[i, features + 1] = min(age[i] / age_bars, age_limit)
