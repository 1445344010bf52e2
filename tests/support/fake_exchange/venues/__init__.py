"""Small servers that follow ten exchanges' documented rules of paging, with synthetic data."""

from tests.support.fake_exchange.venues.newest_first import Bybit, Htx, Kucoin, Okx
from tests.support.fake_exchange.venues.oldest_first import Binance, Hyperliquid, KrakenFutures
from tests.support.fake_exchange.venues.windowed import Bitget, Coinbase, Gate, Kraken
from tests.support.fake_exchange.venues.world import (
    HOUR,
    Error,
    VenueServer,
    World,
    bar,
    now_ms,
    rate,
)  # fmt: skip

__all__ = [
    "HOUR", "Binance", "Bitget", "Bybit", "Coinbase", "Error", "Gate", "Htx", "Hyperliquid",
    "Kraken", "KrakenFutures", "Kucoin", "Okx", "VenueServer", "World", "bar", "now_ms", "rate",
]  # fmt: skip
