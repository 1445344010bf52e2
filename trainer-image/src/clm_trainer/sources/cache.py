"""Bars in the object store: one parquet file a month, shared by all runs."""

import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from clm_api.layout import bars_month
from clm_trainer.sources.bars import COLUMNS, BarKey, cleaned, invalid
from clm_trainer.storage import Storage

_READERS = 8
_ATTEMPTS = 10
_FLOATS = [name for name in COLUMNS if name != "timestamp"]


def _path(key: BarKey, month: str) -> str:
    return bars_month(key.exchange, key.market, key.symbol, key.timeframe, month)


def months(start: pd.Timestamp, stop: pd.Timestamp) -> list[str]:
    """Return the months that [start, stop) touches as ``YYYY-MM``."""
    last = stop - pd.Timedelta(1, "ns")
    span = pd.period_range(start.tz_localize(None), last.tz_localize(None), freq="M")
    return [str(month) for month in span]


def encode(frame: pd.DataFrame) -> bytes:
    """Return bars as parquet: zstd, floats split by byte, times delta coded."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    out = io.BytesIO()
    pq.write_table(
        table,
        out,
        compression="zstd",
        row_group_size=131072,
        use_dictionary=False,
        column_encoding={
            "timestamp": "DELTA_BINARY_PACKED",
            **dict.fromkeys(_FLOATS, "BYTE_STREAM_SPLIT"),
        },
    )
    return out.getvalue()


def decode(content: bytes) -> pd.DataFrame:
    """Return the bars of one month."""
    frame: pd.DataFrame = pq.read_table(io.BytesIO(content)).to_pandas()
    return frame


def empty() -> pd.DataFrame:
    """Return no bars, with all columns."""
    times = pd.Series([], dtype="datetime64[us, UTC]")
    return pd.DataFrame({"timestamp": times} | {n: pd.Series([], dtype=float) for n in _FLOATS})


@dataclass(frozen=True)
class BarCache:
    """The stored bars."""

    store: Storage

    def read(self, key: BarKey, start: pd.Timestamp, stop: pd.Timestamp) -> pd.DataFrame:
        """Return the stored bars in [start, stop), sorted."""
        paths = [_path(key, month) for month in months(start, stop)]
        with ThreadPoolExecutor(_READERS) as readers:
            found = [decode(c) for c in readers.map(self.store.get, paths) if c is not None]
        if not found:
            return empty()
        frame = pd.concat(found, ignore_index=True)
        inside = (frame["timestamp"] >= start) & (frame["timestamp"] < stop)
        return frame[inside].reset_index(drop=True)

    def newest(self, key: BarKey, before: pd.Timestamp) -> pd.Timestamp | None:
        """Return the open time of the newest stored bar before a time."""
        for month in reversed(self.stored_months(key)):
            if pd.Timestamp(month, tz="UTC") >= before:
                continue
            content = self.store.get(_path(key, month))
            times = pd.DatetimeIndex((decode(content) if content else empty())["timestamp"])
            earlier = times[times < before]
            if len(earlier):
                return earlier[-1]
        return None

    def stored_months(self, key: BarKey) -> list[str]:
        """Return the months that are stored, oldest first."""
        folder = _path(key, "0000-00").rsplit("/", 1)[0]
        return [path.rsplit("/", 1)[1].removesuffix(".parquet") for path in self.store.list(folder)]

    def write(self, key: BarKey, frame: pd.DataFrame, source: str) -> int:
        """Merge bars into the months they belong to; return how many months changed.

        Raises
        ------
        ClmError
            DataInvalid: a stored bar differs from the new one.
        """
        labels = frame["timestamp"].dt.strftime("%Y-%m")
        return sum(
            self._merge(key, str(month), part, source) for month, part in _groups(frame, labels)
        )

    def _merge(self, key: BarKey, month: str, part: pd.DataFrame, source: str) -> bool:
        path = _path(key, month)
        for _ in range(_ATTEMPTS):
            present = self.store.get_tagged(path)
            if present is None:
                merged, etag = part, None
            else:
                before = decode(present.content)
                merged = cleaned(pd.concat([before, part]), key, f"{source} against stored bars")
                etag = present.etag
                if len(merged) == len(before):
                    return False
            if self.store.replace(path, encode(merged.reset_index(drop=True)), etag):
                return True
        raise invalid(f"{path} changed {_ATTEMPTS} times while it was written: try again")


def _groups(frame: pd.DataFrame, labels: "pd.Series[str]") -> Iterable[tuple[object, pd.DataFrame]]:
    return frame.groupby(labels, sort=True)
