"""Run by freqtrade's own Python: what the strategy makes of a trade whose newest order was cut."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from freqtrade.enums import RunMode
from freqtrade.persistence import Order, Trade, init_db
from freqtrade.resolvers import StrategyResolver

PAIR, NOW, RATE, TAG = "BTC/USDT", datetime.now(UTC), 100.0, "btc-eth-1 0.5"


def trade(filled: float) -> Trade:
    """Return an open trade of 20 units, of whose newest order so much was filled."""
    one = Trade(
        pair=PAIR, is_open=True, amount=20.0, stake_amount=2000.0, open_rate=RATE, fee_open=0.0,
        fee_close=0.0, exchange="binance", open_date=NOW, is_short=False, leverage=1.0,
    )  # fmt: skip
    more: dict[str, Any] = {"status": "canceled", "price": RATE, "average": RATE}
    one.orders = [
        Order(
            order_id="1", ft_order_side="buy", side="buy", ft_pair=PAIR, ft_is_open=False,
            ft_amount=20.0, ft_price=RATE, amount=20.0, filled=filled, order_date=NOW,
            ft_order_tag=TAG, **more,
        )
    ]  # fmt: skip
    return one


example, signal = map(Path, sys.argv[1:])
config = json.loads((example / "config-dry-run.json").read_text())
config |= {"runmode": RunMode.DRY_RUN, "user_data_dir": signal.parent}
config |= {"strategy_path": str(example / "strategies")}
config["clm"]["signal"] = str(signal)
init_db("sqlite://")
strategy = StrategyResolver.load_strategy(config)
strategy.bot_loop_start(datetime.now(UTC))
said = {
    str(share): strategy.adjust_trade_position(trade(20.0 * share), NOW, RATE)
    for share in (0.4, 0.9995, 1.0)
}
print(json.dumps(said))
