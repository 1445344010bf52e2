"""Features of some rows only, one after the other: those that a run learns from or scores."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from clm_trainer.panel import Bools

Numbers = NDArray[np.floating[Any]]


class Features(Protocol):
    """Features of bars × symbols: an array of shape (bars, symbols, features) is one too."""

    def __getitem__(self, which: Any, /) -> Any:
        """Return the features of a slice of bars, or of the rows that a mask or an index names."""
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

    def __getitem__(self, which: Any, /) -> Any:
        """Return the features of a slice of bars, or of the rows that a mask or an index names.

        Returns
        -------
        Kept or ndarray
            Of rows an array whose last axis is features.

        Raises
        ------
        ValueError
            A row was not kept: the family did not say that it reads it.
        """
        if isinstance(which, slice):
            return replace(self, place=self.place[which])
        places = self.place[which]
        if np.less(places, 0).any():
            raise ValueError("the features of some of these rows were not kept")
        if places.shape == (len(self.values),) and (np.diff(places) == 1).all():
            return self.values
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
