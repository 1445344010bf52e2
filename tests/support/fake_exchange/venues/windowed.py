"""Gate, Bitget, Coinbase and Kraken: ranges with limits, pages with numbers, the newest only."""

from typing import Any

from tests.support.fake_exchange.venues.world import (
    HOUR,
    Error,
    Query,
    VenueServer,
    bar,
    now_ms,
    rate,
)  # fmt: skip

_DAY = 24 * HOUR
_STEPS = {"15m": 900_000, "1h": HOUR, "1H": HOUR, "ONE_HOUR": HOUR}


class Gate(VenueServer):
    """Refuses a range of more than 1000 or 2000 bars, and bars older than the newest 10000."""

    def answer(self, path: str, query: Query) -> Any:
        if path.endswith("/spot/time"):
            return {"server_time": now_ms()}
        if path.endswith("/margin/currency_pairs"):
            return []
        if path.endswith("/currency_pairs"):
            one = {"id": "BTC_USDT", "base": "BTC", "quote": "USDT", "fee": "0.2"}
            return [one | {"trade_status": "tradable", "precision": 1, "amount_precision": 6}]
        if path.endswith("/contracts"):
            contract: dict[str, Any] = {
                "name": "BTC_USDT", "type": "direct", "quanto_multiplier": "0.0001",
                "order_price_round": "0.1", "order_size_min": 1, "order_size_max": 1000000,
                "leverage_min": "1", "leverage_max": "100", "in_delisting": False,
                "taker_fee_rate": "0.0005", "maker_fee_rate": "0.0002", "mark_price": "100",
                "order_price_deviate": "0.5", "status": "trading",
            }  # fmt: skip
            return [contract] if "/usdt/" in path else []
        start, end = int(query["from"]) * 1000, int(query["to"]) * 1000
        if path.endswith("/funding_rate"):
            times = self.world.payments(start, end)[-min(int(query["limit"]), 1000, self.most) :]
            return [{"t": t // 1000, "r": f"{rate(t):.8f}"} for t in reversed(times)]
        spot, step = "/spot/" in path, _STEPS[query["interval"]]
        most = 1000 if spot else 2000
        if (end - start) // step + 1 > most:
            return _gate(f"Candlestick range too broad. Maximum {most} data points are allowed")
        if start < now_ms() - 10_000 * step:
            return _gate("Candlestick too long ago. Maximum 10000 points ago are allowed")
        times = self.world.bars(step, start, end)[-self.most :]
        return [_gate_bar(t, spot=spot) for t in times]


def _gate_bar(time_: int, *, spot: bool) -> Any:
    opened, high, low, closed, volume = bar(time_)
    if spot:
        return [str(time_ // 1000), *map(str, (1, closed, high, low, opened, volume)), "true"]
    return {"t": time_ // 1000, "o": str(opened), "h": str(high), "l": str(low),
            "c": str(closed), "v": volume}  # fmt: skip


def _gate(message: str) -> Error:
    return Error(400, {"label": "INVALID_PARAM_VALUE", "message": message})


class Bitget(VenueServer):
    """1000 bars of the last 60 days or 200 of older ones; 100 payments by the page's number."""

    def answer(self, path: str, query: Query) -> Any:
        if path.endswith("/public/time"):
            return _bitget({"serverTime": str(now_ms())})
        if path.endswith("/margin/currencies"):
            return _bitget([])
        if path.endswith("/public/symbols"):
            return _bitget([{"symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT",
                             "status": "online"}])  # fmt: skip
        if path.endswith("/mix/market/contracts"):
            one = {
                "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT",
                "symbolType": "perpetual", "supportMarginCoins": ["USDT"], "pricePlace": "1",
                "volumePlace": "3", "priceEndStep": "1", "sizeMultiplier": "0.001",
                "symbolStatus": "normal",
            }  # fmt: skip
            return _bitget([one] if query["productType"] == "USDT-FUTURES" else [])
        if path.endswith("/history-fund-rate"):
            size, number = min(int(query["pageSize"]), 100, self.most), int(query.get("pageNo", 1))
            times = self.world.payments(0, now_ms())[::-1][(number - 1) * size : number * size]
            return _bitget([{"symbol": "BTCUSDT", "fundingRate": f"{rate(t):.8f}",
                             "fundingTime": str(t)} for t in times])  # fmt: skip
        start, end = int(query["startTime"]), int(query["endTime"])
        history = path.endswith("/history-candles")
        if not history:
            start = max(start, now_ms() - 60 * _DAY)
        most = min(int(query["limit"]), 200 if history else 1000, self.most)
        times = self.world.bars(_STEPS[query["granularity"]], start, end - 1)[-most:]
        return _bitget([[str(t), *map(str, bar(t)), "1", "1"] for t in times])


def _bitget(data: Any) -> Any:
    return {"code": "00000", "msg": "success", "requestTime": now_ms(), "data": data}


class Coinbase(VenueServer):
    """Refuses a range of more than 350 bars; both ends are inclusive."""

    def answer(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"data": {"epoch": now_ms() // 1000, "iso": ""}}
        if path.endswith("/products"):
            one = {
                "product_id": "BTC-USDT", "base_currency_id": "BTC", "quote_currency_id": "USDT",
                "product_type": "SPOT", "status": "online", "trading_disabled": False,
                "base_increment": "0.00000001", "quote_increment": "0.01",
                "price_increment": "0.01", "alias_to": [],
            }  # fmt: skip
            return {"products": [] if query.get("product_type") == "FUTURE" else [one]}
        start, end = int(query["start"]) * 1000, int(query["end"]) * 1000
        step = _STEPS[query["granularity"]]
        if (end - start) // step > 350:
            text = "number of candles requested should be less than 350"
            return Error(400, {"error": "INVALID_ARGUMENT", "message": text})
        names = ("open", "high", "low", "close", "volume")
        times = self.world.bars(step, start, end)[-self.most :]
        return {"candles": [
            {"start": str(t // 1000)} | dict(zip(names, map(str, bar(t)), strict=True))
            for t in reversed(times)
        ]}  # fmt: skip


class Kraken(VenueServer):
    """The newest 720 bars, whatever the start; the last one is open."""

    def answer(self, path: str, query: Query) -> Any:
        if path.endswith("/Time"):
            return {"error": [], "result": {"unixtime": now_ms() // 1000}}
        if path.endswith("/AssetPairs"):
            one = {
                "altname": "XBTUSDT", "wsname": "XBT/USDT", "base": "XXBT", "quote": "USDT",
                "pair_decimals": 1, "lot_decimals": 8, "status": "online", "ordermin": "0.0001",
                "leverage_buy": [], "fees": [[0, 0.4]], "fees_maker": [[0, 0.25]],
            }  # fmt: skip
            return {"error": [], "result": {"XBTUSDT": one}}
        newest = self.world.bars(int(query["interval"]) * 60_000, 0, now_ms())[-720:]
        rows = []
        for t in newest:
            if t > int(query["since"]) * 1000:
                opened, high, low, closed, volume = map(str, bar(t))
                rows.append([t // 1000, opened, high, low, closed, opened, volume, 1])
        return {"error": [], "result": {"XBTUSDT": rows, "last": newest[-1] // 1000}}
