"""What was known when: each close sees the rows that had become known by then, and no others."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.panel import Floats

Microseconds = NDArray[np.int64]
"""Since the epoch, UTC."""
CUTS = 3
"""Closes after which the rows are removed that were not known, spread evenly over the bars."""


@dataclass(frozen=True, eq=False)
class Rows:
    """One column of a series.

    Parameters
    ----------
    about
        What time each value is about, shape (rows,).
    known
        When it became known.
    numbers
        The values; finite.
    """

    about: Microseconds
    known: Microseconds
    numbers: Floats

    @classmethod
    def of(cls, about: Microseconds, known: Microseconds, numbers: Floats) -> "Rows":
        """Return rows in the order in which they became known; empty cells are left out."""
        kept = np.flatnonzero(np.isfinite(numbers))
        order = kept[np.lexsort((about[kept], known[kept]))]
        return cls(about[order], known[order], numbers[order])

    def known_by(self, moment: int) -> "Rows":
        """Return those that were known by a moment."""
        some = int(np.searchsorted(self.known, moment, side="right"))
        return Rows(self.about[:some], self.known[:some], self.numbers[:some])

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.numbers)


@dataclass(frozen=True, eq=False)
class Seen:
    """What the closes saw.

    Parameters
    ----------
    numbers
        Shape (bars,); NaN where nothing was known, or what was known is too old.
    ages
        Microseconds since each value became known; -1 where there is none.
    """

    numbers: Floats
    ages: Microseconds


def as_known(rows: Rows, closes: Microseconds, max_age: int | None) -> Seen:
    """Return the newest value as it was known at each close.

    Newest is the value about the latest time; of several about the same time, the one that became
    known last. Its age counts from when it became known.

    Parameters
    ----------
    closes
        In order; what becomes known at the moment of a close is known then.
    max_age
        Microseconds; an older value counts as none. None: none is too old.
    """
    values, ages = np.full(len(closes), np.nan), np.full(len(closes), -1, np.int64)
    if not len(rows):
        return Seen(values, ages)
    leads = rows.about == np.maximum.accumulate(rows.about)
    newest = np.maximum.accumulate(np.where(leads, np.arange(len(rows)), 0))
    known = np.searchsorted(rows.known, closes, side="right")
    chosen = newest[np.maximum(known - 1, 0)]
    age = closes - rows.known[chosen]
    there = known > 0
    if max_age is not None:
        there &= age <= max_age
    values[there], ages[there] = rows.numbers[chosen[there]], age[there]
    return Seen(values, ages)


def require_known(
    name: str, seen: Floats, rows: Rows, closes: Microseconds, max_age: int | None
) -> None:
    """Refuse values that were used before they were known, however they came to the bars.

    Every bar: its value must be one that some row had made known by its close. And at three closes
    all rows are removed that were not known by then: no value up to there may change.

    Parameters
    ----------
    seen
        What the bars have, shape (bars,); NaN where they have nothing.

    Raises
    ------
    ClmError
        MetricsRejected, naming the column and the bar's close.
    """
    used = np.flatnonzero(~np.isnan(seen))
    early = used[_first_known(rows, seen[used]) > closes[used]]
    if len(early):
        raise _look_ahead(name, closes[early[0]])
    for cut in {len(closes) * (k + 1) // (CUTS + 1) for k in range(CUTS)} - {0}:
        kept = as_known(rows.known_by(int(closes[cut - 1])), closes[:cut], max_age).numbers
        differs = np.flatnonzero((kept != seen[:cut]) & ~np.isnan(seen[:cut]))
        if len(differs):
            raise _look_ahead(name, closes[differs[0]])


def _first_known(rows: Rows, values: Floats) -> Microseconds:
    """Return when each value was made known first; one that no row has never was."""
    never = np.iinfo(np.int64).max
    if not len(rows):
        return np.full(len(values), never)
    distinct, first = np.unique(rows.numbers, return_index=True)  # rows are in the order of known
    place = np.minimum(np.searchsorted(distinct, values), len(distinct) - 1)
    return np.where(distinct[place] == values, rows.known[first[place]], never)


def _look_ahead(name: str, close: np.int64) -> ClmError:
    moment = np.datetime64(int(close), "us")
    return ClmError(
        Reason.METRICS_REJECTED,
        f"look-ahead: {name} has a value at the close of {moment} that was not available then",
    )
