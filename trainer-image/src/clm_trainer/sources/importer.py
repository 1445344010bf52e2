"""Bars and funding from files into the cache."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from clm_trainer.sources import bars, funding
from clm_trainer.sources.bars import BarKey, invalid
from clm_trainer.sources.cache import EARLIEST, BarCache, Series
from clm_trainer.sources.files import read_table
from clm_trainer.sources.freqtrade import NO_BARS, Kind, kind_of, rates_of
from clm_trainer.sources.funding import FundingKey
from clm_trainer.sources.gate import holes
from clm_trainer.sources.ledger import note_revisions
from clm_trainer.sources.revisions import described


@dataclass(frozen=True)
class Imported:
    """What a file held and what it changed."""

    rows: int
    first: pd.Timestamp
    last: pd.Timestamp
    lacking: int
    """Bars that are missing between the first and the last; or events without a mark price, which
    are charged on the bar's open."""
    months_written: int
    revised: str
    """How the file differs from stored rows, which stand; empty where it agrees."""


def import_file(path: Path, key: BarKey, cache: BarCache, *, now: pd.Timestamp) -> Imported:
    """Check a file's bars and merge them into the cache; doing it twice changes nothing.

    A stored bar stands where the file has another one; that is noted, for people and runs.

    Raises
    ------
    ClmError
        DataInvalid, naming the file, the row and the column.
    """
    if (kind := kind_of(path)) in NO_BARS:
        raise invalid(
            f"{path}: by its name it holds {kind}, not bars: import freqtrade's folder, or say "
            "--funding where it holds funding"
        )
    frame = read_table(path, bars.COLUMNS, f"{_pair(key.symbol)}-{key.timeframe}-")
    return import_bars(frame, key, cache, now=now, path=path)


def import_bars(
    frame: pd.DataFrame, key: BarKey, cache: BarCache, *, now: pd.Timestamp, path: Path
) -> Imported:
    """Check bars and merge them into the cache.

    Parameters
    ----------
    path
        Where they come from, for messages.

    Raises
    ------
    ClmError
        DataInvalid, naming the file, the row and the column.
    """
    frame = _cleaned(frame, key, path, "a price or volume")
    times = pd.DatetimeIndex(frame["timestamp"])
    if times[0] < EARLIEST or times[-1] + key.step > now:
        raise invalid(
            f"{path}: bars from {times[0]} to {times[-1]} can't be true: look at the timestamp's "
            "unit, and leave out a bar that has not closed"
        )
    if len(times) > 2 and (usual := times.to_series().diff().median()) > key.step:
        raise invalid(f"{path}: its bars are mostly {usual} apart: look at --timeframe")
    months, revised = _written(cache, key, frame, path)
    gaps = sum(hole.bars for hole in holes(times, key.step))
    return Imported(len(frame), times[0], times[-1], gaps, months, revised)


def import_funding(path: Path, key: FundingKey, cache: BarCache, *, now: pd.Timestamp) -> Imported:
    """Check a file's funding events and merge them into the cache; twice changes nothing.

    Raises
    ------
    ClmError
        DataInvalid, naming the file, the row and the column.
    """
    if kind_of(path) == Kind.FUNDING:
        frame = rates_of(path)
    else:
        frame = read_table(path, funding.COLUMNS[:2], f"{_pair(key.symbol)}-fundingRate-")
    if "mark_price" not in frame.columns:
        frame = frame.assign(mark_price=float("nan"))
    return import_events(frame, key, cache, now=now, path=path)


def import_events(
    frame: pd.DataFrame, key: FundingKey, cache: BarCache, *, now: pd.Timestamp, path: Path
) -> Imported:
    """Check funding events and merge them into the cache.

    Parameters
    ----------
    path
        Where they come from, for messages.

    Raises
    ------
    ClmError
        DataInvalid, naming the file, the row and the column.
    """
    frame = _cleaned(frame, key, path, "a rate or price")
    first, last = frame["timestamp"].iloc[0], frame["timestamp"].iloc[-1]
    if first < EARLIEST or last > now:
        raise invalid(
            f"{path}: events from {first} to {last} can't be true: look at the timestamp's unit, "
            "and leave out what is only forecast"
        )
    months, revised = _written(cache, key, frame, path)
    unmarked = int(frame["mark_price"].isna().sum())
    return Imported(len(frame), first, last, unmarked, months, revised)


def _cleaned(frame: pd.DataFrame, key: Series, path: Path, what: str) -> pd.DataFrame:
    """Return checked rows; ``what`` names their figures for messages."""
    if frame.empty:
        raise invalid(f"{path}: has no rows")
    try:
        return key.cleaned(frame, str(path))
    except (TypeError, ValueError) as error:
        raise invalid(f"{path}: {what} is not a number: {error}") from error


def _written(cache: BarCache, key: Series, frame: pd.DataFrame, path: Path) -> tuple[int, str]:
    written = cache.write(key, frame, str(path))
    if not written.revisions:
        return written.months, ""
    note_revisions(cache.store, key.layout, written.revisions)
    return written.months, described(written.revisions, key)


def _pair(symbol: str) -> str:
    """Return Binance's own name of a symbol: BTCUSDT."""
    return symbol.split(":", maxsplit=1)[0].replace("/", "")
