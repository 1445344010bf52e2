"""Own series in the store: numbers, the time that each is about, and since when it is known.

A month's object holds what became known in that month: a correction never rewrites an old one.
"""

import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, ValidationError

from clm_api.base import Model
from clm_api.data_spec import ColumnName
from clm_api.errors import ClmError
from clm_api.layout import OwnSeriesLayout, month_of
from clm_api.reasons import Reason
from clm_trainer.sources.bars import invalid
from clm_trainer.sources.cache import encode
from clm_trainer.storage import Storage

TIMES = ("timestamp", "available_at")
_READERS, _ATTEMPTS, _MOST_BYTES = 8, 25, 1 << 20


class Header(Model):
    """``series.json``: what a series has."""

    schema_version: Literal[1] = 1
    columns: Annotated[list[ColumnName], Field(min_length=1)]
    """Names of its numbers."""
    per_symbol: bool
    """Whether each symbol has rows of its own."""
    months: list[Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]]
    """Months in which rows of some symbol became known, oldest first."""


def pair_of(symbol: str) -> str:
    """Return a symbol as series know it: a perpetual's rows are those of its pair."""
    return symbol.split(":", maxsplit=1)[0]


@dataclass(frozen=True)
class OwnSeries:
    """One series of a store."""

    store: Storage
    name: str

    @property
    def layout(self) -> OwnSeriesLayout:
        """Where it lies."""
        return OwnSeriesLayout(self.name)

    def header(self) -> Header | None:
        """Return what it has; None where there is no such series.

        Raises
        ------
        ClmError
            DataInvalid: its header can't be read.
        """
        content = self.store.get(self.layout.header, _MOST_BYTES)
        return None if content is None else self._parsed(content)

    def read(self, header: Header, symbol: str, until: pd.Timestamp | None = None) -> pd.DataFrame:
        """Return a symbol's rows in the order in which they became known.

        Parameters
        ----------
        symbol
            Empty: the rows of a series without symbols.
        until
            Rows of later months are left out.

        Raises
        ------
        ClmError
            DataInvalid: a stored month can't be read.
        """
        last = "9999-12" if until is None else f"{until.tz_convert('UTC'):%Y-%m}"
        paths = [self.layout.month(symbol, month) for month in header.months if month <= last]

        def month(path: str) -> pd.DataFrame | None:
            content = self.store.get(path)
            return None if content is None else _decoded(content, header, path)

        with ThreadPoolExecutor(_READERS) as readers:
            found = [part for part in readers.map(month, paths) if part is not None]
        return pd.concat(found, ignore_index=True) if found else _no_rows(header)

    def write(self, frame: pd.DataFrame, header: Header, source: str) -> int:
        """Merge rows; what is stored never changes.

        Parameters
        ----------
        frame
            Columns symbol (empty for a series without symbols), timestamp, available_at, and those
            of the header.

        Returns
        -------
        int
            Rows that are new.

        Raises
        ------
        ClmError
            DataInvalid: the series has other columns, or a row contradicts a stored one; nothing
            of such a file is stored.
        """
        parts = [
            (str(symbol), str(month), part.drop(columns="symbol"))
            for (symbol, month), part in _by_month(frame)
        ]
        known = self.header()
        if known is not None:
            self._require_same(known, header, source)
            for symbol, month, part in parts:
                path = self.layout.month(symbol, month)
                content = self.store.get(path)
                if content is not None:
                    _merged(_decoded(content, known, path), part, source, symbol)
        self._note(header.having(months=sorted({month for _, month, _ in parts})), source)
        return sum(self._put(header, *part, source) for part in parts)

    def _put(self, header: Header, symbol: str, month: str, part: pd.DataFrame, source: str) -> int:
        path = self.layout.month(symbol, month)
        for _ in range(_ATTEMPTS):
            present = self.store.get_tagged(path)
            if present is None:
                before, etag = _no_rows(header), None
            else:
                before, etag = _decoded(present.content, header, path), present.etag
            after = _merged(before, part, source, symbol)
            if len(after) == len(before) or self.store.replace(path, encode(after), etag):
                return len(after) - len(before)
        raise self._contended(path)

    def _note(self, header: Header, source: str) -> None:
        """Write what the series has, before its rows: a month that is named and lacks is empty."""
        path = self.layout.header
        for _ in range(_ATTEMPTS):
            present = self.store.get_tagged(path, _MOST_BYTES)
            before = None if present is None else self._parsed(present.content)
            after = header
            if before is not None:
                self._require_same(before, header, source)
                after = before.having(months=sorted({*before.months, *header.months}))
            if after == before:
                return
            content = after.model_dump_json(by_alias=True).encode()
            if self.store.replace(path, content, None if present is None else present.etag):
                return
        raise self._contended(path)

    def _require_same(self, known: Header, new: Header, source: str) -> None:
        if known.per_symbol != new.per_symbol:
            has, lacks = ("a", "none") if known.per_symbol else ("no", "one")
            raise invalid(
                f"{source}: series {self.name} has {has} column symbol, and the file has {lacks}: "
                "give the file its own --series"
            )
        if set(known.columns) != set(new.columns):
            raise invalid(
                f"{source}: series {self.name} has columns {', '.join(known.columns)}, and the "
                f"file has {', '.join(new.columns)}: give other columns their own --series"
            )

    def _parsed(self, content: bytes) -> Header:
        try:
            return Header.model_validate_json(content)
        except ValidationError as error:
            why = error.errors(include_url=False)[0]["msg"]
            raise invalid(
                f"{self.store.address(self.layout.header)} can't be read ({why}): remove the "
                f"series' folder and import series {self.name} again"
            ) from error

    @staticmethod
    def _contended(path: str) -> ClmError:
        text = f"{path} changed {_ATTEMPTS} times while it was written: try again"
        return ClmError(Reason.STORAGE_UNAVAILABLE, text)


