"""Binance, Hyperliquid and Kraken's futures: what doesn't fit is at the end of the range."""

from typing import Any

from tests.support.fake_exchange.venues.world import Query, VenueServer, bar, now_ms, rate

_STEPS = {"15m": 900_000, "30m": 1_800_000, "1h": 3_600_000}


class Binance(VenueServer):
    """At most 1000 bars on spot, 1500 of perpetuals, 1000 payments; both ends are inclusive."""

    def answer(self, path: str, query: Query) -> Any:
        spot, start = path.startswith("/api/"), int(query.get("startTime", 0))
        end = int(query.get("endTime", now_ms()))
        if path.endswith("/time"):
            return {"serverTime": now_ms()}
        if path.endswith("/exchangeInfo"):
            perpetual = {
                "contractType": "PERPETUAL", "marginAsset": "USDT", "pair": "BTCUSDT",
                "deliveryDate": 4133404800000, "onboardDate": 1569398400000,
            }  # fmt: skip
            one = {
                "symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": [],
                "status": "TRADING",
            }  # fmt: skip
            return {"symbols": [one if spot else one | perpetual]}
        if path.endswith("/fundingRate"):
            most = min(int(query.get("limit", 100)), 1000, self.most)
            return [
                {"symbol": "BTCUSDT", "fundingTime": t, "fundingRate": f"{rate(t):.8f}",
                 "markPrice": ""}
                for t in self.world.payments(start, end)[:most]
            ]  # fmt: skip
        most, step = min(int(query.get("limit", 500)), 1000 if spot else 1500), query["interval"]
        times = self.world.bars(_STEPS[step], start, end)[: min(most, self.most)]
        return [[t, *map(str, bar(t)), t + _STEPS[step] - 1, "1", 1, "1", "1", "0"] for t in times]


class Hyperliquid(VenueServer):
    """The newest 5000 bars and no older ones; 500 payments from a start on, every hour."""

    def answer(self, path: str, query: Query) -> Any:
        kind = path.partition("#")[2]
        if kind == "exchangeStatus":
            return {"specialStatuses": None, "time": now_ms()}
        if kind == "spotMetaAndAssetCtxs":
            tokens = [
                {"name": "USDC", "szDecimals": 8, "index": 0},
                {"name": "HYPE", "szDecimals": 2, "index": 1},
            ]
            universe = [{"name": "@107", "tokens": [1, 0], "index": 0}]
            return [{"universe": universe, "tokens": tokens}, [{"midPx": "100"}]]
        if kind == "metaAndAssetCtxs":
            return [{"universe": [{"name": "BTC", "szDecimals": 5}]}, [{"markPx": "100"}]]
        start, end = int(query["startTime"]), int(query.get("endTime", now_ms()))
        if kind == "fundingHistory":
            return [
                {"coin": "BTC", "fundingRate": f"{rate(t):.8f}", "premium": "0", "time": t}
                for t in self.world.payments(start, end)[: min(500, self.most)]
            ]
        step = _STEPS[query["interval"]]
        newest = self.world.bars(step, 0, now_ms())[-5000:]
        names = ("o", "h", "l", "c", "v")
        return [
            {"t": t, "T": t + step - 1, "i": query["interval"], "s": query["coin"], "n": 1}
            | dict(zip(names, map(str, bar(t)), strict=True))
            for t in newest
            if start <= t <= end
        ]


class KrakenFutures(VenueServer):
    """At most 2000 bars and whether there are more; all payments at once, every hour."""

    def answer(self, path: str, query: Query) -> Any:
        if path.endswith("/instruments"):
            one = {
                "symbol": "PF_XBTUSD", "type": "flexible_futures", "tickSize": 0.5,
                "contractSize": 1, "tradeable": True, "contractValueTradePrecision": 4,
            }  # fmt: skip
            return {"result": "success", "instruments": [one]}
        if path.endswith("/historicalfundingrates"):
            return {"result": "success", "rates": [
                {"timestamp": _iso(t), "fundingRate": "1", "relativeFundingRate": f"{rate(t):.8f}"}
                for t in self.world.payments(0, now_ms())
            ]}  # fmt: skip
        start, end = int(query["from"]) * 1000, int(query["to"]) * 1000
        times = self.world.bars(_STEPS[path.rsplit("/", 1)[1]], start, end)
        most = min(2000, self.most)
        names = ("open", "high", "low", "close", "volume")
        return {"more_candles": len(times) > most, "candles": [
            {"time": t} | dict(zip(names, map(str, bar(t)), strict=True)) for t in times[:most]
        ]}  # fmt: skip


def _iso(milliseconds: int) -> str:
    from datetime import UTC, datetime

    text = datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
