"""What a request weighs, and what happens to an address that sends too many of them."""

from dataclasses import dataclass, field

LIMITS = {"api": 6000, "fapi": 2400, "futures": 1000}
"""Weight a window, by the first part of the path."""
_WINDOW_MS = {"futures": 300_000}
"""Windows that are no minute."""
_CHARTS = ("klines", "markPriceKlines", "indexPriceKlines")
_KLINES = {"fapi": ((99, 1), (499, 2), (1000, 5)), "api": ((1000, 2),)}
_WEIGHTS = {
    "api": {"exchangeInfo": 20, "time": 1, "myTrades": 20},
    "fapi": {"exchangeInfo": 1, "time": 1, "fundingRate": 1, "userTrades": 5},
    "futures": {"openInterestHist": 1},
}
_BAN_AFTER = 3
"""Requests sent while over the limit that end in a ban."""
_BAN_MS = 120_000


def weight_of(api: str, endpoint: str, query: dict[str, str]) -> int:
    """Return what a request weighs."""
    if endpoint in _CHARTS:
        limit = int(query.get("limit", 500))
        return next((w for most, w in _KLINES[api] if limit <= most), 10)
    return _WEIGHTS[api].get(endpoint, 1)


@dataclass
class Refused:
    """An answer to who asked too often."""

    status: int
    retry_after_s: int
    message: str


@dataclass
class Meter:
    """Counts weights in whole windows of the exchange's clock, as the exchange does."""

    limits: dict[str, int] = field(default_factory=lambda: dict(LIMITS))
    used: dict[tuple[str, int], int] = field(default_factory=dict)
    banned_until_ms: int = 0
    offences: int = 0

    def charge(self, api: str, weight: int, now_ms: int) -> Refused | None:
        """Add a request's weight; say no if the limit or a ban is in the way."""
        if now_ms < self.banned_until_ms:
            return self._banned(now_ms)
        minute = (api, now_ms // _WINDOW_MS.get(api, 60_000))
        self.used[minute] = self.used.get(minute, 0) + weight
        limit = self.limits[api]
        if self.used[minute] <= limit:
            return None
        self.offences += 1
        if self.offences > _BAN_AFTER:
            self.banned_until_ms = now_ms + _BAN_MS
            return self._banned(now_ms)
        wait = 60 - now_ms // 1000 % 60
        text = f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE"
        return Refused(429, wait, f"{text}. Please use WebSocket Streams to avoid polling the API.")

    def used_weight(self, api: str, now_ms: int) -> int:
        """Return what was used in the present window."""
        return self.used.get((api, now_ms // _WINDOW_MS.get(api, 60_000)), 0)

    def _banned(self, now_ms: int) -> Refused:
        until = self.banned_until_ms
        text = f"Way too much request weight used; IP banned until {until}. Please use WebSocket"
        return Refused(418, -(-(until - now_ms) // 1000), f"{text} Streams to avoid bans.")
