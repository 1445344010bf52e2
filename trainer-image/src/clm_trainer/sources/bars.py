"""Bars as a frame, and what makes them good: the checks that every source must pass."""

from dataclasses import dataclass

import pandas as pd

from clm_api.errors import ClmError
from clm_api.layout import SeriesLayout
from clm_api.reasons import Reason
from clm_api.timing import TIMEFRAME_SECONDS
from clm_trainer.sources.possible import PRICES, require_possible
from clm_trainer.sources.revisions import Revision, first_word

COLUMNS = ("timestamp", *PRICES, "volume")


def invalid(message: str) -> ClmError:
    """Return the error for bars that contradict themselves."""
    return ClmError(Reason.DATA_INVALID, message)


@dataclass(frozen=True)
class BarKey:
    """Whose bars they are."""

    venue: str
    market: str
    symbol: str
    timeframe: str

    @property
    def step(self) -> pd.Timedelta:
        """Length of a bar."""
        return pd.Timedelta(seconds=TIMEFRAME_SECONDS[self.timeframe])

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of a bar's columns, the time first."""
        return COLUMNS

    @property
    def texts(self) -> frozenset[str]:
        """Names of the columns that hold text: none."""
        return frozenset()

    @property
    def layout(self) -> SeriesLayout:
        """Where they are stored."""
        return SeriesLayout(self.venue, self.market, self.symbol, self.timeframe)

    def cleaned(
        self, frame: pd.DataFrame, source: str, contradicted: list[Revision] | None = None
    ) -> pd.DataFrame:
        """Sort bars, drop identical duplicates, and refuse everything that can't be true.

        Parameters
        ----------
        frame
            Columns timestamp (UTC), open, high, low, close, volume.
        source
            Where the bars come from, for messages.
        contradicted
            Hears where a bar differs from an earlier row of its time, which then stands; without
            it two different bars of one time are an error.

        Raises
        ------
        ClmError
            DataInvalid, naming the row, the column and why.
        """
        frame = frame[list(COLUMNS)].astype(dict.fromkeys(COLUMNS[1:], "float64"))
        ordered = pd.Index(frame["timestamp"])
        if not (ordered.is_monotonic_increasing and ordered.is_unique):
            frame = frame.drop_duplicates().sort_values("timestamp", kind="stable")
        frame = frame.reset_index(drop=True)
        times = frame["timestamp"]
        doubled = frame[times.duplicated(keep=False)]
        if len(doubled) and contradicted is None:
            first = doubled.iloc[:2]
            raise invalid(
                f"{source}: two different bars for {first['timestamp'].iloc[0]} of {self}: close "
                f"{first['close'].iloc[0]} and {first['close'].iloc[1]}; remove the wrong one"
            )
        off = times[times.dt.as_unit("ns").astype("int64") % self.step.value != 0]
        if len(off):
            raise invalid(f"{source}: {off.iloc[0]} is not on the {self.timeframe} grid (UTC)")
        require_possible(frame, source)
        return frame if contradicted is None else first_word(frame, "timestamp", contradicted)

    def __str__(self) -> str:
        """Exchange, market, symbol and timeframe."""
        return f"{self.venue} {self.market} {self.symbol} {self.timeframe}"
