"""A freqtrade data folder as it is: what its file names and columns say."""

import gzip
import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pandas as pd
import pyarrow as pa

from clm_api.symbols import Market
from clm_api.timing import TIMEFRAME_SECONDS
from clm_trainer.sources.bars import COLUMNS, invalid
from clm_trainer.sources.files import utc

_NAME = re.compile(
    r"(?P<pair>.+)-(?P<timeframe>\d+[a-zA-Z]{1,2})(-(?P<kind>[a-zA-Z_]+))?"
    r"\.(?P<format>feather|parquet|json|json\.gz)"
)
_DATA = re.compile(r".+\.(feather|parquet|json|json\.gz|h5)")
_FUTURES = "futures"
NO_BARS = ("mark", "index", "premiumIndex", "funding_rate", "open_interest")
"""Ends of names of files that have the columns of bars and hold something else."""


class Kind(StrEnum):
    """What a file holds, by the end of its name."""

    SPOT = ""
    FUTURES = "futures"
    MARK = "mark"
    FUNDING = "funding_rate"


@dataclass(frozen=True)
class Found:
    """A file whose name says what it holds.

    Parameters
    ----------
    symbol
        In ccxt's words: BTC/USDT, or BTC/USDT:USDT for a perpetual.
    """

    path: Path
    symbol: str
    timeframe: str
    kind: Kind

    @property
    def market(self) -> Market:
        """The market that it belongs to."""
        return "spot" if self.kind is Kind.SPOT else "usdm"


@dataclass(frozen=True)
class Skipped:
    """A file that is not imported."""

    path: Path
    why: str


def scan(folder: Path) -> list[Found | Skipped]:
    """Return the data files of one exchange's folder, bars first, in the order of their names."""
    paths = [*folder.glob("*"), *(folder / _FUTURES).glob("*")]
    named = [told(path) for path in sorted(paths) if path.is_file() and _DATA.fullmatch(path.name)]
    return sorted(named, key=lambda one: isinstance(one, Found) and one.kind is Kind.FUNDING)


def told(path: Path) -> Found | Skipped:
    """Return what a file's name says of its content, or why it can't be used."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        return Skipped(path, "it holds no candles, or is in a format that is not read (HDF5)")
    pair, timeframe, kind = match["pair"], match["timeframe"], match["kind"] or ""
    if kind not in set(Kind):
        return Skipped(path, f"{kind} is not used")
    if timeframe not in TIMEFRAME_SECONDS and kind in {Kind.SPOT, Kind.FUTURES}:
        return Skipped(path, f"the timeframe {timeframe} is not used")
    symbol = _symbol(pair, Kind(kind))
    if symbol is None:
        return Skipped(path, f"which symbol {pair} is can't be told: import the file with --symbol")
    return Found(path, symbol, timeframe, Kind(kind))


def kind_of(path: Path) -> str:
    """Return what a file's name says that it holds, such as mark; empty where it says nothing."""
    match = _NAME.fullmatch(path.name)
    return match["kind"] or "" if match else ""


def _symbol(pair: str, kind: Kind) -> str | None:
    """Return the symbol of a name in which freqtrade wrote _ for every special character."""
    parts = pair.split("_")
    if kind is Kind.SPOT:
        return "/".join(parts) if len(parts) == 2 else None
    linear = len(parts) == 3 and parts[1] == parts[2]
    return f"{parts[0]}/{parts[1]}:{parts[2]}" if linear else None


def bars_of(file: Found) -> pd.DataFrame:
    """Return a file's candles with our names for the columns, sorted as they lie there.

    Raises
    ------
    ClmError
        DataInvalid: it can't be read, or has other columns.
    """
    return _table(file.path, COLUMNS)


def funding_of(files: Iterable[Found], marks: Iterable[Found]) -> pd.DataFrame:
    """Return the funding of one symbol, with the mark price at its time where there is one.

    Parameters
    ----------
    files
        Funding files: the rate stands in ``funding_rate``, and before freqtrade 2026.9 in
        ``open`` of a candle.
    marks
        Mark candles: the price of a payment is the open of the candle that begins then.

    Raises
    ------
    ClmError
        DataInvalid: a file can't be read, or has other columns.
    """
    rates = pd.concat([rates_of(file.path) for file in files], ignore_index=True)
    rates = rates.assign(timestamp=rates["timestamp"].dt.round("min"))
    candles = [_table(file.path, COLUMNS)[["timestamp", "open"]] for file in marks]
    if not candles:
        return rates.assign(mark_price=float("nan"))
    known = pd.concat(candles, ignore_index=True).drop_duplicates("timestamp")
    found = rates.merge(known, on="timestamp", how="left")
    return found.rename(columns={"open": "mark_price"})


def rates_of(path: Path) -> pd.DataFrame:
    """Return the funding rates of a file.

    Raises
    ------
    ClmError
        DataInvalid: it can't be read, or has other columns.
    """
    frame = _table(path, ("timestamp", "funding_rate"), COLUMNS)
    if "funding_rate" not in frame.columns:
        frame = frame.rename(columns={"open": "funding_rate"})
    return frame[["timestamp", "funding_rate"]]


def _table(path: Path, *layouts: tuple[str, ...]) -> pd.DataFrame:
    """Return a file's rows with the columns of one of the layouts."""
    frame = _read(path, layouts).rename(columns={"date": "timestamp"})
    for columns in layouts:
        if set(columns) <= set(frame.columns):
            frame = frame[list(columns)]
            return frame.assign(timestamp=utc(frame["timestamp"], path))
    needed = " or ".join(", ".join(("date", *columns[1:])) for columns in layouts)
    raise invalid(f"{path}: its columns are {', '.join(map(str, frame.columns))}; needed: {needed}")


def _read(path: Path, layouts: tuple[tuple[str, ...], ...]) -> pd.DataFrame:
    try:
        if path.suffix == ".feather":
            return pd.read_feather(path)
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        content = path.read_bytes()
        rows = json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)
        width = {len(row) for row in rows if isinstance(row, list)}
    except (OSError, ValueError, TypeError, EOFError, zlib.error, pa.ArrowException) as error:
        raise invalid(f"{path}: can't be read: {error}") from error
    fitting = [columns for columns in layouts if width == {len(columns)}]
    if not fitting:
        text = f"its rows have {', '.join(map(str, sorted(width))) or 'no'} values"
        raise invalid(f"{path}: {text}; needed: {' or '.join(str(len(c)) for c in layouts)}")
    return pd.DataFrame(rows, columns=list(fitting[0]))


def exchange_folders(folder: Path) -> dict[Path, str | None]:
    """Return the folders of exchanges that a folder is or holds, each with the exchange's ccxt id.

    The id is the folder's name, as freqtrade has it; None where it is no exchange's.
    """
    import ccxt

    known = set(ccxt.exchanges)
    if scan(folder):
        name = folder.resolve().name
        return {folder: name if name in known else None}
    below = sorted(one for one in folder.iterdir() if one.is_dir() and one.name in known)
    return {one: one.name for one in below if scan(one)}
