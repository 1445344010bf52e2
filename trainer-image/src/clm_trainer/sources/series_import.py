"""Own series from files into the store: what a file must say, and what is refused."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from pydantic import TypeAdapter, ValidationError

from clm_api.data_spec import ColumnName
from clm_api.symbols import Symbol
from clm_trainer.sources.bars import invalid
from clm_trainer.sources.files import read_table, utc
from clm_trainer.sources.own_series import (
    TIMES,
    Header,
    OwnSeries,
    pair_of,
    require_no_contradiction,
)

_EPOCH = pd.Timestamp(0, tz="UTC")
_NAME = TypeAdapter(ColumnName)
_SYMBOL = TypeAdapter(Symbol)
_MOST_COLUMNS = 200


@dataclass(frozen=True)
class ImportedSeries:
    """What a file held and what it changed.

    Parameters
    ----------
    first, last
        Of the times that its rows are about.
    corrections
        Rows about a time of which the file has another row that was available before.
    ahead
        Rows that were available before the time that they are about: forecasts.
    """

    rows: int
    new: int
    first: pd.Timestamp
    last: pd.Timestamp
    corrections: int
    ahead: int


def import_series(path: Path, series: OwnSeries, *, now: pd.Timestamp) -> ImportedSeries:
    """Check a file's rows and merge them into a series; doing it twice changes nothing.

    Raises
    ------
    ClmError
        DataInvalid, naming the file, the row (from 0) and the column; nothing of it is stored.
    """
    if path.suffix == ".zip":
        raise invalid(f"{path}: use .parquet, .csv or .feather: unpack it")
    frame = read_table(path, TIMES, "")
    frame = frame.assign(available_at=utc(frame["available_at"], path, "available_at"))
    frame = frame.reset_index(drop=True)
    _require_times(frame, path, now)
    per_symbol = "symbol" in frame.columns
    frame = frame.assign(symbol=_symbols(frame, path) if per_symbol else "")
    names = [str(name) for name in frame.columns if name not in (*TIMES, "symbol")]
    _require_numbers(frame, names, path)
    frame = frame.astype(dict.fromkeys(names, "float64")).drop_duplicates()
    require_no_contradiction(frame, str(path))
    header = Header(columns=names, per_symbol=per_symbol, months=[])
    new = series.write(frame, header, str(path))
    return ImportedSeries(
        rows=len(frame),
        new=new,
        first=frame["timestamp"].min(),
        last=frame["timestamp"].max(),
        corrections=int(frame.duplicated(["symbol", "timestamp"]).sum()),
        ahead=int((frame["available_at"] < frame["timestamp"]).sum()),
    )


def _require_times(frame: pd.DataFrame, path: Path, now: pd.Timestamp) -> None:
    for name in TIMES:
        _refuse_rows(frame, frame[name] < _EPOCH, name, path, "is before 1970")
    _refuse_rows(
        frame, frame["available_at"] > now, "available_at", path,
        "is to come: nobody can know the value yet; leave the row out",
    )  # fmt: skip


def _symbols(frame: pd.DataFrame, path: Path) -> "pd.Series[str]":
    """Return the pair of each row."""
    found = frame["symbol"]
    for value in found.unique():
        try:
            _SYMBOL.validate_python(value)
        except ValidationError:
            wrong = found.isna() if pd.isna(value) else found == value
            _refuse_rows(frame, wrong, "symbol", path, "is no symbol such as BTC/USDT")
    return found.map(pair_of)


def _require_numbers(frame: pd.DataFrame, names: list[str], path: Path) -> None:
    if not 0 < len(names) <= _MOST_COLUMNS:
        raise invalid(
            f"{path}: has {len(names)} columns of numbers beside {', '.join(TIMES)} and symbol; "
            f"a series has 1 to {_MOST_COLUMNS}"
        )
    for name in names:
        try:
            _NAME.validate_python(name)
        except ValidationError:
            text = f'{path}: column "{name}" is no name of letters, digits and _: rename it'
            raise invalid(text) from None
        if not is_numeric_dtype(frame[name]):
            raise invalid(f"{path}: {_first_word(frame, name)}: leave the column out")
        infinite = np.isinf(frame[name].to_numpy(dtype="float64", na_value=np.nan))
        _refuse_rows(frame, pd.Series(infinite), name, path, "is no finite number")


def _first_word(frame: pd.DataFrame, name: str) -> str:
    """Say which value keeps a column from being numbers."""
    words = frame[name][pd.to_numeric(frame[name], errors="coerce").isna() & frame[name].notna()]
    if words.empty:
        return f"column {name} holds {frame[name].dtype}, not numbers"
    return f'{name} of row {words.index[0]} is no number but "{words.iloc[0]}"'


def _refuse_rows(
    frame: pd.DataFrame, wrong: "pd.Series[bool]", name: str, path: Path, why: str
) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise invalid(
            f"{path}: {name} of row {row} ({frame[name].iloc[row]}) {why}; "
            f"{int(wrong.sum())} such row(s) in all"
        )
