"""Stored against recomputed, value by value, to 1e-9.

Two numbers a and b differ by |a - b| / max(|a|, |b|, 0.001): relative, and below a thousandth
absolute to 1e-12, because gross returns and the like are small differences of larger numbers.
Whatever is no finite number must be equal.
"""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from clm_trainer.recompute.claims import Floats

LIMIT = 1e-9
SMALL = 1e-3
ABSENT = "absent"


@dataclass(frozen=True)
class Difference:
    """One value that two computations disagree about.

    Parameters
    ----------
    row
        The row's key (time, or symbol and time); empty in a file without rows.
    stored, recomputed
        ``absent`` where one side has no such value.
    """

    file: str
    column: str
    row: str
    stored: Any
    recomputed: Any

    def __str__(self) -> str:
        """Name the value and both sides, unrounded."""
        place = "  ".join(part for part in (self.file, self.column, self.row) if part)
        return f"{place}  stored {self.stored}  recomputed {self.recomputed}"


@dataclass
class Group:
    """What was compared under one heading, and what came of it.

    Parameters
    ----------
    checked
        How much was compared, in words.
    largest
        The largest difference, in the measure of this module; infinite where values can't agree.
    """

    name: str
    checked: str
    largest: float = 0.0
    differences: list[Difference] = field(default_factory=list)

    def value(
        self, file: str, column: str, row: str, stored: Any, recomputed: Any, small: float = SMALL
    ) -> None:
        """Compare one value; numbers below ``small`` are compared absolutely."""
        apart = distance(stored, recomputed, small)
        self.largest = max(self.largest, apart)
        if apart > LIMIT:
            self.differences.append(Difference(file, column, row, stored, recomputed))

    def mapping(
        self,
        file: str,
        stored: Mapping[str, Any],
        recomputed: Mapping[str, Any],
        row: str = "",
        small: Mapping[str, float] | None = None,
    ) -> None:
        """Compare all names of two mappings."""
        for name in sorted({*stored, *recomputed}):
            values = stored.get(name, ABSENT), recomputed.get(name, ABSENT)
            self.value(file, name, row, *values, small=(small or {}).get(name, SMALL))

    def frame(
        self, file: str, stored: pd.DataFrame, recomputed: pd.DataFrame, key: tuple[str, ...]
    ) -> None:
        """Compare two frames: the columns of the recomputed one, the rows by their key."""
        missing = [str(name) for name in recomputed if name not in stored]
        for name in missing:
            self.value(file, name, "", ABSENT, "present")
        if missing:
            return
        self.value(file, "rows", "", len(stored), len(recomputed))
        left, right = (_by_key(frame, key) for frame in (stored, recomputed))
        for one in left.index.difference(right.index, sort=False):
            self.value(file, "row", _label(one), "present", ABSENT)
        for one in right.index.difference(left.index, sort=False):
            self.value(file, "row", _label(one), ABSENT, "present")
        common = right.index.intersection(left.index, sort=False)
        left, right = (f if f.index.equals(common) else f.loc[common] for f in (left, right))
        for name in right.columns:
            self._column(file, str(name), left[name], right[name])

    def _column(
        self, file: str, name: str, stored: "pd.Series[Any]", recomputed: "pd.Series[Any]"
    ) -> None:
        """Compare two columns of one index."""
        apart = _distances(stored, recomputed)
        self.largest = max(self.largest, float(apart.max(initial=0.0)))
        for i in np.flatnonzero(apart > LIMIT):
            values = stored.iloc[i], recomputed.iloc[i]
            self.differences.append(Difference(file, name, _label(stored.index[int(i)]), *values))


def distance(stored: Any, recomputed: Any, small: float = SMALL) -> float:
    """Return how far two values are apart: see the module; infinite if they can't be compared."""
    if _is_number(stored) and _is_number(recomputed):
        size = max(abs(stored), abs(recomputed), small)
        return float(abs(stored - recomputed) / size)
    alike = type(stored) is type(recomputed) and stored == recomputed
    return 0.0 if alike else math.inf


def _distances(stored: "pd.Series[Any]", recomputed: "pd.Series[Any]") -> Floats:
    """Return the same for two columns, number by number at once."""
    both = (stored, recomputed)
    if not all(is_numeric_dtype(c) and not is_bool_dtype(c) for c in both):
        pairs = zip(stored.tolist(), recomputed.tolist(), strict=True)
        return np.array([distance(*pair) for pair in pairs], dtype=float)
    a, b = (column.to_numpy(float, na_value=np.nan) for column in both)
    with np.errstate(invalid="ignore"):
        apart = np.abs(a - b) / np.maximum(np.maximum(np.abs(a), np.abs(b)), SMALL)
    return np.where(np.isfinite(apart), apart, np.inf)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _by_key(frame: pd.DataFrame, key: tuple[str, ...]) -> pd.DataFrame:
    """Return the rows under their key; a key that stands twice shows in the number of rows."""
    return frame.drop_duplicates(list(key)).set_index(list(key))


def _label(key: Hashable) -> str:
    return " ".join(str(part) for part in key) if isinstance(key, tuple) else str(key)
