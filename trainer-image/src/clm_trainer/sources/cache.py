"""What was fetched or imported, in the object store: one parquet file a month, for all runs."""

import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from obstore import Bytes

from clm_api.errors import ClmError
from clm_api.layout import SeriesLayout, month_of
from clm_api.reasons import Reason
from clm_trainer.sources.bars import invalid
from clm_trainer.sources.revisions import Revision
from clm_trainer.storage import Storage

_READERS = 8
_ATTEMPTS = 25
EARLIEST = pd.Timestamp("2009-01-03", tz="UTC")
"""The first coin's first block: no row can be older."""


Chunks = dict[str, list[NDArray[Any]]]


class Series(Protocol):
    """Rows with a time that are kept by the month: bars, funding, own trades."""

    @property
    def columns(self) -> tuple[str, ...]:
        """``timestamp`` first; all others are floats, but for ``texts``."""

    @property
    def texts(self) -> frozenset[str]:
        """Names of the columns that hold text."""

    @property
    def layout(self) -> SeriesLayout:
        """Where the rows lie in the store."""

    def cleaned(
        self, frame: pd.DataFrame, source: str, contradicted: list[Revision] | None = None
    ) -> pd.DataFrame:
        """Return the rows sorted and without repetitions, or say what can't be true.

        Of rows that contradict each other the first stands, if somebody hears of it.
        """


def months(start: pd.Timestamp, stop: pd.Timestamp) -> list[str]:
    """Return the months that [start, stop) touches as ``YYYY-MM``."""
    last = stop - pd.Timedelta(1, "ns")
    span = pd.period_range(start.tz_localize(None), last.tz_localize(None), freq="M")
    return [str(month) for month in span]


def encode(frame: pd.DataFrame) -> bytes:
    """Return rows as parquet: floats split by byte, times delta coded, what repeats by LZ4.

    Most bytes of prices repeat nothing: zstd, of which older months are made, saves a seventh of
    their size and takes three times as long to read.
    """
    table = pa.Table.from_pandas(frame, preserve_index=False)
    floats, times = (frame.select_dtypes(kind).columns for kind in ("number", "datetimetz"))
    out = io.BytesIO()
    pq.write_table(
        table,
        out,
        compression="lz4",
        row_group_size=131072,
        use_dictionary=False,
        column_encoding={
            **dict.fromkeys(times, "DELTA_BINARY_PACKED"),
            **dict.fromkeys(floats, "BYTE_STREAM_SPLIT"),
        },
    )
    return out.getvalue()


@dataclass(frozen=True)
class Written:
    """What came of rows that were handed over.

    Parameters
    ----------
    months
        Months that changed.
    revisions
        Where new rows differ from stored ones, which stand.
    """

    months: int
    revisions: tuple[Revision, ...]


@dataclass(frozen=True)
class BarCache:
    """The stored bars, and what is stored like them."""

    store: Storage

    def read(self, key: Series, start: pd.Timestamp, stop: pd.Timestamp) -> pd.DataFrame:
        """Return the stored rows in [start, stop), sorted.

        Raises
        ------
        ClmError
            DataInvalid: a stored month can't be read.
        """
        return _frame(self.arrays(key, start, stop))

    def arrays(
        self, key: Series, start: pd.Timestamp, stop: pd.Timestamp
    ) -> dict[str, NDArray[Any]]:
        """Return the stored rows in [start, stop) by column; ``timestamp`` as datetime64[us]."""
        wanted = months(start, stop) if start < stop else []
        with ThreadPoolExecutor(_READERS) as readers:
            found = [m for m in readers.map(lambda m: self._month(key, m), wanted) if m is not None]
        parts = _joined(found, key)
        first, last = np.searchsorted(parts["timestamp"], [_plain(start), _plain(stop)])
        return {name: values[first:last] for name, values in parts.items()}

    def newest(self, key: Series, before: pd.Timestamp) -> pd.Timestamp | None:
        """Return the time of the newest stored row before a time.

        Months have fixed names and are tried backwards: a run may not list the store.
        """
        names = months(EARLIEST, before)[::-1]
        later = range(1, len(names), _READERS)
        for some in (names[:1], *(names[i : i + _READERS] for i in later)):
            with ThreadPoolExecutor(_READERS) as readers:
                found = [m for m in readers.map(lambda m: self._month(key, m), some) if m]
            for month in found:
                times = np.concatenate(month["timestamp"])
                if earlier := int(np.searchsorted(times, _plain(before))):
                    return pd.Timestamp(times[earlier - 1], tz="UTC")
        return None

    def stored_months(self, key: Series) -> list[str]:
        """Return the months that are stored, oldest first."""
        return [*filter(None, map(month_of, self.store.list(key.layout.folder)))]

    def write(self, key: Series, frame: pd.DataFrame, source: str) -> "Written":
        """Merge rows into the months they belong to.

        A stored row never changes, and a month that has all of them is never written again. New
        rows that differ from stored ones are left out and told.

        Raises
        ------
        ClmError
            DataInvalid: a stored month can't be read.
        """
        labels = frame["timestamp"].dt.strftime("%Y-%m")
        contradicted: list[Revision] = []
        months = sum(
            self._merge(key, str(month), part, source, contradicted)
            for month, part in _groups(frame, labels)
        )
        return Written(months, tuple(contradicted))

    def _merge(
        self,
        key: Series,
        month: str,
        part: pd.DataFrame,
        source: str,
        contradicted: list[Revision],
    ) -> bool:
        path = key.layout.month(month)
        for _ in range(_ATTEMPTS):
            present = self.store.get_tagged(path)
            if present is None:
                merged, etag, differ = part.reset_index(drop=True), None, []
            else:
                before = _frame(_joined([_decoded(present.content, key, path)], key))
                both = pd.concat([before, part], ignore_index=True)
                differ = list[Revision]()
                merged = key.cleaned(both, f"{source} against what is stored", differ)
                etag = present.etag
                if merged.equals(before):
                    contradicted += differ
                    return False
            if self.store.replace(path, encode(merged), etag):
                contradicted += differ
                return True
        text = f"{path} changed {_ATTEMPTS} times while it was written: try again"
        raise ClmError(Reason.STORAGE_UNAVAILABLE, text)

    def _month(self, key: Series, month: str) -> Chunks | None:
        path = key.layout.month(month)
        content = self.store.view(path)
        return None if content is None else _decoded(content, key, path)


