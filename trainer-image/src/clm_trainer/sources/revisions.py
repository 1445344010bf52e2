"""Rows that were found again with other values: what is stored stands, the difference is kept."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

_SAME = 1e-9
"""Relative difference up to which two numbers are one that was rounded twice."""


@dataclass(frozen=True, order=True)
class Revision:
    """One value of a stored row, and what was found for it later."""

    time: pd.Timestamp
    column: str
    stored: float
    found: float

    @property
    def share(self) -> float:
        """Return the difference as a fraction of the stored value; infinite if that is 0."""
        change = abs(self.found - self.stored)
        return change / abs(self.stored) if self.stored else float("inf")


def first_word(frame: pd.DataFrame, by: str, contradicted: list[Revision]) -> pd.DataFrame:
    """Return one row for each value of a column: the first, and note where later ones differ.

    What the first row doesn't know (NaN) is taken from the next one that does.

    Parameters
    ----------
    frame
        Column timestamp and others, of which those of numbers are compared.
    """
    again = frame[by].duplicated()
    if not again.any():
        return frame
    once: pd.DataFrame = frame.groupby(by, sort=False).first().reset_index()[frame.columns]
    later = frame[again]
    first = once.iloc[pd.Index(once[by]).get_indexer(pd.Index(later[by]))]
    for column in later.select_dtypes("number").columns.drop(by, errors="ignore"):
        old, new = first[column].to_numpy(float), later[column].to_numpy(float)
        same = np.isclose(new, old, rtol=_SAME, atol=0) | np.isnan(new)
        contradicted += [
            Revision(first["timestamp"].iloc[i], column, float(old[i]), float(new[i]))
            for i in np.flatnonzero(~same)
        ]
    return once


def together(known: Iterable[Revision], new: Iterable[Revision]) -> tuple[Revision, ...]:
    """Return revisions in the order of time; of one value the newest word."""
    kept = {(one.time, one.column): one for one in (*known, *new)}
    return tuple(sorted(kept.values()))


def _percent(share: float) -> str:
    return f"{share * 100:.2g} %" if share < 0.1 else f"{share * 100:.0f} %"


def described(revisions: Iterable[Revision], whose: object) -> str:
    """Return one sentence: how many rows, which columns, how much, and the largest difference."""
    found = list(revisions)
    columns = []
    for name in dict.fromkeys(one.column for one in found):
        some = [one for one in found if one.column == name]
        largest = max(some, key=lambda one: one.share)
        size = f"by up to {_percent(largest.share)}" if largest.stored else "from 0"
        columns.append(
            f"{name} of {len(some)} {size} ({largest.time:%Y-%m-%d %H:%M}: {largest.stored:.10g} "
            f"stored, {largest.found:.10g} found)"
        )
    rows = len({one.time for one in found})
    what = "1 stored row differs" if rows == 1 else f"{rows} stored rows differ"
    stands = "stands as it is" if rows == 1 else "stand as they are"
    return f"{whose}: {what} from what was found later and {stands}: {'; '.join(columns)}"
