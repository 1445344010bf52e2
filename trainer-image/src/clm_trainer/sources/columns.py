"""What an exchange tells of a market beside its bars, stored as the bars are."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_api.data_spec import MarketColumn
from clm_api.layout import SeriesLayout
from clm_api.market_columns import FLOW, INDEX, INTEREST, MARK
from clm_api.timing import TIMEFRAME_SECONDS
from clm_trainer.sources.bars import invalid
from clm_trainer.sources.ledger import Span
from clm_trainer.sources.possible import LARGEST
from clm_trainer.sources.revisions import Revision, first_word

_COLUMNS = {
    FLOW: ("timestamp", "taker_buy_volume", "trade_count"),
    MARK: ("timestamp", "close"),
    INDEX: ("timestamp", "close"),
    INTEREST: ("timestamp", "open_interest"),
}
KINDS = frozenset(_COLUMNS)
_INTEREST_ROWS = 3
"""Open interest that is older than so many of its rows counts as missing."""
STORED = {
    MarketColumn.TAKER_BUY_VOLUME: "taker_buy_volume",
    MarketColumn.TRADE_COUNT: "trade_count",
    MarketColumn.MARK_PRICE: "close",
    MarketColumn.INDEX_PRICE: "close",
    MarketColumn.OPEN_INTEREST: "open_interest",
    MarketColumn.FUNDING_RATE: "funding_rate",
}
"""What a column is called in its series."""


@dataclass(frozen=True)
class ColumnKey:
    """Whose they are.

    Parameters
    ----------
    series
        ``flow``, ``mark``, ``index`` or ``interest``, a dash, and the time between two rows.
    """

    venue: str
    market: str
    symbol: str
    series: str

    @property
    def kind(self) -> str:
        """What its rows say."""
        return self.series.partition("-")[0]

    @property
    def timeframe(self) -> str:
        """Time between two rows."""
        return self.series.partition("-")[2]

    @property
    def step(self) -> pd.Timedelta:
        """The same as a time."""
        return pd.Timedelta(seconds=TIMEFRAME_SECONDS[self.timeframe])

    @property
    def _of_a_bar(self) -> bool:
        """Whether a row is of the bar that opens at its time, and not of that moment."""
        return self.kind != INTEREST

    @property
    def known_after(self) -> pd.Timedelta:
        """Time from a row's own until it is known."""
        return self.step if self._of_a_bar else pd.Timedelta(0)

    @property
    def lasts(self) -> pd.Timedelta:
        """How old a value may be at a close; what is of a bar is of that bar alone."""
        return pd.Timedelta(0) if self._of_a_bar else _INTEREST_ROWS * self.step

    def seen_from(self, span: Span) -> Span:
        """Return the times of the rows that the bars of a span may see."""
        return span if self._of_a_bar else Span(span.start - self.lasts, span.stop + self.step)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of a row's columns, the time first."""
        return _COLUMNS[self.kind]

    @property
    def texts(self) -> frozenset[str]:
        """Names of the columns that hold text: none."""
        return frozenset()

    @property
    def layout(self) -> SeriesLayout:
        """Where they are stored, beside the symbol's bars."""
        return SeriesLayout(self.venue, self.market, self.symbol, self.series)

    def cleaned(
        self, frame: pd.DataFrame, source: str, contradicted: list[Revision] | None = None
    ) -> pd.DataFrame:
        """Sort rows, drop identical ones, and refuse everything that can't be true.

        Parameters
        ----------
        frame
            Columns as ``columns`` says, timestamp in UTC.
        source
            Where the rows come from, for messages.
        contradicted
            Hears where a row differs from an earlier one of its time, which then stands; without
            it two different rows of one time are an error.

        Raises
        ------
        ClmError
            DataInvalid, naming the row, the column and why.
        """
        frame = frame[list(self.columns)].astype(dict.fromkeys(self.columns[1:], "float64"))
        frame = frame.drop_duplicates().sort_values("timestamp", kind="stable", ignore_index=True)
        times = frame["timestamp"]
        if contradicted is None and times.duplicated().any():
            twice = times[times.duplicated()].iloc[0]
            raise invalid(f"{source}: two different rows for {twice} of {self}")
        off = times[times.dt.as_unit("ns").astype("int64") % self.step.value != 0]
        if len(off):
            raise invalid(f"{source}: {off.iloc[0]} is not on the {self.timeframe} grid of {self}")
        least = 1 / LARGEST if self.kind in (MARK, INDEX) else 0.0
        for name in self.columns[1:]:
            values = frame[name].to_numpy()
            wrong = np.flatnonzero(~((values >= least) & (values <= LARGEST)))
            if len(wrong):
                row = frame.iloc[wrong[0]]
                raise invalid(
                    f"{source}: {name} {row[name]} of {row['timestamp']} of {self} can't be true; "
                    f"{len(wrong)} such row(s) in all"
                )
        return frame if contradicted is None else first_word(frame, "timestamp", contradicted)

    def __str__(self) -> str:
        """Exchange, market, symbol and series."""
        return f"{self.venue} {self.market} {self.symbol} {self.series}"
