"""Bybit, OKX, KuCoin and HTX: what doesn't fit is at the beginning of the range."""

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


class Bybit(VenueServer):
    """1000 bars, from the start on if no end is given; 200 payments, never without an end."""

    def answer(self, path: str, query: Query) -> Any:
        if path.endswith("/market/time"):
            return _bybit({"timeSecond": str(now_ms() // 1000), "timeNano": str(now_ms() * 10**6)})
        if path.endswith("/instruments-info"):
            return _bybit({"category": query["category"], "list": [_BYBIT[query["category"]]]
                           if "status" not in query else [], "nextPageCursor": ""})  # fmt: skip
        limit = min(int(query.get("limit", 200)), self.most)
        if path.endswith("/funding/history"):
            if "startTime" in query and "endTime" not in query:
                return {"retCode": 10001, "retMsg": "need endTime", "result": {}, "time": now_ms()}
            start, end = int(query.get("startTime", 0)), int(query.get("endTime", now_ms()))
            times = self.world.payments(start, end)[-min(limit, 200) :]
            return _bybit({"category": "linear", "list": [
                {"symbol": "BTCUSDT", "fundingRate": f"{rate(t):.8f}",
                 "fundingRateTimestamp": str(t)} for t in reversed(times)
            ]})  # fmt: skip
        step, limit = int(query["interval"]) * 60_000, min(limit, 1000)
        times = self.world.bars(step, int(query["start"]), int(query.get("end", now_ms())))
        times = times[-limit:] if "end" in query else times[:limit]
        rows = [[str(t), *map(str, bar(t)), "1"] for t in reversed(times)]
        return _bybit({"category": query["category"], "symbol": "BTCUSDT", "list": rows})


_BYBIT = {
    "spot": {
        "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "status": "Trading",
        "lotSizeFilter": {}, "priceFilter": {},
    },
    "linear": {
        "symbol": "BTCUSDT", "contractType": "LinearPerpetual", "status": "Trading",
        "baseCoin": "BTC", "quoteCoin": "USDT", "settleCoin": "USDT", "deliveryTime": "0",
        "launchTime": "1585526400000", "fundingInterval": 480,
    },
}  # fmt: skip


def _bybit(result: Any) -> Any:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": now_ms()}


class Okx(VenueServer):
    """Ends are exclusive; 300 of the newest 1440 bars, 100 of older, closed ones; 3 months paid."""

    def answer(self, path: str, query: Query) -> Any:
        if path.endswith("/public/time"):
            return _okx([{"ts": str(now_ms())}])
        if path.endswith("/instruments"):
            spot = {"instId": "BTC-USDT", "baseCcy": "BTC", "quoteCcy": "USDT", "uly": ""}
            swap = {
                "instId": "BTC-USDT-SWAP",
                "uly": "BTC-USDT",
                "settleCcy": "USDT",
                "ctVal": "0.01",
            }
            kind = query["instType"]
            return _okx([{"instType": kind, "state": "live"} | (swap if kind == "SWAP" else spot)])
        start = int(query.get("before", 0)) + 1
        end = int(query["after"]) - 1 if "after" in query else now_ms()
        limit = min(int(query.get("limit", 100)), self.most)
        if path.endswith("/funding-rate-history"):
            times = self.world.payments(max(start, now_ms() - 92 * _DAY), end)[-min(limit, 100) :]
            return _okx([
                {"instType": "SWAP", "instId": "BTC-USDT-SWAP", "fundingTime": str(t),
                 "fundingRate": "0", "realizedRate": f"{rate(t):.8f}"} for t in reversed(times)
            ])  # fmt: skip
        step = HOUR
        if path.endswith("/history-candles"):
            times, most = self.world.bars(step, start, min(end, now_ms() - step)), 100
        else:
            times, most = self.world.bars(step, max(start, now_ms() - 1440 * step), end), 300
        return _okx([_okx_bar(t, step) for t in reversed(times[-min(limit, most) :])])


def _okx_bar(time_: int, step: int) -> list[str]:
    *prices, volume = map(str, bar(time_))
    confirmed = "1" if time_ + step <= now_ms() else "0"
    contracts = volume  # of a coin each: contracts and coins are the same number
    return [str(time_), *prices, volume, contracts, "1", confirmed]


def _okx(data: Any) -> Any:
    return {"code": "0", "msg": "", "data": data}


class Kucoin(VenueServer):
    """1500 bars on spot, 200 of perpetuals, 100 payments of a range; spot's end is exclusive."""

    def answer(self, path: str, query: Query) -> Any:
        if path.endswith("/timestamp"):
            return _kucoin(now_ms())
        if path.endswith("/symbols"):
            one = {"symbol": "BTC-USDT", "baseCurrency": "BTC", "quoteCurrency": "USDT"}
            return _kucoin([one | {"enableTrading": True}])
        if path.endswith("/allTickers"):
            return _kucoin({"ticker": []})
        if path.endswith("/contracts/active"):
            contract: dict[str, Any] = {
                "symbol": "XBTUSDTM", "baseCurrency": "XBT", "quoteCurrency": "USDT",
                "settleCurrency": "USDT", "isInverse": False, "status": "Open", "multiplier": 0.001,
                "nextFundingRateTime": 1, "tickSize": 0.1, "lotSize": 1, "maxPrice": 1000000,
            }  # fmt: skip
            return _kucoin([contract])
        if path.endswith("/market/candles"):
            start, end = int(query["startAt"]) * 1000, int(query["endAt"]) * 1000 - 1
            times = self.world.bars(HOUR, start, end)[-min(1500, self.most) :]
            rows = []
            for t in reversed(times):
                opened, high, low, closed, volume = bar(t)
                rows.append([str(t // 1000), *map(str, (opened, closed, high, low, volume, 1))])
            return _kucoin(rows)
        start, end = int(query["from"]), int(query["to"])
        if path.endswith("/funding-rates"):
            times = self.world.payments(start, end)[-min(100, self.most) :]
            return _kucoin([
                {"symbol": "XBTUSDTM", "fundingRate": rate(t), "timepoint": t}
                for t in reversed(times)
            ])  # fmt: skip
        times = self.world.bars(int(query["granularity"]) * 60_000, start, end)
        return _kucoin([[t, *bar(t)] for t in times[-min(200, self.most) :]])


def _kucoin(data: Any) -> Any:
    return {"code": "200000", "data": data}


class Htx(VenueServer):
    """1000 bars on spot; 2000 of perpetuals, the newest ones if a size is given; 100 payments."""

    def answer(self, path: str, query: Query) -> Any:
        if path.endswith("timestamp"):
            return {"status": "ok", "data": now_ms(), "ts": now_ms()}
        if path.endswith("/common/symbols"):
            one = {"base-currency": "btc", "quote-currency": "usdt", "state": "online"}
            return {"status": "ok", "data": [one]}
        if path.endswith("/swap_contract_info"):
            contract: dict[str, Any] = {
                "symbol": "BTC", "contract_code": "BTC-USDT", "contract_size": 0.001,
                "contract_status": 1, "business_type": "swap", "pair": "BTC-USDT",
                "price_tick": 0.1, "create_date": "20201021",
            }  # fmt: skip
            return {"status": "ok", "data": [contract], "ts": now_ms()}
        if path.endswith("/funding_rate_history"):
            if int(query.get("limit", 20)) > 100:
                return Error(200, {"code": 1067, "message": "The limit field is invalid"})
            start, end = int(query.get("start_time", 0)), int(query.get("end_time", now_ms()))
            times = self.world.payments(start, end)[-min(int(query.get("limit", 20)), self.most) :]
            return {"code": 200, "message": "Success", "ts": now_ms(), "data": [
                {"contract_code": "BTC-USDT", "funding_rate": f"{rate(t):.8f}",
                 "funding_time": str(t)} for t in reversed(times)
            ]}  # fmt: skip
        spot, size = path.endswith("/history/candles"), int(query.get("size", 0))
        start, end = int(query.get("from", 0)) * 1000, int(query.get("to", now_ms() // 1000)) * 1000
        if not spot and size:
            start, end = 0, now_ms()
        most = min(size or (150 if spot else 2000), 1000 if spot else 2000, self.most)
        names = ("open", "high", "low", "close", "amount")
        return {"status": "ok", "ts": now_ms(), "data": [
            {"id": t // 1000, "vol": 1, "count": 1} | dict(zip(names, bar(t), strict=True))
            for t in reversed(self.world.bars(HOUR, start, end)[-most:])
        ]}  # fmt: skip
