"""Tables that people hand over as files: parquet, CSV or archives, times in any usual form."""

from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
from pandas.api.types import is_numeric_dtype

from clm_trainer.sources.archives import read_archive
from clm_trainer.sources.bars import invalid

_Unit = Literal["ns", "us", "ms", "s"]
TIME_NAMES = ("timestamp", "date", "datetime", "time", "open_time")
"""What a column or an index of times may be called, in small or capital letters."""
_UNNAMED_IN_CSV = "Unnamed: 0"
_UNITS: tuple[tuple[float, _Unit], ...] = ((1e17, "ns"), (1e14, "us"), (1e11, "ms"), (1e8, "s"))


def read_table(path: Path, needed: tuple[str, ...], archive: str) -> pd.DataFrame:
    """Return a file's rows, column ``timestamp`` as UTC times.

    The times may be the index instead, with a name or without one, or a column of another usual
    name.

    Parameters
    ----------
    archive
        How the name of an archive of these rows begins.

    Raises
    ------
    ClmError
        DataInvalid: it can't be read, has no rows, or lacks a column that is needed.
    """
    frame = _with_times(_read(path, archive))
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise invalid(f"{path}: column {missing[0]} is missing; needed: {', '.join(needed)}")
    if frame.empty:
        raise invalid(f"{path}: has no rows")
    return frame.assign(timestamp=utc(frame["timestamp"], path))


def _read(path: Path, archive: str) -> pd.DataFrame:
    try:
        if path.suffix == ".zip":
            return read_archive(path, archive)
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix == ".csv":
            return pd.read_csv(path)
        if path.suffix == ".feather":
            return pd.read_feather(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise invalid(f"{path}: can't be read: {error}") from error
    raise invalid(f"{path}: use .parquet, .csv, .feather or Binance's .zip")


def _with_times(frame: pd.DataFrame) -> pd.DataFrame:
    """Call the times ``timestamp``, whether they are the index or a column; else change nothing."""
    if "timestamp" in frame.columns:
        return frame
    index = frame.index
    if isinstance(index, pd.DatetimeIndex) or str(index.name).lower() in TIME_NAMES:
        return frame.rename_axis("timestamp").reset_index()
    usual = [name for name in frame.columns if str(name).lower() in TIME_NAMES]
    if not usual and frame.columns[:1].tolist() == [_UNNAMED_IN_CSV]:
        usual = [_UNNAMED_IN_CSV]
    return frame.rename(columns={usual[0]: "timestamp"}) if len(usual) == 1 else frame


def utc(values: "pd.Series[str]", path: Path, name: str = "timestamp") -> pd.DatetimeIndex:
    """Read ISO 8601, without a zone as UTC, or numbers whose size tells their unit."""
    if is_numeric_dtype(values):
        unit = next((u for size, u in _UNITS if float(values.abs().min()) >= size), None)
        largest = next((u for size, u in _UNITS if float(values.abs().max()) >= size), None)
        if unit is None or unit != largest:
            raise invalid(f"{path}: {name} mixes units or is no time since 1970")
        parsed = pd.DatetimeIndex(pd.to_datetime(values, unit=unit, utc=True))
    else:
        try:
            parsed = pd.DatetimeIndex(pd.to_datetime(values, utc=True, format="ISO8601"))
        except (ValueError, TypeError) as error:
            raise invalid(
                f"{path}: {name} can't be read: {error}; write 2025-12-31 16:00:00Z, "
                "or a number since 1970"
            ) from error
    if parsed.isna().any():
        row = int(parsed.isna().argmax())
        raise invalid(f"{path}: {name} of row {row} is empty")
    return parsed.as_unit("us")