def _decoded(content: bytes | Bytes, key: Series, path: str) -> Chunks:
    """Return each column's chunks; nothing is copied where they can be shown as they are.

    One thread decodes a month: several months are decoded at once.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(content), pre_buffer=False)
        table = file.read(columns=list(key.columns), use_threads=False)
        for name in key.columns[1:]:
            _require(table.schema.field(name), text=name in key.texts)
        times = [_times(chunk) for chunk in table.column("timestamp").chunks]
        _require_month(times, path)
        others: Chunks = {}
        for name in key.columns[1:]:
            read = _texts if name in key.texts else _numbers
            others[name] = [read(chunk) for chunk in table.column(name).chunks]
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise _torn(path, str(error)) from error
    return {"timestamp": times} | others


def _require(field: pa.Field, *, text: bool) -> None:
    """Refuse a column of another type than is ever written."""
    kind = field.type
    number = pa.types.is_floating(kind) or pa.types.is_integer(kind)
    if not (number or (text and (pa.types.is_string(kind) or pa.types.is_large_string(kind)))):
        raise ValueError(f"{field.name} holds {kind}")


def _require_month(times: list[NDArray[Any]], path: str) -> None:
    """Refuse rows of other months than the object's name says."""
    month = np.datetime64(month_of(path), "M")
    first, stop = (m.astype("datetime64[us]") for m in (month, month + 1))
    for some in times:
        if len(some) and not (first <= some.min() and some.max() < stop):
            raise ValueError(f"it holds times outside {month}")


def _times(chunk: pa.Array) -> NDArray[Any]:
    if chunk.null_count:
        raise ValueError("it has rows without a time")
    ticks = chunk.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    found: NDArray[Any] = ticks.to_numpy().view("datetime64[us]")
    return found


def _numbers(chunk: pa.Array) -> NDArray[Any]:
    found: NDArray[Any] = chunk.to_numpy(zero_copy_only=False)
    return found


def _texts(chunk: pa.Array) -> NDArray[Any]:
    """Return texts; numbers, as they were stored once, are written without a fraction."""
    if pa.types.is_floating(chunk.type):
        chunk = chunk.cast(pa.int64())
    texts: NDArray[Any] = chunk.cast(pa.string()).to_numpy(zero_copy_only=False)
    return texts


def _joined(found: list[Chunks], key: Series) -> dict[str, NDArray[Any]]:
    empty: Chunks = {"timestamp": [np.empty(0, "datetime64[us]")]}
    empty |= {n: [np.empty(0, "O" if n in key.texts else "f8")] for n in key.columns[1:]}

    def column(name: str) -> NDArray[Any]:
        return np.concatenate([chunk for part in (found or [empty]) for chunk in part[name]])

    with ThreadPoolExecutor(len(key.columns)) as copiers:
        return dict(zip(key.columns, copiers.map(column, key.columns), strict=True))


def _torn(path: str, why: str) -> ClmError:
    return invalid(
        f"{path} in the store can't be read ({' '.join(why.split())[:120]}): remove that object; "
        "what it held is fetched or imported again"
    )


def _plain(time: pd.Timestamp) -> np.datetime64:
    return time.tz_convert("UTC").tz_localize(None).to_datetime64()


def _frame(columns: dict[str, NDArray[Any]]) -> pd.DataFrame:
    times = pd.DatetimeIndex(columns["timestamp"]).tz_localize("UTC")
    texts = {name: "str" for name, values in columns.items() if values.dtype == object}
    return pd.DataFrame({**columns, "timestamp": times}).astype(texts)


def _groups(frame: pd.DataFrame, labels: "pd.Series[str]") -> Iterable[tuple[object, pd.DataFrame]]:
    return frame.groupby(labels, sort=True)
