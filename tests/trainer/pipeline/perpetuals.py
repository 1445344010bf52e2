"""Perpetuals for the tests: real spot bars stand in for their bars, and the funding is synthetic.

There is no bundled funding history; what is made here is named so and is no result of anything.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clm_api.run import RunSpec
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.funding import FundingKey
from clm_trainer.sources.importer import import_file, import_funding
from clm_trainer.storage import Storage
from tests.trainer.pipeline.runs import SYMBOLS, small_run
from tests.trainer.pipeline.sheets import BARS, NOW

PERPETUALS = {f"{symbol}:USDT": name for symbol, name in SYMBOLS.items()}


def perpetual_run(**overrides: Any) -> RunSpec:
    """A small run on perpetuals, long and short."""
    groups = {"data": {"market": "usdm"}, "target": {"positions": "longFlatShort"}}
    names = groups.keys() | overrides.keys()
    return small_run(**{n: {**groups.get(n, {}), **overrides.get(n, {})} for n in names})


def import_perpetual_bars(store: Storage, folder: Path) -> None:
    for symbol, name in PERPETUALS.items():
        frame = pd.read_parquet(BARS / f"binance-spot-{name}-1h.parquet").iloc[-24 * 300 :]
        path = folder / f"stand-in-{name}.parquet"
        frame.to_parquet(path)
        key = BarKey("binance", "usdm", symbol, "1h")
        import_file(path, key, BarCache(store), now=pd.Timestamp(NOW))


def synthetic_funding(seed: int) -> pd.DataFrame:
    """Forty days up to NOW: every 8 h, later every 4 h at half past; some marks are missing.

    Times are off by milliseconds, as exchanges write them.
    """
    rng = np.random.default_rng(seed)
    change = pd.Timestamp(NOW) - pd.Timedelta("15D")
    early = pd.date_range(change - pd.Timedelta("25D"), change, freq="8h", inclusive="left")
    late = pd.date_range(change + pd.Timedelta("30min"), pd.Timestamp(NOW), freq="4h")
    times = early.append(late)
    marks = rng.uniform(900, 1100, len(times))
    return pd.DataFrame(
        {
            "timestamp": pd.DatetimeIndex(times)
            + pd.to_timedelta(rng.integers(-900, 900, len(times)), unit="ms"),
            "funding_rate": rng.normal(0.0002, 0.0004, len(times)),
            "mark_price": np.where(rng.random(len(times)) < 0.3, np.nan, marks),
        }
    )


def import_synthetic_funding(
    store: Storage, folder: Path, symbol: str, *, without: tuple[str, str] | None = None
) -> None:
    """Import made-up funding, with a pause if one is asked for."""
    frame = synthetic_funding(seed=len(PERPETUALS[symbol]) + ord(PERPETUALS[symbol][0]))
    if without is not None:
        first, last = (pd.Timestamp(t, tz="UTC") for t in without)
        frame = frame[~frame["timestamp"].between(first, last)]
    path = folder / f"synthetic-funding-{PERPETUALS[symbol]}.parquet"
    frame.to_parquet(path)
    key = FundingKey("binance", "usdm", symbol)
    import_funding(path, key, BarCache(store), now=pd.Timestamp(NOW))
