"""Feature sets side by side, as one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_trainer.features.base import FeatureSet, FeatureStream, Saved
from clm_trainer.features.windowed import WindowedSet
from clm_trainer.panel import Floats, Panel


@dataclass(frozen=True, eq=False)
class CombinedSet:
    """Several sets; their features come in the order of the sets."""

    parts: tuple[FeatureSet, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all features."""
        return tuple(name for part in self.parts for name in part.names)

    @property
    def warm_up_bars(self) -> int:
        """As many as the part needs that needs most."""
        return max(part.warm_up_bars for part in self.parts)

    @property
    def columns(self) -> tuple[str, ...]:
        """What any part needs beside the bars."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.columns))

    @property
    def observed(self) -> tuple[str, ...]:
        """What the reinforcement-learning families observe of each part."""
        return tuple(name for part in self.parts for name in part.observed)

    def begin(self, symbols: tuple[str, ...], timeframe: pd.Timedelta) -> "CombinedStream":
        """Return a stream that has seen nothing."""
        return CombinedStream([part.begin(symbols, timeframe) for part in self.parts])

    def resume(
        self, symbols: tuple[str, ...], timeframe: pd.Timedelta, saved: Saved
    ) -> "CombinedStream":
        """Return a stream that goes on where another was saved."""
        streams = [
            part.resume(symbols, timeframe, _of_part(saved, number))
            for number, part in enumerate(self.parts)
        ]
        return CombinedStream(streams)


def _of_part(saved: Saved, number: int) -> Saved:
    mark = f"{number}."
    return {n.removeprefix(mark): array for n, array in saved.items() if n.startswith(mark)}


class CombinedStream:
    """The streams of several sets."""

    def __init__(self, streams: Sequence[FeatureStream]) -> None:
        self._streams = streams

    def advance(self, bars: Panel) -> Floats:
        """Return the features of the next bars, shape (bars, symbols, features)."""
        return np.concatenate([stream.advance(bars) for stream in self._streams], axis=2)

    def save(self) -> Saved:
        """Return what each stream saves."""
        return {
            f"{number}.{name}": values
            for number, stream in enumerate(self._streams)
            for name, values in stream.save().items()
        }


@dataclass(frozen=True, eq=False)
class WindowedPart:
    """A windowed set, and where its features stand among those of the whole set."""

    windowed: WindowedSet
    columns: slice


def windowed_parts(whole: FeatureSet) -> tuple[WindowedPart, ...]:
    """Return the windowed sets that a set is, or is made of."""
    parts = whole.parts if isinstance(whole, CombinedSet) else (whole,)
    found, place = [], 0
    for part in parts:
        columns = slice(place, place + len(part.names))
        place = columns.stop
        if isinstance(part, WindowedSet):
            found.append(WindowedPart(part, columns))
    return tuple(found)
