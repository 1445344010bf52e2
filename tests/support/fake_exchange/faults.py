"""What the fake exchange does wrong when it is told to."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Row = list[Any]
Change = Callable[[list[Row]], list[Row]]
ALWAYS = 1_000_000

REGION = (
    "Service unavailable from a restricted location according to 'b. Eligibility' in "
    "https://www.binance.com/en/terms."
)
_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"


@dataclass
class Fault:
    """Something wrong with the answers of one endpoint.

    Parameters
    ----------
    endpoint
        The last part of the path: klines, markPriceKlines, indexPriceKlines, openInterestHist,
        exchangeInfo, time, fundingRate, myTrades, userTrades.
    times, after
        How many requests it hits, and how many it lets pass before.
    status, body, headers
        An answer instead of the right one.
    change
        What it makes of the right rows.
    cut_to
        Share of the right body that is sent.
    delay_s
        How late the answer is.
    hang_up
        The connection ends without an answer.
    """

    endpoint: str
    times: int = 1
    after: int = 0
    status: int | None = None
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    change: Change | None = None
    cut_to: float = 1.0
    delay_s: float = 0.0
    hang_up: bool = False

    def strikes(self, endpoint: str) -> bool:
        """Whether it hits this request; counts it."""
        if endpoint != self.endpoint or self.times <= 0:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True


def refusal(code: int, message: str) -> str:
    """Return the body of an error in Binance's shape."""
    return json.dumps({"code": code, "msg": message})


def answer(endpoint: str, status: int, times: int = ALWAYS, **more: Any) -> Fault:
    """Answer with a status and the body that Binance sends with it."""
    bodies = {
        400: refusal(-1121, "Invalid symbol."),
        401: refusal(-2015, "Invalid API-key, IP, or permissions for action."),
        403: _PAGE.format("403 Forbidden"),
        418: refusal(-1003, "Way too much request weight used; IP banned for a while."),
        429: refusal(-1003, "Too many requests; current limit is 6000 requests per minute."),
        451: refusal(0, REGION),
    }
    body = more.pop("body", bodies.get(status, _PAGE.format(status)))
    return Fault(endpoint, times, status=status, body=body, **more)


def rows(change: Change, times: int = ALWAYS, after: int = 0, endpoint: str = "klines") -> Fault:
    """Change the rows of klines."""
    return Fault(endpoint, times, after, change=change)


def at(time_ms: int, column: int, value: object) -> Change:
    """Put a value into the bar of a time; 0 is the time, 1 to 4 the prices, 5 the volume."""

    def change(page: list[Row]) -> list[Row]:
        return [
            [*row[:column], value, *row[column + 1 :]] if row[0] == time_ms else row for row in page
        ]

    return change


def without(first_ms: int, last_ms: int) -> Change:
    """Leave out the bars of [first, last]."""
    return lambda page: [row for row in page if not first_ms <= row[0] <= last_ms]


def again(time_ms: int, **changed: object) -> Change:
    """Send the bar of a time twice, the second time perhaps with another ``close``."""

    def change(page: list[Row]) -> list[Row]:
        both: list[Row] = []
        for row in page:
            both.append(row)
            if row[0] == time_ms:
                both.append([*row[:4], changed.get("close", row[4]), *row[5:]])
        return both

    return change


def shifted(milliseconds: int, *, times: int = 1) -> Change:
    """Move the times of all bars, or multiply them as another unit would."""
    return lambda page: [[row[0] * times + milliseconds, *row[1:]] for row in page]


def reverse(page: list[Row]) -> list[Row]:
    """Send the newest bar first."""
    return page[::-1]
