"""What came of a range so far: months of which nothing is to come can be written."""

import pandas as pd

from clm_trainer.sources.cache import months
from clm_trainer.sources.ledger import Span, union
from clm_trainer.sources.paging import Page


class Taken:
    """Pages of a part of a series, in whatever order they came.

    Parameters
    ----------
    part
        The range that is asked for.
    """

    def __init__(self, part: Span) -> None:
        self.part = part
        self.covered: tuple[Span, ...] = ()
        self.newest: pd.Timestamp | None = None
        self._kept: list[pd.DataFrame] = []
        self._months: set[str] = set()

    def add(self, page: Page) -> None:
        """Take a page in."""
        self.covered = union((*self.covered, page.covered))
        if not page.rows.empty:
            self._kept.append(page.rows)
            oldest, newest = page.rows["timestamp"].min(), page.rows["timestamp"].max()
            self._months |= set(months(oldest, newest + pd.Timedelta("1us")))
            self.newest = newest if self.newest is None else max(self.newest, newest)

    def whole_months(self) -> pd.DataFrame:
        """Take the rows of months of which nothing is to come."""
        found = {month for month in self._months if self._is_whole(month)}
        if not found:
            return pd.DataFrame()
        self._months -= found
        rows = self.rest()
        whole = rows["timestamp"].dt.strftime("%Y-%m").isin(list(found))
        self._kept = [rows[~whole]]
        taken: pd.DataFrame = rows[whole]
        return taken

    def rest(self) -> pd.DataFrame:
        """Take all rows that were not taken."""
        kept = [rows for rows in self._kept if not rows.empty]
        rows = pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()
        self._kept = []
        return rows

    def _is_whole(self, month: str) -> bool:
        start = pd.Timestamp(month, tz="UTC")
        first = max(start, self.part.start)
        last = min(start + pd.offsets.MonthBegin(), self.part.stop)
        return any(one.start <= first and last <= one.stop for one in self.covered)
