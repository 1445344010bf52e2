"""What a feature set is: it is advanced by bars, in blocks or one by one, and keeps a state."""

from collections.abc import Mapping
from typing import Protocol

import pandas as pd
from numpy.typing import NDArray

from clm_trainer.panel import Floats, Panel

Saved = Mapping[str, NDArray]  # type: ignore[type-arg]
"""Small arrays by name; their size does not grow with the history."""


class FeatureStream(Protocol):
    """One set's state between two blocks of bars."""

    def advance(self, bars: Panel) -> Floats:
        """Return the features of bars that follow those of before.

        The values of a bar don't depend on how the bars are cut into blocks, bit for bit.

        Returns
        -------
        ndarray
            Shape (bars, symbols, features).
        """
        ...

    def save(self) -> Saved:
        """Return the state, for ``FeatureSet.resume``."""
        ...


class FeatureSet(Protocol):
    """Features that belong together, by one name in ``spec.model.features.set``."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names, in the order of the features' axis."""
        ...

    @property
    def warm_up_bars(self) -> int:
        """Bars since a symbol's first one before any of its rows is used."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """What is needed beside the bars, such as ``takerBuyVolume`` or ``sentiment.score``."""
        ...

    @property
    def observed(self) -> tuple[str, ...]:
        """The names that the RL families observe."""
        ...

    def begin(self, symbols: tuple[str, ...], timeframe: pd.Timedelta) -> FeatureStream:
        """Return the state before the first bar."""
        ...

    def resume(
        self, symbols: tuple[str, ...], timeframe: pd.Timedelta, saved: Saved
    ) -> FeatureStream:
        """Return the state that ``save`` returned."""
        ...
