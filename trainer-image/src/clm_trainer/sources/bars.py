"""Bars as a frame, and what makes them good: the checks that every source must pass."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd

from clm_api.errors import ClmError
from clm_api.layout import SeriesLayout
from clm_api.reasons import Reason
from clm_api.timing import TIMEFRAME_SECONDS
from clm_trainer.sources.revisions import Revision, first_word

if TYPE_CHECKING:
    import pandera.pandas as pa

PRICES = ("open", "high", "low", "close")
COLUMNS = ("timestamp", *PRICES, "volume")
LARGEST = 1e24
"""No price and no volume of a bar is larger, and no price smaller than one by it."""


@cache
def _schema() -> "pa.DataFrameSchema":
    """Return the checks; who only lists bars does without the library, which is slow to import."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            **{name: pa.Column(float, pa.Check.gt(0), nullable=False) for name in PRICES},
            "volume": pa.Column(float, pa.Check.ge(0), nullable=False),
        },
        checks=[
            pa.Check(
                lambda f: f["low"] <= f[["open", "close"]].min(axis=1),
                name="low above open or close",
            ),
            pa.Check(
                lambda f: f["high"] >= f[["open", "close"]].max(axis=1),
                name="high below open or close",
            ),
            pa.Check(
                lambda f: (
                    (f[list(PRICES)] >= 1 / LARGEST).all(axis=1)
                    & (f[list(COLUMNS[1:])] <= LARGEST).all(axis=1)
                ),
                name="number that no market has",
            ),
        ],
    )


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
        frame = frame.drop_duplicates().sort_values("timestamp", kind="stable", ignore_index=True)
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
        from pandera.errors import SchemaErrors

        try:
            _schema().validate(frame, lazy=True)
        except SchemaErrors as error:
            cases = error.failure_cases.sort_values("schema_context", kind="stable")
            case = cases.iloc[0]  # a column's fault says more than its bar's
            row = int(case["index"]) if pd.notna(case["index"]) else 0
            column = case["column"] if case["schema_context"] == "Column" else "bar"
            raise invalid(
                f"{source}: {column} of {times.iloc[row]} is wrong: {case['check']} "
                f"(found {case['failure_case']}); {len(error.failure_cases)} problem(s) in all"
            ) from error
        return frame if contradicted is None else first_word(frame, "timestamp", contradicted)

    def __str__(self) -> str:
        """Exchange, market, symbol and timeframe."""
        return f"{self.venue} {self.market} {self.symbol} {self.timeframe}"
