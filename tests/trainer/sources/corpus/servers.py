"""An exchange that misbehaves, in every way that was thought of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pandas as pd

from clm_api.reasons import Reason
from tests.support.fake_exchange import Fault
from tests.support.fake_exchange.faults import (
    ALWAYS,
    again,
    answer,
    at,
    reverse,
    rows,
    shifted,
    without,
)
from tests.trainer.pipeline.sheets import NOW
from tests.trainer.sources.corpus.rows import GOES_ON, Outcome
from tests.trainer.sources.worlds import HOUR, STOP, milliseconds

BAR = milliseconds(STOP - 100 * HOUR)
NEWEST = milliseconds(STOP - HOUR)


@dataclass(frozen=True)
class ServerCase:
    """Faults, and what a run ends in that meets them with an empty cache.

    Parameters
    ----------
    data, world
        Overrides of the run's data and of the exchange.
    missing
        Bars that a run that goes on lacks.
    """

    name: str
    faults: Callable[[], tuple[Fault, ...]]
    outcome: Outcome
    said: str
    data: dict[str, Any] = field(default_factory=dict)
    world: dict[str, Any] = field(default_factory=dict)
    missing: int = 0


def klines(*changes: Callable[..., Any]) -> Callable[[], tuple[Fault, ...]]:
    """Change the bars of every answer."""
    return lambda: tuple(rows(change) for change in changes)


def value(column: int, text: object) -> Callable[[], tuple[Fault, ...]]:
    """Put a value into one bar."""
    return klines(at(BAR, column, text))


def status(code: int, times: int = ALWAYS, **more: Any) -> Callable[[], tuple[Fault, ...]]:
    """Answer klines with a status."""
    return lambda: (answer("klines", code, times, **more),)


def one(**fault: Any) -> Callable[[], tuple[Fault, ...]]:
    """Hit klines with a fault."""
    return lambda: (Fault("klines", fault.pop("times", ALWAYS), **fault),)


BAD, AWAY = Reason.DATA_INVALID, Reason.DATA_UNAVAILABLE
BANNED, DENIED = Reason.EXCHANGE_BANNED, Reason.EXCHANGE_DENIED
SERVERS = [
    ServerCase("nothing is wrong", tuple, GOES_ON, ""),
    ServerCase("429 once, with Retry-After", status(429, 1, headers={"Retry-After": "1"}), GOES_ON,
               "waits as long as it is told, asks again"),
    ServerCase("429 again and again", status(429, headers={"Retry-After": "1"}), BANNED,
               "it has banned this address until"),
    ServerCase("429 with an hour to wait", status(429, headers={"Retry-After": "3600"}), BANNED,
               "no run asks it before"),
    ServerCase("418", status(418, headers={"Retry-After": "120"}), BANNED,
               "it has banned this address until"),
    ServerCase("403 of the firewall", status(403), BANNED, "its firewall blocks this address"),
    ServerCase("403 for the country", status(403, body="<html>The distribution is configured to "
               "block access from your country.</html>"), DENIED, "it refuses this region"),
    ServerCase("451", status(451), DENIED, "it refuses this region: use another exchange"),
    ServerCase("401", status(401), DENIED, "it refuses the key"),
    ServerCase("500 again and again", status(500), AWAY, "it is out of order: try later"),
    ServerCase("502 with a web page", status(502), AWAY, "it is out of order: try later"),
    ServerCase("503 once", status(503, 1), GOES_ON, "asks again"),
    ServerCase("no answer again and again", one(hang_up=True), AWAY, "it does not answer"),
    ServerCase("no answer once", one(hang_up=True, times=1), GOES_ON, "asks again"),
    ServerCase("JSON that is cut off again and again", one(cut_to=0.6), AWAY,
               "it does not answer as its API does"),
    ServerCase("JSON that is cut off once", one(cut_to=0.6, times=1), GOES_ON, "asks again"),
    ServerCase("a web page instead of JSON", one(status=200, body="<html>log in</html>"), AWAY,
               "is there a proxy or a login page before it?"),
    ServerCase("JSON of another kind", one(status=200, body='{"hello": "world"}'), AWAY,
               "no bars of binance spot BTC/USDT"),
    ServerCase("rows that are too short", klines(lambda page: [row[:3] for row in page]), BAD,
               "is wrong"),
    ServerCase("no bars at all", klines(lambda _: []), AWAY, "no bars of binance spot BTC/USDT"),
    ServerCase("a symbol that is not there", tuple, Reason.SYMBOL_UNKNOWN, "near: BTC/USDT",
               data={"symbols": ["BTX/USDT"]}),
    ServerCase("a symbol that is not traded any more", tuple, Reason.SYMBOL_UNKNOWN,
               "is not traded on binance any more", world={"status": "BREAK"}),
    ServerCase("bars that end a week ago",
               klines(without(milliseconds(STOP - 168 * HOUR), NEWEST)), AWAY,
               "is it still traded?"),
    ServerCase("a timeframe that the exchange has not", lambda: (), AWAY,
               "Invalid interval", data={"timeframe": "5m"}),
    ServerCase("a price that is NaN", value(2, "NaN"), BAD, "high of 2025-11-28 02:00"),
    ServerCase("a price that is null", value(2, None), BAD, "high of 2025-11-28 02:00"),
    ServerCase("a price that is a word", value(2, "many"), BAD, "high of 2025-11-28 02:00"),
    ServerCase("an infinite price", value(2, "1e999"), BAD, "number that no market has"),
    ServerCase("a negative price", value(3, "-5"), BAD, "low of 2025-11-28 02:00"),
    ServerCase("a price of 0", value(3, "0"), BAD, "low of 2025-11-28 02:00"),
    ServerCase("a high below the low", value(2, "1"), BAD, "high below open or close"),
    ServerCase("a low above the close", value(3, "999999"), BAD, "low above open or close"),
    ServerCase("a negative volume", value(5, "-1"), BAD, "volume of 2025-11-28 02:00"),
    ServerCase("a hole of two bars", klines(without(BAR, BAR + 3_600_000)), GOES_ON, "masked",
               missing=2),
    ServerCase("a hole of a day", klines(without(BAR, BAR + 23 * 3_600_000)), Reason.DATA_GAP,
               "24 bar(s) from 2025-11-28 02:00"),
    ServerCase("a bar twice", klines(again(BAR)), GOES_ON, "one is dropped"),
    ServerCase("two different bars of one time", klines(again(BAR, close="90999.5")), GOES_ON,
               "the first one stands, and the run says what differs"),
    ServerCase("bars out of order", klines(reverse), GOES_ON, "sorted"),
    ServerCase("times that are half an hour off", klines(shifted(1_800_000)), BAD,
               "is not on the 1h grid"),
    ServerCase("microseconds instead of milliseconds", klines(shifted(0, times=1000)), BAD,
               "no time in milliseconds"),
    ServerCase("seconds instead of milliseconds",
               klines(lambda page: [[r[0] // 1000, *r[1:]] for r in page]), AWAY, "no bars of"),
    ServerCase("bars of the future", klines(shifted(48 * 3_600_000)), BAD, "is of the future"),
    ServerCase("a bar that has not closed yet", tuple, GOES_ON, "dropped by its time",
               world={"now": NOW - timedelta(minutes=90)}, missing=2),
    ServerCase("pages shorter than asked for", tuple, GOES_ON, "asks for the rest",
               world={"most_rows": 100}),
    ServerCase("a clock that is a day behind", tuple, AWAY, "is it still traded?",
               world={"now": NOW - timedelta(days=1)}),
    ServerCase("a clock that is a day ahead", tuple, GOES_ON, "the run's own end counts",
               world={"now": NOW + timedelta(days=1)}),
    ServerCase("a clock that tells no time",
               lambda: (Fault("time", ALWAYS, status=200, body='{"serverTime": "noon"}'),), AWAY,
               "it does not answer as its API does"),
]  # fmt: skip
assert pd.Timestamp(BAR, unit="ms", tz="UTC") == pd.Timestamp("2025-11-28 02:00", tz="UTC")