def require_no_contradiction(frame: pd.DataFrame, source: str) -> None:
    """Refuse two rows of one symbol, timestamp and available_at that differ.

    Parameters
    ----------
    frame
        Without repetitions.

    Raises
    ------
    ClmError
        DataInvalid, naming both.
    """
    key = [name for name in ("symbol", *TIMES) if name in frame.columns]
    doubled = frame[frame.duplicated(key, keep=False)].sort_values(key, kind="stable")
    if doubled.empty:
        return
    one, other = doubled.iloc[0], doubled.iloc[1]
    differing = next(n for n in frame.columns if n not in key and not _same(one[n], other[n]))
    whose = f" of {one['symbol']}" if one.get("symbol") else ""
    raise invalid(
        f"{source}: two different rows{whose} for {one['timestamp']}, available at "
        f"{one['available_at']}: {differing} is {one[differing]} and {other[differing]}; remove "
        "the wrong one, or give the correction its own, later available_at"
    )


def _same(one: float, other: float) -> bool:
    return one == other or (pd.isna(one) and pd.isna(other))


def _by_month(frame: pd.DataFrame) -> Iterable[tuple[tuple[object, object], pd.DataFrame]]:
    labels = frame["available_at"].dt.strftime("%Y-%m")
    return frame.groupby(["symbol", labels], sort=True)  # type: ignore[return-value]


def _merged(before: pd.DataFrame, part: pd.DataFrame, source: str, symbol: str) -> pd.DataFrame:
    both = pd.concat([before, part[before.columns]], ignore_index=True).drop_duplicates()
    told = both.assign(symbol=symbol)
    require_no_contradiction(told, f"{source} against what is stored")
    return both.sort_values(["available_at", "timestamp"], kind="stable", ignore_index=True)


def _no_rows(header: Header) -> pd.DataFrame:
    times = pd.DatetimeIndex([], tz="UTC").as_unit("us")
    numbers = {name: pd.Series(dtype="float64") for name in header.columns}
    return pd.DataFrame({**dict.fromkeys(TIMES, times), **numbers})


def _decoded(content: bytes, header: Header, path: str) -> pd.DataFrame:
    """Return a month's rows; one that is not as it is written is refused."""
    try:
        table = pq.ParquetFile(io.BytesIO(content)).read(columns=[*TIMES, *header.columns])
        _require_form(table, header)
        frame: pd.DataFrame = table.to_pandas()[[*TIMES, *header.columns]]
        frame = frame.assign(**{n: frame[n].dt.tz_convert("UTC").dt.as_unit("us") for n in TIMES})
        _require_month(frame, str(month_of(path)))
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
        raise invalid(
            f"{path} in the store can't be read ({' '.join(str(error).split())[:120]}): remove "
            "that object and import its rows again"
        ) from error
    return frame


def _require_form(table: pa.Table, header: Header) -> None:
    """Refuse columns of other types than are ever written."""
    for name in TIMES:
        if not pa.types.is_timestamp(table.schema.field(name).type):
            raise ValueError(f"{name} holds no times")
        if table.column(name).null_count:
            raise ValueError(f"a row has no {name}")
    for name in header.columns:
        if not pa.types.is_floating(table.schema.field(name).type):
            raise ValueError(f"{name} holds no numbers")


def _require_month(frame: pd.DataFrame, month: str) -> None:
    if (frame["available_at"].dt.strftime("%Y-%m") != month).any():
        raise ValueError(f"it holds rows that became known outside {month}")
