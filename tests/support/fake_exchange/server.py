"""The fake exchange's server: HTTP/1.1 on a free port, any number of clients and processes."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from tests.support.fake_exchange.faults import Fault, refusal
from tests.support.fake_exchange.limits import Meter, weight_of
from tests.support.fake_exchange.listings import INDEX, MARK, Listing, interval_ms
from tests.support.fake_exchange.trading import (
    QUOTES,
    TRADING,
    Account,
    TradingError,
    balances,
    find,
    place,
    quote,
    rules_of,
)
from tests.support.serving import serving

API_KEY, SECRET = "canary-key-7f3a9c", "canary-secret-51d0e8"
_SIGNED = ("myTrades", "userTrades", *TRADING)
_PRICES = {"klines": 1.0, "markPriceKlines": MARK, "indexPriceKlines": INDEX}
_INTEREST_KEPT_MS, _MOST_INTEREST = 30 * 86_400_000, 500


@dataclass(frozen=True)
class Asked:
    """A request that arrived."""

    api: str
    endpoint: str
    query: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class FakeExchange:
    """State of the exchange; ``serve`` opens it to clients.

    Parameters
    ----------
    now
        The exchange's time when it is made; it goes on from there.
    most_rows
        Rows of one answer at most.
    """

    listings: list[Listing]
    now: datetime
    faults: list[Fault] = field(default_factory=list)
    meter: Meter = field(default_factory=Meter)
    asked: list[Asked] = field(default_factory=list)
    most_rows: int = 1000
    account: Account = field(default_factory=Account)
    url: str = ""

    def __post_init__(self) -> None:
        self._began, self._lock = time.monotonic(), threading.Lock()

    def now_ms(self) -> int:
        """Return the exchange's clock."""
        return int(self.now.timestamp() * 1000 + (time.monotonic() - self._began) * 1000)

    def of(self, *endpoints: str) -> list[Asked]:
        """Return the requests to some endpoints."""
        return [one for one in self.asked if one.endpoint in endpoints]

    @contextmanager
    def serve(self, host: str = "127.0.0.1") -> Iterator["FakeExchange"]:
        """Answer requests at an address of this machine until the end of the block."""
        server = _Server((host, 0), _handler(self))
        with serving(server) as self.url:
            yield self

    def answer(self, target: str, headers: dict[str, str], *, posted: str = "") -> Answer | None:
        """Answer one request; None hangs up. ``posted`` is the body of a POST."""
        parts = urlsplit(f"{target}?{posted}" if posted else target)
        api, endpoint = parts.path.split("/")[1], parts.path.rsplit("/", 1)[1]
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self._lock:
            self.asked.append(Asked(api, endpoint, query))
            now = self.now_ms()
            weight = weight_of(api, endpoint, query)
            refused = self.meter.charge(api, weight, now)
            used = {"X-MBX-USED-WEIGHT-1M": str(self.meter.used_weight(api, now))}
            fault = next((f for f in self.faults if f.strikes(endpoint)), None)
        if refused is not None:
            body = refusal(-1003, refused.message).encode()
            wait = {"Retry-After": str(refused.retry_after_s)}
            return Answer(refused.status, body, used | wait)
        if fault is None:
            return self._right(api, endpoint, query, parts.query, headers, used)
        time.sleep(fault.delay_s)
        if fault.hang_up:
            return None
        if fault.status is not None:
            return Answer(fault.status, fault.body.encode(), used | fault.headers)
        right = self._right(api, endpoint, query, parts.query, headers, used)
        if fault.change is not None and right.status == 200:
            changed = fault.change(json.loads(right.body))
            right = Answer(200, json.dumps(changed).encode(), used)
        return Answer(right.status, right.body[: int(len(right.body) * fault.cut_to)], used)

    def _right(
        self, api: str, endpoint: str, query: dict[str, str], raw: str,
        headers: dict[str, str], used: dict[str, str],
    ) -> Answer:  # fmt: skip
        if endpoint in _SIGNED and (wrong := self._unsigned(raw, query, headers)):
            return Answer(wrong[0], refusal(wrong[1], wrong[2]).encode(), used)
        market = "spot" if api == "api" else "usdm"
        known = {one.id: one for one in self.listings if one.market == market}
        if endpoint == "time":
            return _json({"serverTime": self.now_ms()}, used)
        if endpoint == "exchangeInfo":
            return _json({"symbols": [self._info(one) for one in known.values()]}, used)
        if endpoint == "account":
            return _json(balances(self.account), used)
        listing = known.get(query.get("pair" if endpoint == "indexPriceKlines" else "symbol", ""))
        if listing is None:
            return Answer(400, refusal(-1121, "Invalid symbol.").encode(), used)
        if endpoint in _PRICES and (endpoint == "klines" or market == "usdm"):
            return self._klines(listing, query, used, _PRICES[endpoint])
        if endpoint in QUOTES:
            return _json(quote(listing, endpoint, self.now_ms()), used)
        if endpoint == "order":
            return self._order(listing, query, used)
        if endpoint == "openInterestHist":
            return self._interest(listing, query, used)
        if endpoint == "fundingRate":
            return _json(self._funding(listing, query), used)
        if endpoint in {"myTrades", "userTrades"}:
            return _json(_fills(listing, query), used)
        return Answer(404, _page_not_found(), used)

    def _info(self, listing: Listing) -> dict[str, Any]:
        rules = {"filters": rules_of(listing.base), "orderTypes": ["LIMIT", "MARKET"]}
        return listing.info() | rules

    def _order(self, listing: Listing, query: dict[str, str], used: dict[str, str]) -> Answer:
        try:
            if "origClientOrderId" in query:
                return _json(find(self.account, query), used)
            with self._lock:
                return _json(place(self.account, listing, query, self.now_ms()), used)
        except TradingError as error:
            return Answer(400, refusal(*error.args).encode(), used)

    def _klines(
        self, listing: Listing, query: dict[str, str], used: dict[str, str], factor: float
    ) -> Answer:
        interval = query["interval"]
        if interval not in listing.bars:
            return Answer(400, refusal(-1120, "Invalid interval.").encode(), used)
        times = listing.times_ms[interval]
        end = min(int(query.get("endTime", 1 << 62)), self.now_ms())
        first = int(np.searchsorted(times, int(query.get("startTime", 0))))
        last = int(np.searchsorted(times, end, side="right"))
        count = min(int(query.get("limit", 500)), self.most_rows)
        page = interval, first, min(first + count, last)
        return _json(listing.rows(*page) if factor == 1 else listing.priced(*page, factor), used)

    def _interest(self, listing: Listing, query: dict[str, str], used: dict[str, str]) -> Answer:
        """Send the newest rows where an answer cannot hold all; rows of a month are kept."""
        start, end = int(query.get("startTime", 0)), int(query.get("endTime", self.now_ms()))
        if start < self.now_ms() - _INTEREST_KEPT_MS:
            return Answer(400, refusal(-1130, "parameter 'startTime' is invalid.").encode(), used)
        frame, step = listing.interest, interval_ms(query["period"])
        if frame is None:
            return _json([], used)
        times = frame["timestamp"].dt.as_unit("ms").astype("int64").to_numpy()
        inside = (times >= start) & (times <= min(end, self.now_ms())) & (times % step == 0)
        chosen = np.flatnonzero(inside)[-min(int(query.get("limit", 30)), _MOST_INTEREST) :]
        rows = [
            {
                "symbol": listing.id, "sumOpenInterest": f"{frame['open_interest'].iloc[i]:.8f}",
                "sumOpenInterestValue": "1.0", "timestamp": int(times[i]),
            }
            for i in chosen
        ]  # fmt: skip
        return _json(rows, used)

    def _funding(self, listing: Listing, query: dict[str, str]) -> list[dict[str, Any]]:
        if listing.funding is None:
            return []
        frame = listing.funding
        times = frame["timestamp"].dt.as_unit("ms").astype("int64").to_numpy()
        start, end = int(query.get("startTime", 0)), int(query.get("endTime", 1 << 62))
        chosen = np.flatnonzero((times >= start) & (times <= min(end, self.now_ms())))
        rows = []
        for i in chosen[: int(query.get("limit", 100))]:
            mark = frame["mark_price"].iloc[i]
            rows.append(
                {
                    "symbol": listing.id,
                    "fundingTime": int(times[i]),
                    "fundingRate": f"{frame['funding_rate'].iloc[i]:.8f}",
                    "markPrice": "" if np.isnan(mark) else f"{mark:.8f}",
                }
            )
        return rows

    def _unsigned(
        self, raw: str, query: dict[str, str], headers: dict[str, str]
    ) -> tuple[int, int, str] | None:
        if headers.get("x-mbx-apikey") != API_KEY:
            return 401, -2015, "Invalid API-key, IP, or permissions for action."
        signed, _, signature = raw.rpartition("&signature=")
        right = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
        if signature != right:
            return 400, -1022, "Signature for this request is not valid."
        late = abs(self.now_ms() - int(query["timestamp"])) > int(query.get("recvWindow", 5000))
        return (400, -1021, "Timestamp outside of the recvWindow.") if late else None


