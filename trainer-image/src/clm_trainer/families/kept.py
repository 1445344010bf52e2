"""Features of some rows only, one after the other: those that a run learns from or scores."""

from dataclasses import dataclass, replace
from typing import Any, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from clm_trainer.panel import Bools

Numbers = NDArray[np.floating[Any]]


class Features(Protocol):
    """Features of bars × symbols: an array of shape (bars, symbols, features) is one too."""

    @overload
    def __getitem__(self, which: slice, /) -> "Features": ...
    @overload
    def __getitem__(self, which: Bools, /) -> Numbers: ...
    def __getitem__(self, which: slice | Bools, /) -> "Features | Numbers":
        """Return the features of these bars; of a mask of rows their features, (rows, features)."""
        ...


@dataclass(frozen=True, eq=False)
class Kept:
    """Features of the rows that somebody reads.

    Parameters
    ----------
    values
        Shape (kept, features).
    place
        Row of ``values`` for each bar and symbol, -1 where nothing is kept; shape (bars, symbols).
    """

    values: Numbers
    place: NDArray[np.int32]

    @overload
    def __getitem__(self, which: slice, /) -> "Kept": ...
    @overload
    def __getitem__(self, which: Bools, /) -> Numbers: ...
    def __getitem__(self, which: slice | Bools, /) -> "Kept | Numbers":
        """Return the features of these bars; of a mask of rows their features, (rows, features).

        Raises
        ------
        ValueError
            A row of the mask was not kept: the family did not say that it reads it.
        """
        if isinstance(which, slice):
            return replace(self, place=self.place[which])
        if which.dtype != np.bool_ or which.shape != self.place.shape:
            raise ValueError(f"rows are chosen by a mask of shape {self.place.shape}")
        places = self.place[which]
        if (places < 0).any():
            raise ValueError("the features of some of these rows were not kept")
        return self.values[places]


class Keeper:
    """Takes the features of blocks of bars, and keeps those of some rows.

    Parameters
    ----------
    wanted
        Rows to keep, where they are usable; shape (bars, symbols).
    features
        Number of features.
    single
        Whether float32 is enough.
    """

    def __init__(self, wanted: Bools, features: int, *, single: bool) -> None:
        most = int(np.count_nonzero(wanted))
        self._wanted, self._count = wanted, 0
        self._values: Numbers = np.empty((most, features), np.float32 if single else np.float64)
        self._place = np.full(wanted.shape, -1, dtype=np.int32)

    def take(self, start: int, values: Numbers, usable: Bools) -> None:
        """Keep what is wanted of the bars from ``start`` on; values (bars, symbols, features)."""
        stop = start + len(values)
        chosen = self._wanted[start:stop] & usable
        end = self._count + int(np.count_nonzero(chosen))
        self._values[self._count : end] = values[chosen]
        self._place[start:stop][chosen] = np.arange(self._count, end, dtype=np.int32)
        self._count = end

    def kept(self) -> Kept:
        """Return what was kept."""
        return Kept(self._values[: self._count], self._place)
