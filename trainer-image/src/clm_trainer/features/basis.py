"""What every feature set starts from: closes carried through holes, first bars, volatility."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clm_trainer.features.base import Saved
from clm_trainer.features.kernels import Ints, weighted
from clm_trainer.features.windows import carried
from clm_trainer.panel import Bools, Floats, Panel

SIGMA_SPAN_BARS = 168
SIGMA_FLOOR = 5e-4
_ALPHA = 1 / (1 + (SIGMA_SPAN_BARS - 1) / 2)


@dataclass(frozen=True, eq=False)
class Basis:
    """Some bars, all arrays of shape (bars, symbols).

    Parameters
    ----------
    there
        False in holes and before a symbol's first bar.
    age
        Bars since the symbol's first one, -1 before it.
    close, log_close
        Carried through holes; NaN before the first bar.
    returns
        Of log closes; NaN up to the first bar.
    sigma
        Volatility of log returns per bar, at least 5 bp; NaN up to the first bar.
    """

    there: Bools
    age: Ints
    close: Floats
    log_close: Floats
    returns: Floats
    sigma: Floats

    @property
    def listed(self) -> Bools:
        """False before a symbol's first bar."""
        return self.age >= 0


class BasisStream:
    """The state between two blocks of bars."""

    def __init__(self, symbols: int, saved: Saved | None = None) -> None:
        start: dict[str, NDArray[Any]] = {
            "seen": np.zeros(symbols, dtype=np.int64),
            "close": np.full(symbols, np.nan),
            "mean": np.full(symbols, np.nan),
            "weight": np.ones(symbols),
        }
        self._state = {name: array.copy() for name, array in (saved or start).items()}

    def advance(self, bars: Panel) -> Basis:
        """Return what is known of bars that follow those of before."""
        state, there = self._state, ~bars.gap
        listed = np.maximum.accumulate(there, axis=0) | (state["seen"] > 0)
        age = np.where(listed, state["seen"] + np.cumsum(listed, axis=0) - 1, -1)
        close = carried(state["close"], bars.close, there)
        log_close = np.log(np.concatenate([state["close"][None], close]))
        returns = log_close[1:] - log_close[:-1]
        mean = weighted(returns**2, 1 - _ALPHA, state["mean"], state["weight"])
        if len(bars):
            state["seen"], state["close"] = age[-1] + 1, close[-1].copy()
        sigma = np.maximum(np.sqrt(mean), SIGMA_FLOOR)
        return Basis(there, age, close, log_close[1:], returns, sigma)

    def save(self) -> Saved:
        """Return the state; five numbers a symbol."""
        return {name: array.copy() for name, array in self._state.items()}


def ewm_sigma(returns: Floats) -> Floats:
    """Return the volatility per bar of one symbol's returns, as ``Basis.sigma``."""
    state = np.full(1, np.nan), np.ones(1)
    mean: Floats = weighted(returns[:, None] ** 2, 1 - _ALPHA, *state)[:, 0]
    return np.maximum(np.sqrt(mean), SIGMA_FLOOR)
