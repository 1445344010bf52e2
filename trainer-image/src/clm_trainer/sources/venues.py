"""What each exchange does otherwise than the others; nothing else asks for an exchange's name."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from clm_api.errors import SpecError
from clm_trainer.sources.allowance import BINANCE, Allowance

COMMON_PAGE = 500
"""Bars that are asked for where nobody says how many an answer holds."""


class Order(StrEnum):
    """Which end of a range an answer begins with when it can't hold all of it."""

    OLDEST = "oldest first"
    NEWEST = "newest first"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Bars:
    """How bars are asked for.

    Parameters
    ----------
    page
        Bars of an answer that are cheapest, at most as many as the exchange gives.
    order
        OLDEST: an answer holds all that there is from its start to its last bar.
    newest
        The exchange gives only so many bars back from now.
    limit
        Whether the number of bars is sent: some ignore the range where it is.
    until
        Whether the range's end is sent.
    """

    page: int
    order: Order = Order.UNKNOWN
    newest: int | None = None
    limit: bool = True
    until: bool = False


@dataclass(frozen=True)
class Funding:
    """How funding payments are asked for.

    Parameters
    ----------
    page
        Payments of an answer at most.
    until
        The parameter of a range's end, milliseconds.
    number
        The parameter of a page's number, newest page first, where no range can be asked for.
    """

    page: int = 100
    order: Order = Order.UNKNOWN
    until: str = "until"
    number: str | None = None


@dataclass(frozen=True)
class Venue:
    """One exchange.

    Parameters
    ----------
    bars
        By market; where it is missing, ccxt's description counts.
    allowance
        By market: what it allows an address, where its own count is known.
    numbered_trades
        Whether the account's fills have numbers that rise and are asked for by them; else they are
        asked for by time.
    proved
        Markets that are tested against a server with the exchange's documented rules.
    lacks
        What it has not, for people.
    """

    bars: Mapping[str, Bars] = field(default_factory=dict)
    funding: Funding = Funding()
    allowance: Mapping[str, Allowance] = field(default_factory=dict)
    numbered_trades: bool = False
    proved: tuple[str, ...] = ()
    lacks: str = ""


_BOTH = ("spot", "usdm")

VENUES: dict[str, Venue] = {
    "binance": Venue(
        # Perpetuals weigh 2 up to 499 bars, and 5 for 1000.
        {"spot": Bars(1000, Order.OLDEST), "usdm": Bars(499, Order.OLDEST)},
        Funding(1000, Order.OLDEST),
        BINANCE,
        numbered_trades=True,
        proved=_BOTH,
    ),
    "binanceus": Venue(
        {"spot": Bars(1000, Order.OLDEST)}, numbered_trades=True, lacks="perpetuals"
    ),
    "bitget": Venue(
        {"spot": Bars(200), "usdm": Bars(200)},
        Funding(100, number="pageNo"),
        proved=_BOTH,
    ),
    "bybit": Venue(
        {"spot": Bars(1000), "usdm": Bars(1000)},
        Funding(200, Order.NEWEST),
        proved=_BOTH,
    ),
    "coinbase": Venue(
        {"spot": Bars(300)},
        proved=("spot",),
        lacks="perpetuals, bars of four hours",
    ),
    "gate": Venue(
        # It counts 10000 bars back from now, and refuses a range that begins before that.
        {"spot": Bars(999, newest=9_990), "usdm": Bars(1999, newest=9_990)},
        Funding(1000, Order.NEWEST),
        proved=_BOTH,
        lacks="bars older than the newest 10000",
    ),
    "htx": Venue(
        {"spot": Bars(1000, until=True), "usdm": Bars(2000, limit=False, until=True)},
        Funding(100, Order.NEWEST, until="end_time"),
        proved=_BOTH,
    ),
    "hyperliquid": Venue(
        {
            "spot": Bars(5000, Order.OLDEST, newest=5000),
            "usdm": Bars(5000, Order.OLDEST, newest=5000),
        },
        Funding(500, Order.OLDEST),
        proved=_BOTH,
        lacks="bars older than the newest 5000",
    ),
    "kraken": Venue(
        {"spot": Bars(720, Order.OLDEST, newest=720)},
        proved=("spot",),
        lacks="bars older than the newest 720; its perpetuals are krakenfutures",
    ),
    "krakenfutures": Venue(
        {"usdm": Bars(2000)},
        # One answer holds all that was ever paid.
        Funding(1_000_000, Order.OLDEST),
        proved=("usdm",),
        lacks="spot",
    ),
    "kucoin": Venue(
        # 1500 and 200, both ends of the range included.
        {"spot": Bars(1499), "usdm": Bars(199)},
        Funding(100, Order.NEWEST),
        proved=_BOTH,
    ),
    "mexc": Venue(funding=Funding(100, number="page_num")),
    "okx": Venue(
        {"spot": Bars(300), "usdm": Bars(300)},
        Funding(100, Order.NEWEST, until="after"),
        proved=_BOTH,
        lacks="funding older than three months",
    ),
}
_SAME = {
    "binanceusdm": "binance", "bybiteu": "bybit", "bybitid": "bybit", "gateeu": "gate",
    "kucoinfutures": "kucoin", "myokx": "okx", "okxus": "okx",
}  # fmt: skip
"""Other ids of the same API."""

