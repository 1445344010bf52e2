"""Funding payments of perpetuals: when they fell due, at what rate and on what price."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_api.layout import FUNDING, SeriesLayout
from clm_trainer.sources.bars import invalid
from clm_trainer.sources.revisions import Revision, first_word

COLUMNS = ("timestamp", "funding_rate", "mark_price")
LARGEST_RATE = 0.1
"""A larger share of the notional at once is no funding but a wrong unit."""


@dataclass(frozen=True)
class FundingKey:
    """Whose funding it is."""

    venue: str
    market: str
    symbol: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of an event's columns, the time first."""
        return COLUMNS

    @property
    def texts(self) -> frozenset[str]:
        """Names of the columns that hold text: none."""
        return frozenset()

    @property
    def layout(self) -> SeriesLayout:
        """Where it is stored, beside the symbol's bars."""
        return SeriesLayout(self.venue, self.market, self.symbol, FUNDING)

    @property
    def known_after(self) -> pd.Timedelta:
        """Time from a payment until its rate is known: none."""
        return pd.Timedelta(0)

    @property
    def lasts(self) -> pd.Timedelta:
        """How old a rate may be at a close: exchanges charge funding every 1 to 8 hours."""
        return pd.Timedelta("24h")

    def cleaned(
        self, frame: pd.DataFrame, source: str, contradicted: list[Revision] | None = None
    ) -> pd.DataFrame:
        """Round times to the minute, drop repetitions, and refuse what can't be true.

        Two rows of one minute are one event if they agree; a mark price that only one of them
        knows is kept.

        Parameters
        ----------
        frame
            Columns timestamp (UTC), funding_rate (fraction of the notional; positive: longs pay)
            and mark_price (NaN where it is not known).
        source
            Where the events come from, for messages.
        contradicted
            Hears where an event differs from an earlier row of its minute, which then stands;
            without it two different events of one minute are an error.

        Raises
        ------
        ClmError
            DataInvalid, naming the row and why.
        """
        frame = frame[list(COLUMNS)].astype(dict.fromkeys(COLUMNS[1:], "float64"))
        for column, wrong, why in _faults(frame):
            if wrong.any():
                row = frame[wrong].iloc[0]
                raise invalid(
                    f"{source}: {column} {row[column]} of {row['timestamp']} {why}; "
                    f"{int(wrong.sum())} such row(s) in all"
                )
        frame = frame.assign(timestamp=frame["timestamp"].dt.round("min"))
        if contradicted is not None:
            frame = first_word(frame, "timestamp", contradicted)
        events = frame.groupby("timestamp", sort=True)
        for column in COLUMNS[1:]:
            differ = events[column].max() - events[column].min() > 0
            if differ.any():
                time = differ.idxmax()
                one, other, *_ = frame.loc[frame["timestamp"] == time, column].dropna().unique()
                raise invalid(
                    f"{source}: two different events for {time} of {self}: {column} {one} and "
                    f"{other}; remove the wrong one"
                )
        return events.first().reset_index()

    def __str__(self) -> str:
        """Exchange, market, symbol and what it is."""
        return f"{self.venue} {self.market} {self.symbol} funding"


def _faults(frame: pd.DataFrame) -> Iterator[tuple[str, "pd.Series[bool]", str]]:
    """Yield what may be wrong with a row: the column, the rows that have it, and why."""
    rate, mark = frame["funding_rate"], frame["mark_price"]
    yield "funding_rate", ~np.isfinite(rate), "is not a finite number"
    yield (
        "funding_rate",
        rate.abs() > LARGEST_RATE,
        f"is beyond {LARGEST_RATE}: write it as a fraction of the notional, 0.0001 for 0.01 %",
    )
    yield (
        "mark_price",
        mark.notna() & ~(np.isfinite(mark) & (mark > 0)),
        "is not a positive number: leave it empty where it is not known",
    )