def _fills(listing: Listing, query: dict[str, str]) -> list[dict[str, Any]]:
    first, limit = int(query.get("fromId", 0)), int(query.get("limit", 500))
    chosen = [fill for fill in listing.fills if fill.id >= first][:limit]
    shared = [
        {
            "symbol": listing.id, "id": f.id, "orderId": f.id, "price": str(f.price),
            "qty": str(f.quantity), "quoteQty": str(f.price * f.quantity),
            "commission": "0.1", "commissionAsset": "USDT", "time": f.time_ms,
        }
        for f in chosen
    ]  # fmt: skip
    if listing.market == "spot":
        sides: list[dict[str, Any]] = [
            {"isBuyer": f.buyer, "isMaker": False, "isBestMatch": True} for f in chosen
        ]
    else:
        sides = [
            {"buyer": f.buyer, "maker": False, "side": "BUY" if f.buyer else "SELL"} for f in chosen
        ]
    return [one | side for one, side in zip(shared, sides, strict=True)]


def _json(value: object, headers: dict[str, str]) -> Answer:
    return Answer(200, json.dumps(value).encode(), headers)


def _page_not_found() -> bytes:
    return b"<html><body>404 Not found</body></html>"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64


def _handler(exchange: FakeExchange) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            heads = {k.lower(): v for k, v in self.headers.items()}
            found = exchange.answer(self.path, heads, posted=body)
            if found is None:
                self.close_connection = True
                return
            self.send_response(found.status)
            page = found.body.startswith(b"<")
            self.send_header("Content-Type", "text/html" if page else "application/json")
            self.send_header("Content-Length", str(len(found.body)))
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(found.body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
