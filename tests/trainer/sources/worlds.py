"""Markets and runs for the data tests: real bars under spot's name, synthetic funding."""

from typing import Any

import pandas as pd

from clm_api.run import RunData
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.ledger import Span
from tests.support.fake_exchange import Listing, real_bars
from tests.trainer.pipeline.perpetuals import synthetic_funding
from tests.trainer.pipeline.sheets import NOW, run_spec

STOP = pd.Timestamp(NOW)
HOUR = pd.Timedelta("1h")
BTC = BarKey("binance", "spot", "BTC/USDT", "1h")


def btc(**more: Any) -> Listing:
    return Listing("BTC", real_bars("BTC"), **more)


def eth(**more: Any) -> Listing:
    return Listing("ETH", real_bars("ETH"), **more)


def perpetual(base: str = "BTC", **more: Any) -> Listing:
    """Real spot bars stand in for a perpetual's; its funding is synthetic."""
    return Listing(base, real_bars(base), market="usdm", funding=synthetic_funding(3), **more)


def run_data(days: int = 270, **more: Any) -> RunData:
    """A run on live bars that ends at NOW."""
    symbols = {"symbols": ["BTC/USDT"], "lookbackDays": 270, "refresh": "Auto"}
    spec = run_spec(data={**symbols, **more}).data
    return spec.having(from_=spec.to - pd.Timedelta(days, "D"))


def last_days(days: int) -> Span:
    return Span(STOP - pd.Timedelta(days, "D"), STOP)


def milliseconds(time: pd.Timestamp) -> int:
    return int(time.timestamp() * 1000)
