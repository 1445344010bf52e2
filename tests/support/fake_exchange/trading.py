"""What a bot needs of the fake exchange: the rules of amounts, quotes, an account, orders."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.support.fake_exchange.listings import Listing, interval_ms

SPREAD = 0.0002
"""Between bid and ask, of the price in the middle."""
FEE = 0.001
QUOTES = ("24hr", "bookTicker", "depth")
TRADING = ("account", "order")
STEPS = {"BTC": ("0.00001", "0.01"), "ETH": ("0.0001", "0.01")}
"""Binance's steps of amount and price, of what is really listed there."""
LEAST_NOTIONAL = 5.0


@dataclass(frozen=True)
class Order:
    """A market order; it is filled at once, or as far as there was something to fill it."""

    id: int
    client_id: str
    symbol: str
    side: str
    amount: float
    price: float
    time_ms: int
    share: float = 1.0


@dataclass
class Account:
    """Coins by name, the orders that were placed, and what share of the next ones is filled."""

    coins: dict[str, float] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)


class TradingError(Exception):
    """An order or a question that Binance refuses, with its code and words."""


def rules_of(base: str) -> list[dict[str, Any]]:
    """Return a spot symbol's filters in exchangeInfo."""
    amount, price = STEPS.get(base, ("0.001", "0.000001"))
    return [
        {"filterType": "PRICE_FILTER", "minPrice": price, "maxPrice": "1000000", "tickSize": price},
        {"filterType": "LOT_SIZE", "minQty": amount, "maxQty": "9000000", "stepSize": amount},
        {"filterType": "NOTIONAL", "minNotional": str(LEAST_NOTIONAL), "applyMinToMarket": True},
    ]


def price_of(listing: Listing, now_ms: int) -> float:
    """Return the open of the bar that is not closed yet: what is known of it."""
    interval = min(listing.bars, key=interval_ms)
    row = int(np.searchsorted(listing.times_ms[interval], now_ms, side="right")) - 1
    return float(listing.bars[interval]["open"].iloc[row])


def sides_of(listing: Listing, now_ms: int) -> tuple[float, float]:
    """Return bid and ask."""
    price = price_of(listing, now_ms)
    return round(price * (1 - SPREAD / 2), 6), round(price * (1 + SPREAD / 2), 6)


def quote(listing: Listing, endpoint: str, now_ms: int) -> dict[str, Any]:
    """Answer 24hr, bookTicker or depth."""
    bid, ask = sides_of(listing, now_ms)
    if endpoint == "depth":
        return {"lastUpdateId": 1, "bids": [[str(bid), "1000"]], "asks": [[str(ask), "1000"]]}
    sides = {"bidPrice": str(bid), "askPrice": str(ask), "bidQty": "1000", "askQty": "1000"}
    if endpoint == "bookTicker":
        return {"symbol": listing.id} | sides
    last = str(price_of(listing, now_ms))
    prices = dict.fromkeys(("lastPrice", "openPrice", "highPrice", "lowPrice"), last)
    day = {"openTime": now_ms - 86_400_000, "closeTime": now_ms, "quoteVolume": "100000"}
    return {"symbol": listing.id, "volume": "1000"} | prices | day | sides


def balances(account: Account) -> dict[str, Any]:
    """Answer account."""
    coins = [
        {"asset": name, "free": f"{amount:.8f}", "locked": "0"}
        for name, amount in account.coins.items()
    ]
    return {"accountType": "SPOT", "canTrade": True, "balances": coins}


def place(account: Account, listing: Listing, query: dict[str, str], now_ms: int) -> dict[str, Any]:
    """Fill a market order. Binance takes a client's id again once the first order is filled."""
    bid, ask = sides_of(listing, now_ms)
    buys, amount = query["side"] == "BUY", float(query["quantity"])
    step = float(STEPS.get(listing.base, ("0.001",))[0])
    if query["type"] != "MARKET":
        raise TradingError(-1116, "Invalid orderType.")
    if not math.isclose(amount / step, round(amount / step), abs_tol=1e-6):
        raise TradingError(-1013, "Filter failure: LOT_SIZE")
    price = ask if buys else bid
    if amount * price < LEAST_NOTIONAL:
        raise TradingError(-1013, "Filter failure: NOTIONAL")
    coins, base = account.coins, listing.base
    paid, got = ("USDT", base) if buys else (base, "USDT")
    out, into = (amount * price, amount) if buys else (amount, amount * price)
    if coins.get(paid, 0.0) < out - 1e-9:
        raise TradingError(-2010, "Account has insufficient balance for requested action.")
    share = account.shares.pop(0) if account.shares else 1.0
    coins[paid] = coins.get(paid, 0.0) - out * share
    coins[got] = coins.get(got, 0.0) + into * share * (1 - FEE)
    number, client_id = len(account.orders) + 1, query["newClientOrderId"]
    made = Order(number, client_id, listing.id, query["side"], amount, price, now_ms, share)
    account.orders.append(made)
    return shown(made)


def find(account: Account, query: dict[str, str]) -> dict[str, Any]:
    """Answer the question for an order by the client's id."""
    wanted = query.get("origClientOrderId")
    made = [one for one in account.orders if one.client_id == wanted]
    if not made:
        raise TradingError(-2013, "Order does not exist.")
    return shown(made[-1])


def shown(one: Order) -> dict[str, Any]:
    """Return an order that has ended in Binance's shape."""
    filled, status = one.amount * one.share, "FILLED" if one.share == 1 else "EXPIRED"
    amount, cost = f"{one.amount:.8f}", f"{filled * one.price:.8f}"
    times = dict.fromkeys(("transactTime", "time", "updateTime"), one.time_ms)
    return times | {
        "symbol": one.symbol, "orderId": one.id, "clientOrderId": one.client_id, "type": "MARKET",
        "side": one.side, "status": status, "timeInForce": "GTC", "price": "0", "fills": [],
        "origQty": amount, "executedQty": f"{filled:.8f}", "cummulativeQuoteQty": cost,
    }  # fmt: skip
