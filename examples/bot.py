"""A bot in one file: does with an account on Binance's testnet what production's signal says.

BINANCE_KEY=… BINANCE_SECRET=… python bot.py nats://localhost:4222 quant btc-eth

It needs ccxt and nats-py. What it did last stands in bot.json: it may be killed at any moment. To
trade with money, take the line with the sandbox away.
"""

import asyncio
import hashlib
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ccxt.async_support as ccxt
import nats
from nats.errors import Error as NatsError

STATE, STREAM, EVERY_S = Path("bot.json"), "CLM_EVENTS", float(os.environ.get("EVERY_S", "5"))
SILENCE, ROOM, DUST = timedelta(days=1), 0.995, 10.0  # without an end; for fees; an order in USDT
ATTEMPTS = 10


async def newest(server: str, subject: str) -> dict[str, Any]:
    """Return the newest signal: the last event of its subject."""
    async with await nats.connect(server, allow_reconnect=False, connect_timeout=5) as link:
        event = json.loads((await link.jetstream().get_last_msg(STREAM, subject)).data or b"")
    if event["type"] != "dev.clm.signal.v1":
        raise ValueError(f"{event['type']} is no signal that this bot knows")
    if wrong := [one for one in event["data"]["positions"] if not 0 <= one["position"] <= 1]:
        raise ValueError(f"{wrong} can't be held in spot")
    wish(event, datetime.now(UTC))  # that it can be read
    return dict(event)


def wish(event: dict[str, Any], now: datetime) -> tuple[dict[str, float], str]:
    """Return what to hold of each symbol now, and by which decision."""
    data = event["data"]
    held = {str(one["symbol"]): one["position"] for one in data["positions"]}
    until, decided = data.get("validUntil"), datetime.fromisoformat(data["decidedAt"])
    over = now >= (datetime.fromisoformat(until) if until else decided + SILENCE)
    flat = over or not data.get("version")
    return dict.fromkeys(held, 0.0) if flat else held, f"{event['id']}{'/over' if over else ''}"


async def order(exchange: Any, symbol: str, more: float, why: str) -> bool:
    """Place an order unless it was placed before; return whether it is filled."""
    for number in range(ATTEMPTS):  # one that was cut short is followed by one for what is left
        own = hashlib.sha256(f"{why} {symbol} {number}".encode()).hexdigest()[:32]
        try:
            found = await exchange.fetch_order(None, symbol, {"origClientOrderId": own})
        except ccxt.OrderNotFound:
            side, asked = "buy" if more > 0 else "sell", {"newClientOrderId": own}
            found = await exchange.create_order(symbol, "market", side, abs(more), None, asked)
            print(f"{side} {abs(more):g} {symbol}: {why}", flush=True)
            return bool(found["status"] == "closed")
        if found["status"] in ("open", "closed"):
            return bool(found["status"] == "closed")
    print(f"given up: {ATTEMPTS} orders of {symbol} were cut short: {why}", flush=True)
    return False


async def hold(exchange: Any, state: dict[str, Any], wanted: dict[str, float], why: str) -> None:
    """Trade what has changed, once, whatever a bot that was killed here has done of it."""
    done, sleeves = state["held"], max(len(wanted), 1)
    wanted = dict.fromkeys(done, 0.0) | wanted
    if all(done.get(symbol, 0.0) == wanted[symbol] for symbol in wanted):
        return
    await exchange.load_markets()
    coins = (await exchange.fetch_balance())["total"]
    price = {symbol: (await exchange.fetch_ticker(symbol))["last"] for symbol in wanted}
    have = {symbol: coins.get(symbol.split("/")[0], 0.0) for symbol in wanted}
    equity = coins.get("USDT", 0.0) + sum(have[symbol] * price[symbol] for symbol in wanted)
    for symbol in sorted(wanted, key=lambda one: wanted[one] - done.get(one, 0.0)):  # sales first
        more = ROOM * wanted[symbol] * equity / sleeves / price[symbol] - have[symbol]
        small = done.get(symbol, 0.0) == wanted[symbol] or abs(more) * price[symbol] < DUST
        if small or await order(exchange, symbol, more, why):
            done[symbol] = wanted[symbol]
            save(state)


def load() -> dict[str, Any]:
    """Return the newest event that could be followed, and the positions that were traded last."""
    return dict(json.loads(STATE.read_text())) if STATE.exists() else {"event": None, "held": {}}


def save(state: dict[str, Any]) -> None:
    """Write the state, as one replacement."""
    STATE.with_suffix(".new").write_text(json.dumps(state))
    STATE.with_suffix(".new").replace(STATE)


async def follow(server: str, namespace: str, schedule: str) -> None:
    """Follow a schedule's production for ever."""
    keys = {"apiKey": os.environ["BINANCE_KEY"], "secret": os.environ["BINANCE_SECRET"]}
    spot = {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}
    exchange = ccxt.binance(keys | {"options": spot})
    exchange.set_sandbox_mode(True)
    state = load()
    while True:
        try:
            state["event"] = await newest(server, f"clm.events.{namespace}.{schedule}.signal")
            save(state)
        except (NatsError, OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            print(f"not followed: {error!r}", flush=True)  # what was heard before stays in force
        if state["event"]:
            try:
                await hold(exchange, state, *wish(state["event"], datetime.now(UTC)))
            except ccxt.BaseError as error:
                print(f"tried again: {error!r}", flush=True)
        await asyncio.sleep(EVERY_S)


if __name__ == "__main__":
    asyncio.run(follow(*sys.argv[1:]))