SUCCESSORS = {
    "bitbay": None, "bitcoincom": "fmfwio", "bitfinex1": "bitfinex", "bitfinex2": "bitfinex",
    "bitpanda": "onetrading", "bitpandapro": "onetrading", "bitstamp1": "bitstamp",
    "coinbaseadvanced": "coinbase", "coinbaseprime": "coinbaseexchange",
    "coinbasepro": "coinbaseexchange", "cryptofacilities": "krakenfutures",
    "gateio": "gate", "gdax": "coinbaseexchange", "hitbtc2": "hitbtc", "hitbtc3": "hitbtc",
    "huobi": "htx", "huobijp": "bittrade", "huobipro": "htx", "kucoin2": "kucoin",
    "lbank2": "lbank", "mexc3": "mexc", "okex": "okx", "okex3": "okx", "okex5": "okx",
    "poloniexfutures": "poloniex",
    **dict.fromkeys((
        "ace", "ascendex", "bitforex", "bitmart", "bitmex", "bittrex", "bkex", "bl3p", "btcalpha",
        "btctradeua", "coincatch", "coinex", "coinfalcon", "coinlist", "coinmetro", "currencycom",
        "defx", "exmo", "ftx", "ftxus", "idex", "kuna", "lykke", "novadax", "oceanex", "okcoin",
        "oxfun", "probit", "ripio", "therock", "tidex", "timex", "tradeogre", "vertex",
        "wavesexchange", "wazirx", "yobit", "zb", "zonda",
    )),
}  # fmt: skip
"""What ccxt called an exchange once, and calls it now; None: it is gone."""


def venue(name: str) -> Venue:
    """Return what is known of an exchange, by its ccxt id; nothing is known of most."""
    return VENUES.get(_SAME.get(name, name), Venue())


def require_known(name: str, known: list[str], version: str) -> None:
    """Refuse an exchange that ccxt does not know.

    Parameters
    ----------
    known
        ccxt's ids.

    Raises
    ------
    SpecError
        It has another name now, is gone, or never was; with the nearest names.
    """
    if name in known:
        return
    field_ = "spec.data.exchange"
    if name not in SUCCESSORS:
        near = ", ".join(difflib.get_close_matches(name, known, 3)) or "none"
        raise SpecError(field_, f'"{name}" is no ccxt exchange; near: {near}')
    now = SUCCESSORS[name]
    if now is None:
        raise SpecError(
            field_,
            f'"{name}" is gone from ccxt {version}: choose another exchange, or keep its stored '
            "bars in use with spec.data.refresh: Never",
        )
    raise SpecError(
        field_,
        f'ccxt {version} calls "{name}" "{now}": write exchange: {now} (bars are stored under the '
        "new name and fetched anew)",
    )
