"""What was fetched or imported, in the object store: one parquet file a month, for all runs."""

import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from clm_trainer.sources.bars import invalid
from clm_trainer.storage import Storage

_READERS = 8
_ATTEMPTS = 10


class Series(Protocol):
    """Rows with a time that are kept by the month: a symbol's bars, or its funding."""

    @property
    def columns(self) -> tuple[str, ...]:
        """``timestamp`` first; all others are floats."""

    def month(self, month: str) -> str:
        """Return the path of a month's file; ``month`` is ``YYYY-MM``."""

    def cleaned(self, frame: pd.DataFrame, source: str) -> pd.DataFrame:
        """Return the rows sorted and without repetitions, or say what can't be true."""


def months(start: pd.Timestamp, stop: pd.Timestamp) -> list[str]:
    """Return the months that [start, stop) touches as ``YYYY-MM``."""
    last = stop - pd.Timedelta(1, "ns")
    span = pd.period_range(start.tz_localize(None), last.tz_localize(None), freq="M")
    return [str(month) for month in span]


def encode(frame: pd.DataFrame) -> bytes:
    """Return rows as parquet: zstd, floats split by byte, times delta coded."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    floats = [name for name in frame.columns if name != "timestamp"]
    out = io.BytesIO()
    pq.write_table(
        table,
        out,
        compression="zstd",
        row_group_size=131072,
        use_dictionary=False,
        column_encoding={
            "timestamp": "DELTA_BINARY_PACKED",
            **dict.fromkeys(floats, "BYTE_STREAM_SPLIT"),
        },
    )
    return out.getvalue()


def decode(content: bytes) -> pd.DataFrame:
    """Return the rows of one month."""
    frame: pd.DataFrame = pq.read_table(io.BytesIO(content)).to_pandas()
    return frame


def empty(columns: tuple[str, ...]) -> pd.DataFrame:
    """Return no rows, with all columns."""
    times = pd.Series([], dtype="datetime64[us, UTC]")
    return pd.DataFrame({"timestamp": times} | {n: pd.Series([], dtype=float) for n in columns[1:]})


@dataclass(frozen=True)
class BarCache:
    """The stored bars, and what is stored like them."""

    store: Storage

    def read(self, key: Series, start: pd.Timestamp, stop: pd.Timestamp) -> pd.DataFrame:
        """Return the stored rows in [start, stop), sorted."""
        paths = [key.month(month) for month in months(start, stop)]
        with ThreadPoolExecutor(_READERS) as readers:
            found = [decode(c) for c in readers.map(self.store.get, paths) if c is not None]
        if not found:
            return empty(key.columns)
        frame = pd.concat(found, ignore_index=True)
        inside = (frame["timestamp"] >= start) & (frame["timestamp"] < stop)
        return frame[inside].reset_index(drop=True)

    def newest(self, key: Series, before: pd.Timestamp) -> pd.Timestamp | None:
        """Return the time of the newest stored row before a time."""
        for month in reversed(self.stored_months(key)):
            if pd.Timestamp(month, tz="UTC") >= before:
                continue
            content = self.store.get(key.month(month))
            rows = decode(content) if content else empty(key.columns)
            times = pd.DatetimeIndex(rows["timestamp"])
            earlier = times[times < before]
            if len(earlier):
                return earlier[-1]
        return None

    def stored_months(self, key: Series) -> list[str]:
        """Return the months that are stored, oldest first."""
        folder = key.month("0000-00").rsplit("/", 1)[0]
        return [path.rsplit("/", 1)[1].removesuffix(".parquet") for path in self.store.list(folder)]

    def write(self, key: Series, frame: pd.DataFrame, source: str) -> int:
        """Merge rows into the months they belong to; return how many months changed.

        Raises
        ------
        ClmError
            DataInvalid: a stored row differs from the new one.
        """
        labels = frame["timestamp"].dt.strftime("%Y-%m")
        return sum(
            self._merge(key, str(month), part, source) for month, part in _groups(frame, labels)
        )

    def _merge(self, key: Series, month: str, part: pd.DataFrame, source: str) -> bool:
        path = key.month(month)
        for _ in range(_ATTEMPTS):
            present = self.store.get_tagged(path)
            if present is None:
                merged, etag = part.reset_index(drop=True), None
            else:
                before = decode(present.content)
                both = pd.concat([before, part], ignore_index=True)
                merged = key.cleaned(both, f"{source} against what is stored")
                etag = present.etag
                if merged.equals(before):
                    return False
            if self.store.replace(path, encode(merged), etag):
                return True
        raise invalid(f"{path} changed {_ATTEMPTS} times while it was written: try again")


def _groups(frame: pd.DataFrame, labels: "pd.Series[str]") -> Iterable[tuple[object, pd.DataFrame]]:
    return frame.groupby(labels, sort=True)
