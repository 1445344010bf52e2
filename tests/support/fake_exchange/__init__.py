"""A small server that speaks Binance's REST API: its shapes, weights, limits, errors and faults."""

from tests.support.fake_exchange.faults import Fault
from tests.support.fake_exchange.listings import Fill, Listing, noise, planted, real_bars
from tests.support.fake_exchange.server import FakeExchange

__all__ = ["FakeExchange", "Fault", "Fill", "Listing", "noise", "planted", "real_bars"]
