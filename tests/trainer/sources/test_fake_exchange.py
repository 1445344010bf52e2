"""The fake exchange counts, refuses and bans as Binance does: the other tests lean on that."""

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from tests.support.fake_exchange import FakeExchange, Listing, noise, planted, real_bars
from tests.support.fake_exchange.limits import Meter, weight_of

NOW = datetime(2025, 12, 2, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("api", "endpoint", "limit", "weight"),
    [
        ("api", "klines", "1000", 2), ("api", "exchangeInfo", "", 20), ("api", "myTrades", "", 20),
        ("fapi", "klines", "99", 1), ("fapi", "klines", "499", 2), ("fapi", "klines", "500", 5),
        ("fapi", "klines", "1500", 10), ("fapi", "fundingRate", "1000", 1),
    ],
)  # fmt: skip
def test_a_request_weighs_what_binance_says(
    api: str, endpoint: str, limit: str, weight: int
) -> None:
    assert weight_of(api, endpoint, {"limit": limit} if limit else {}) == weight


def test_who_goes_on_after_a_429_is_banned_until_the_ban_ends() -> None:
    meter, minute = Meter({"api": 10}), 60_000 * 1000
    assert [meter.charge("api", 2, minute) for _ in range(5)] == [None] * 5
    statuses = [meter.charge("api", 2, minute + 15_000) for _ in range(4)]
    assert [one.status for one in statuses if one] == [429, 429, 429, 418]
    assert statuses[0] is not None
    assert statuses[0].retry_after_s == 45
    banned = meter.charge("api", 2, minute + 60_000)
    assert banned is not None
    assert banned.status == 418, "a new minute ends no ban"
    assert meter.charge("api", 2, minute + 135_000) is None


def test_bars_come_as_binance_sends_them_and_the_open_one_with_them() -> None:
    real = Listing("BTC", real_bars("BTC"))
    with FakeExchange([real], NOW - timedelta(minutes=30)).serve() as exchange:
        since = int(NOW.timestamp() * 1000) - 3 * 3_600_000
        url = f"{exchange.url}/api/v3/klines?symbol=BTCUSDT&interval=1h&startTime={since}"
        with urllib.request.urlopen(url) as answer:
            rows = json.load(answer)
            assert answer.headers["X-MBX-USED-WEIGHT-1M"] == "2"
        assert [row[0] for row in rows] == [since + i * 3_600_000 for i in range(3)]
        frame = real.bars["1h"].set_index("timestamp")
        assert float(rows[0][4]) == frame.loc[pd.Timestamp(since, unit="ms", tz="UTC"), "close"]
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url.replace("BTC", "XYZ"))
        with refused.value as error:
            assert json.load(error) == {"code": -1121, "msg": "Invalid symbol."}


@pytest.mark.parametrize("make", [noise, planted])
def test_generated_bars_can_be_made_again_and_name_themselves_synthetic(make: object) -> None:
    assert callable(make)
    one, other = (make(7, interval="1h", start="2025-01-01", bars=500) for _ in range(2))
    pd.testing.assert_frame_equal(one["1h"], other["1h"])
    with pytest.raises(AssertionError, match="SYN"):
        Listing("BTC", one)
    assert Listing("SYNA", one).symbol == "SYNA/USDT"
