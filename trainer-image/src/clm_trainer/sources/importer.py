"""Bars from files into the cache: parquet or CSV with timestamp, open, high, low, close, volume."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pandas.api.types import is_numeric_dtype

from clm_trainer.sources.bars import COLUMNS, BarKey, cleaned, holes, invalid
from clm_trainer.sources.cache import BarCache

_UNITS = ((1e17, "ns"), (1e14, "us"), (1e11, "ms"), (1e8, "s"))
_EARLIEST = pd.Timestamp("2009-01-03", tz="UTC")


@dataclass(frozen=True)
class Imported:
    """What a file held and what it changed."""

    bars: int
    first: pd.Timestamp
    last: pd.Timestamp
    gaps: int
    months_written: int


def import_file(path: Path, key: BarKey, cache: BarCache, *, now: pd.Timestamp) -> Imported:
    """Check a file's bars and merge them into the cache; doing it twice changes nothing.

    Raises
    ------
    ClmError
        DataInvalid, naming the file, the row and the column.
    """
    frame = _read(path)
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise invalid(f"{path}: column {missing[0]} is missing; needed: {', '.join(COLUMNS)}")
    if frame.empty:
        raise invalid(f"{path}: has no rows")
    frame = frame.assign(timestamp=_utc(frame["timestamp"], path))
    try:
        frame = cleaned(frame, key, str(path))
    except (TypeError, ValueError) as error:
        raise invalid(f"{path}: a price or volume is not a number: {error}") from error
    times = pd.DatetimeIndex(frame["timestamp"])
    if times[0] < _EARLIEST or times[-1] + key.step > now:
        raise invalid(
            f"{path}: bars from {times[0]} to {times[-1]} can't be true: look at the timestamp's "
            "unit, and leave out a bar that has not closed"
        )
    written = cache.write(key, frame, str(path))
    gaps = sum(bars for _, bars in holes(times, key.step))
    return Imported(len(frame), times[0], times[-1], gaps, written)


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix == ".csv":
            return pd.read_csv(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise invalid(f"{path}: can't be read: {error}") from error
    raise invalid(f"{path}: use .parquet or .csv")


def _utc(values: "pd.Series[str]", path: Path) -> pd.DatetimeIndex:
    """Read times with a zone, or numbers whose size tells their unit; naive texts are UTC."""
    if is_numeric_dtype(values):
        unit = next((u for size, u in _UNITS if float(values.abs().min()) >= size), None)
        largest = next((u for size, u in _UNITS if float(values.abs().max()) >= size), None)
        if unit is None or unit != largest:
            raise invalid(f"{path}: timestamp mixes units or is no time since 1970")
        ticks = values.to_numpy("int64").astype(f"datetime64[{unit}]")
        parsed = pd.DatetimeIndex(ticks).tz_localize("UTC")
    else:
        try:
            parsed = pd.DatetimeIndex(pd.to_datetime(values, utc=True))
        except (ValueError, TypeError) as error:
            raise invalid(f"{path}: timestamp can't be read: {error}") from error
    if parsed.isna().any():
        row = int(parsed.isna().argmax())
        raise invalid(f"{path}: timestamp of row {row} is empty")
    return parsed.as_unit("us")
