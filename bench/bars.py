"""A million stored bars as arrays: the bar cache against one parquet file written by pandas."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from bench import markets
from bench.serve import Result, Task
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache, encode
from clm_trainer.storage import Storage

FOLDER = tempfile.TemporaryDirectory(prefix="clm-bench-bars-")
KEY = BarKey("binance", "spot", "SYN/USDT", "1m")


@cache
def frame() -> pd.DataFrame:
    """Return made-up minute bars, with prices and volumes of few digits as exchanges have them."""
    count, rng = markets.SINGLE_BARS, np.random.default_rng(1)
    close = np.round(30_000 * np.exp(np.cumsum(rng.normal(0, 0.0005, count))), 2)
    open_ = np.concatenate([[30_000.0], close[:-1]])
    wick = np.abs(rng.normal(0, 0.0002, (2, count)))
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2023-12-01", periods=count, freq="min", tz="UTC"),
            "open": open_,
            "high": np.round(np.maximum(open_, close) * (1 + wick[0]), 2),
            "low": np.round(np.minimum(open_, close) * (1 - wick[1]), 2),
            "close": close,
            "volume": np.round(rng.lognormal(1, 1, count), 5),
        }
    )


def from_the_cache() -> Task:
    bars = BarCache(Storage(FOLDER.name))
    label = frame()["timestamp"].dt.strftime("%Y-%m")
    for month, part in frame().groupby(label):
        content = encode(part.reset_index(drop=True))
        bars.store.put(KEY.layout.month(str(month)), content)
    start, stop = frame()["timestamp"].iloc[0], frame()["timestamp"].iloc[-1] + KEY.step

    def task() -> Result:
        found = bars.arrays(KEY, start, stop)
        return {name: _ticks(values) for name, values in found.items()}

    return task


def from_one_file() -> Task:
    path = Path(FOLDER.name) / "bars.parquet"
    frame().to_parquet(path)

    def task() -> Result:
        read = pd.read_parquet(path)
        times = pd.DatetimeIndex(read.pop("timestamp")).as_unit("us").asi8
        return {"timestamp": times} | {str(name): read[name].to_numpy() for name in read}

    return task


def _ticks(values: np.ndarray) -> np.ndarray:
    return values.view("int64") if values.dtype.kind == "M" else values
