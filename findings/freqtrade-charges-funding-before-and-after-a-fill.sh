#!/usr/bin/env bash
# freqtrade's backtest charges the funding of the very moment of a fill on what was held before the
# fill and, once more, on what is held after it: the spans from fill to fill that it adds up have both
# of their ends in them. One event of 1.00 a unit costs 3.00 where one unit becomes two at that
# moment, and 1.00 where nothing was held before. No exchange charges one moment twice.
#
# Seen with freqtrade 2026.9: one funding event at 08:00, of 1.00 a unit held
#   1 unit from 01:00 to 10:00: -1.0
#   1 unit from 08:00 to 10:00: -1.0
#   1 unit from 01:00, 2 units from 08:00 to 10:00: -3.0
#
# In CLM: a fill's moment is charged on what was held before it; docs/bots.md has the difference.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q "freqtrade==2026.9" "ccxt==4.5.90" 2>/dev/null
mkdir -p user/strategies user/data/binance/futures
cat > market.py <<'PY'
"""Answers the one question that a backtest asks an exchange: which markets there are."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer

STEPS = [
    {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
    {"filterType": "PRICE_FILTER", "tickSize": "0.01", "minPrice": "0.01", "maxPrice": "1000000"},
]
MARKET = {
    "symbol": "BTCUSDT", "pair": "BTCUSDT", "contractType": "PERPETUAL", "status": "TRADING", "baseAsset": "BTC",
    "quoteAsset": "USDT", "marginAsset": "USDT", "deliveryDate": 4133404800000, "onboardDate": 1569398400000,
    "orderTypes": ["LIMIT", "MARKET"], "filters": STEPS,
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"symbols": [MARKET]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
PY
venv/bin/python market.py > port & server=$!
until [ -s port ]; do sleep 0.1; done
cat > user/strategies/held.py <<'PY'
from freqtrade.strategy import IStrategy


class Held(IStrategy):
    """Enters one unit for the open of one hour, perhaps buys another at a later one, leaves at 10:00."""

    timeframe = "1h"
    minimal_roi = {}
    stoploss = -0.99
    position_adjustment_enable = True

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        # What a candle says is done at the next one's open.
        dataframe["enter_long"] = (dataframe["date"].dt.hour + 1 == self.config["enters"]).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = (dataframe["date"].dt.hour + 1 == 10).astype(int)
        return dataframe

    def adjust_trade_position(self, trade, current_time, **_):
        more = current_time.hour == self.config["adds"] and len(trade.orders) == 1
        return 100.0 if more else None
PY
cat > data.py <<'PY'
import pandas as pd

hours = pd.date_range("2025-01-01", periods=13, freq="1h", tz="UTC")
bars = pd.DataFrame({"date": hours, "open": 100.0, "high": 100.0, "low": 100.0, "close": 100.0, "volume": 1.0})
folder = "user/data/binance/futures/BTC_USDT_USDT-1h-"
bars.to_feather(folder + "futures.feather")
bars.to_feather(folder + "mark.feather")
rates = pd.DataFrame({"date": hours[[0, 8]], "funding_rate": [0.0, 0.01]})
rates.to_feather(folder + "funding_rate.feather")
PY
venv/bin/python data.py
backtest() { # enters at an hour, adds at an hour
    cat > config.json <<JSON
{"enters": $1, "adds": $2, "trading_mode": "futures", "margin_mode": "isolated", "stake_currency": "USDT", "stake_amount": 100,
 "max_open_trades": 1, "dry_run": true, "dry_run_wallet": 1000, "fee": 0.0, "pairlists": [{"method": "StaticPairList"}],
 "entry_pricing": {"price_side": "other", "use_order_book": true}, "exit_pricing": {"price_side": "other", "use_order_book": true},
 "exchange": {"name": "binance", "pair_whitelist": ["BTC/USDT:USDT"], "ccxt_config": {
   "options": {"fetchMarkets": {"types": ["linear"]}}, "urls": {"api": {"fapiPublic": "http://127.0.0.1:$(cat port)/fapi/v1"}}}}}
JSON
    rm -rf user/backtest_results
    mkdir user/backtest_results
    venv/bin/freqtrade backtesting --userdir user --config config.json --strategy Held --export trades --cache none > log 2>&1 ||
        { tail -20 log; exit 1; }
    venv/bin/python - <<'PY'
import glob, json, zipfile

(file,) = glob.glob("user/backtest_results/*.zip")
with zipfile.ZipFile(file) as archive:
    name = next(n for n in archive.namelist() if n.endswith(".json") and "config" not in n)
    (trade,) = json.loads(archive.read(name))["strategy"]["Held"]["trades"]
print(round(trade["funding_fees"], 6))
PY
}
{
    echo "1 unit from 01:00 to 10:00: $(backtest 1 -1)"
    echo "1 unit from 08:00 to 10:00: $(backtest 8 -1)"
    echo "1 unit from 01:00, 2 units from 08:00 to 10:00: $(backtest 1 8)"
} | tee seen
venv/bin/freqtrade --version 2>/dev/null | grep "Freqtrade Version"
[ "$(cat seen)" = "1 unit from 01:00 to 10:00: -1.0
1 unit from 08:00 to 10:00: -1.0
1 unit from 01:00, 2 units from 08:00 to 10:00: -3.0" ] || { echo "this has changed"; exit 1; }
