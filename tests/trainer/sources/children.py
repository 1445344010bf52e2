"""What the tests run in processes of their own; little is imported, so that they start at once."""

import numpy as np
import pandas as pd

from clm_api.run import RunData
from clm_trainer.sources import lease
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage

KEY = BarKey("binance", "spot", "BTC/USDT", "1h")
DAY = pd.Timestamp("2025-11-03", tz="UTC")


def made_up_bars(first: int, count: int) -> pd.DataFrame:
    """Bars of hours after DAY."""
    numbers = np.arange(first, first + count)
    prices = dict.fromkeys(("open", "high", "low", "close"), 100.0 + numbers)
    times = DAY + pd.to_timedelta(numbers, "h")
    return pd.DataFrame({"timestamp": times.as_unit("us"), **prices, "volume": 1.0})


def write_every_second_bar(url: str, first: int, count: int) -> None:
    cache = BarCache(Storage(url))
    for i in range(count):
        cache.write(KEY, made_up_bars(first + 2 * i, 1), "test")


def fetch_with_a_short_lease(url: str, data: str) -> None:
    lease.LEASE_S = 0.3
    fetch(RunData.model_validate_json(data), Storage(url))
