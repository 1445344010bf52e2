"""Bars as a frame, and what makes them good: the checks that every source must pass."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pandera.pandas as pa

from clm_api.errors import ClmError
from clm_api.layout import bars_month
from clm_api.reasons import Reason
from clm_api.timing import TIMEFRAME_SECONDS

PRICES = ("open", "high", "low", "close")
COLUMNS = ("timestamp", *PRICES, "volume")
_SPIKE_SIGMAS = 20.0
_SHOWN = 5

_SCHEMA = pa.DataFrameSchema(
    {
        **{name: pa.Column(float, pa.Check.gt(0), nullable=False) for name in PRICES},
        "volume": pa.Column(float, pa.Check.ge(0), nullable=False),
    },
    checks=[
        pa.Check(
            lambda f: f["low"] <= f[["open", "close"]].min(axis=1), name="low above open or close"
        ),
        pa.Check(
            lambda f: f["high"] >= f[["open", "close"]].max(axis=1), name="high below open or close"
        ),
        pa.Check(lambda f: np.isfinite(f[list(PRICES)]).all(axis=1), name="price not finite"),
    ],
)


def invalid(message: str) -> ClmError:
    """Return the error for bars that contradict themselves."""
    return ClmError(Reason.DATA_INVALID, message)


@dataclass(frozen=True)
class BarKey:
    """Whose bars they are."""

    exchange: str
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

    def month(self, month: str) -> str:
        """Return the path of one month's bars; ``month`` is ``YYYY-MM``."""
        return bars_month(self.exchange, self.market, self.symbol, self.timeframe, month)

    def cleaned(self, frame: pd.DataFrame, source: str) -> pd.DataFrame:
        """Sort bars, drop identical duplicates, and refuse everything that can't be true.

        Parameters
        ----------
        frame
            Columns timestamp (UTC), open, high, low, close, volume.
        source
            Where the bars come from, for messages.

        Raises
        ------
        ClmError
            DataInvalid, naming the row, the column and why.
        """
        frame = frame[list(COLUMNS)].astype(dict.fromkeys(COLUMNS[1:], "float64"))
        frame = frame.drop_duplicates().sort_values("timestamp", kind="stable", ignore_index=True)
        times = frame["timestamp"]
        doubled = frame[times.duplicated(keep=False)]
        if len(doubled):
            first = doubled.iloc[:2]
            raise invalid(
                f"{source}: two different bars for {first['timestamp'].iloc[0]} of {self}: close "
                f"{first['close'].iloc[0]} and {first['close'].iloc[1]}; remove the wrong one"
            )
        off = times[times.dt.as_unit("ns").astype("int64") % self.step.value != 0]
        if len(off):
            raise invalid(f"{source}: {off.iloc[0]} is not on the {self.timeframe} grid (UTC)")
        try:
            _SCHEMA.validate(frame, lazy=True)
        except pa.errors.SchemaErrors as error:
            case = error.failure_cases.iloc[0]
            row = int(case["index"]) if pd.notna(case["index"]) else 0
            column = case["column"] if case["schema_context"] == "Column" else "bar"
            raise invalid(
                f"{source}: {column} of {times.iloc[row]} is wrong: {case['check']} "
                f"(found {case['failure_case']}); {len(error.failure_cases)} problem(s) in all"
            ) from error
        return frame

    def __str__(self) -> str:
        """Exchange, market, symbol and timeframe."""
        return f"{self.exchange} {self.market} {self.symbol} {self.timeframe}"


def holes(times: pd.DatetimeIndex, step: pd.Timedelta) -> list[tuple[pd.Timestamp, int]]:
    """Return the holes between bars as (first missing open time, number of bars)."""
    distance = (times[1:] - times[:-1]) // step
    found = np.flatnonzero(distance > 1)
    return [(times[int(i)] + step, int(distance[int(i)]) - 1) for i in found]


def spikes(close: pd.Series) -> int:
    """Count one-bar moves of more than 20 robust sigmas that revert: told, never repaired."""
    change = np.diff(np.log(close.to_numpy()))
    if len(change) < 3:
        return 0
    scale = 1.4826 * float(np.median(np.abs(change - np.median(change))))
    if scale == 0:
        return 0
    big = np.abs(change[:-1]) > _SPIKE_SIGMAS * scale
    back = np.abs(change[:-1] + change[1:]) < np.abs(change[:-1]) / 2
    return int((big & back).sum())


def describe_holes(found: list[tuple[pd.Timestamp, int]]) -> str:
    """Return the longest holes as text."""
    longest = sorted(found, key=lambda hole: -hole[1])[:_SHOWN]
    return ", ".join(f"{bars} bar(s) from {start:%Y-%m-%d %H:%M}" for start, bars in longest)
