"""A data folder as freqtrade writes it: its names, columns, formats and options of writing."""

from pathlib import Path

import numpy as np
import pandas as pd

OHLCV = ["date", "open", "high", "low", "close", "volume"]
SPECIAL = "/ .@$+:"
"""Characters of a pair that freqtrade writes as _ in the name of a file."""


def file_name(pair: str, timeframe: str, kind: str, extension: str) -> str:
    for letter in SPECIAL:
        pair = pair.replace(letter, "_")
    return f"{pair}-{timeframe}{f'-{kind}' if kind else ''}.{extension}"


def candles(
    hours: int, *, start: str = "2025-11-01", step: str = "1h", price: float = 100.0
) -> pd.DataFrame:
    close = price * np.exp(np.random.default_rng(4).normal(0, 0.005, hours).cumsum())
    opens = np.r_[price, close[:-1]]
    return pd.DataFrame(
        {
            "date": pd.date_range(start, periods=hours, freq=step, tz="UTC").as_unit("ms"),
            "open": opens,
            "high": np.maximum(opens, close) * 1.001,
            "low": np.minimum(opens, close) * 0.999,
            "close": close,
            "volume": 3.5,
        }
    )


def rates(*, start: str = "2025-11-01", events: int = 12) -> pd.DataFrame:
    """Funding as freqtrade has stored it since 2026.9."""
    dates = pd.date_range(start, periods=events, freq="8h", tz="UTC").as_unit("ms")
    return pd.DataFrame({"date": dates, "funding_rate": np.arange(events) * 1e-5 - 3e-5})


def as_candles(funding: pd.DataFrame) -> pd.DataFrame:
    """The same as it was stored before: the rate as the open of a candle."""
    rest = dict.fromkeys(["high", "low", "close", "volume"], 0.0)
    return funding.rename(columns={"funding_rate": "open"}).assign(**rest)[OHLCV]


def store(
    folder: Path, pair: str, timeframe: str, frame: pd.DataFrame, kind: str, extension: str
) -> Path:
    """Write one file where and as freqtrade does."""
    place = folder / "futures" if kind else folder
    place.mkdir(parents=True, exist_ok=True)
    path = place / file_name(pair, timeframe, kind, extension)
    if extension == "feather":
        frame.to_feather(path, compression_level=9, compression="lz4")
    elif extension == "parquet":
        frame.to_parquet(path)
    else:
        plain = frame.assign(date=frame["date"].dt.as_unit("ms").astype("int64"))
        compression = "gzip" if extension == "json.gz" else None
        plain.to_json(path, orient="values", compression=compression)  # type: ignore[call-overload]
    return path
