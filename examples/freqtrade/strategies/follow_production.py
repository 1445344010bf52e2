"""A freqtrade strategy that holds what CLM's production says. It decides nothing itself."""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pandas as pd
from freqtrade.enums import RunMode
from freqtrade.exceptions import OperationalException
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy

from production_signal import Expected, Follower

_LEAST_CHANGE = 1e-9
_FILLED = 0.99
"""Of an order: the rest is a step of the exchange, or a fee."""
_RUN = "run"
"""Who decided, while backtesting."""
_FIXED: dict[str, Any] = {
    "minimal_roi": {}, "stoploss": -0.99, "trailing_stop": False, "use_custom_stoploss": False,
    "use_exit_signal": True, "exit_profit_only": False, "process_only_new_candles": False,
    "ignore_buying_expired_candle_after": 0, "position_adjustment_enable": True,
    "max_entry_position_adjustment": -1,
}  # fmt: skip
"""What a configuration may say otherwise, and would leave, keep or size by another rule."""


class FollowProduction(IStrategy):
    """Follows a signal file (trading), or the positions of one version's run (backtesting)."""

    INTERFACE_VERSION = 3
    minimal_roi: ClassVar[dict[str, float]] = {}
    stoploss = -0.99
    startup_candle_count = 0
    process_only_new_candles = False
    position_adjustment_enable = True
    order_types: ClassVar[dict[str, Any]] = {
        "entry": "market", "exit": "market", "emergency_exit": "market", "stoploss": "market",
        "stoploss_on_exchange": False,
    }  # fmt: skip

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        asked, futures = config["clm"], config.get("trading_mode") == "futures"
        self.can_short = futures
        self.bar = timedelta(seconds=timeframe_to_seconds(config["timeframe"]))
        self.fee, self.capital = float(config["fee"]), float(config["available_capital"])
        self.history: dict[str, pd.Series] | None = None
        pairs = frozenset(config["exchange"]["pair_whitelist"])
        if config["runmode"] in {RunMode.BACKTEST, RunMode.HYPEROPT}:
            self.history = _positions(asked["history"], pairs)
            return
        whose = Expected(asked["namespace"], asked["schedule"], self.bar, pairs, futures)
        silence = timedelta(seconds=asked.get("silenceSeconds", 3 * self.bar.total_seconds()))
        self.follower = Follower(asked["signal"], whose, silence, datetime.now(UTC))

    def bot_start(self, **_: Any) -> None:
        """Refuse a configuration by which freqtrade would not do what production says."""
        wrong = [
            f"{name} is {now!r}, and has to be {right!r}"
            for name, right in _FIXED.items()
            if (now := getattr(self, name)) != right
        ]
        wrong += [
            f"order_types.{side} is {self.order_types[side]!r}, and has to be 'market'"
            for side in ("entry", "exit")
            if self.order_types[side] != "market"
        ]
        pairs = len(self.config["exchange"]["pair_whitelist"])
        if self.max_open_trades < pairs:
            wrong.append(f"max_open_trades is {self.max_open_trades}, and there are {pairs} pairs")
        if wrong:
            raise OperationalException(f"FollowProduction can't follow: {'; '.join(wrong)}")

    def bot_loop_start(self, current_time: datetime, **_: Any) -> None:
        """Read the signal before anything is decided."""
        if self.history is None:
            self.follower.look(current_time)

    def populate_indicators(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        """Lay the positions beside the bars: of all bars from the run, or the one of now."""
        pair = metadata["pair"]
        if self.history is not None:
            held = dataframe["date"].map(self.history[pair]).fillna(0.0)
            return dataframe.assign(position=held, tag=_RUN)
        wish = self.follower.wish(pair, datetime.now(UTC))
        tag = f"{wish.why} {wish.position!r}"
        return dataframe.assign(position=wish.position or 0.0, tag=tag)

    def populate_entry_trend(self, dataframe: pd.DataFrame, *_: Any) -> pd.DataFrame:
        """Enter what is to be held. The tag says by whom; it outlives a restart."""
        held = dataframe["position"]
        return dataframe.assign(
            enter_long=(held > 0).astype(int),
            enter_short=(held < 0).astype(int),
            enter_tag=dataframe["tag"],
        )

    def populate_exit_trend(self, dataframe: pd.DataFrame, *_: Any) -> pd.DataFrame:
        """Leave by ``custom_exit``: it is asked even where the exchange's bars have stopped."""
        return dataframe.assign(exit_long=0, exit_short=0)

    def custom_exit(
        self, pair: str, trade: Trade, current_time: datetime, *_: Any, **__: Any
    ) -> str | None:
        """Leave what is no longer to be held, or is to be held on the other side."""
        position, why = self._wish(pair, current_time)
        if position is None or position * (-1 if trade.is_short else 1) > 0:
            return None
        return why if position == 0 else "other side"

    def custom_stake_amount(
        self, pair: str, current_time: datetime, max_stake: float, **_: Any
    ) -> float:
        """Put the position's fraction of the symbol's sleeve in."""
        weight = abs(self._wish(pair, current_time)[0] or 0.0)
        return min(_worth(self._sleeve(pair), 0.0, weight, self.fee), max_stake)

    def adjust_trade_position(
        self, trade: Trade, current_time: datetime, current_rate: float, *_: Any, **__: Any
    ) -> tuple[float, str] | None:
        """Go to another size on the same side, as after a promotion."""
        position, why = self._wish(trade.pair, current_time)
        if trade.has_open_orders or not position or (position < 0) != trade.is_short:
            return None
        if abs(position - self._stands_at(trade)) < _LEAST_CHANGE:
            return None
        held = trade.amount * current_rate
        gained = (held - trade.stake_amount) * (-1 if trade.is_short else 1)
        gained += _funding(trade) - self.fee * trade.stake_amount
        equity = self._sleeve(trade.pair) + trade.realized_profit + gained
        aim = _worth(equity, held, abs(position), self.fee)
        # What is taken out is a share of the stake, whatever it is worth by now.
        change = aim - held if aim > held else (aim / held - 1) * trade.stake_amount
        return change, f"{why} {position!r}"

    def _wish(self, pair: str, now: datetime) -> tuple[float | None, str]:
        if self.history is None:
            wish = self.follower.wish(pair, datetime.now(UTC))
            return wish.position, wish.why
        # What is filled at a bar's open was decided at the close of the bar before.
        decided = pd.Timestamp(now) - self.bar
        return float(self.history[pair].get(decided, 0.0)), _RUN

    def _stands_at(self, trade: Trade) -> float:
        """Return the position that the trade's newest order went to; 0 if it was cut short."""
        newest = next(one for one in reversed(trade.orders) if one.safe_filled > 0)
        if newest.safe_filled < _FILLED * newest.safe_amount:
            return 0.0
        if self.history is not None:
            return self._wish(trade.pair, newest.order_date_utc)[0] or 0.0
        try:
            return float((newest.ft_order_tag or "").rsplit(" ", 1)[-1])
        except ValueError:  # a person's order: its size is not ours
            return 0.0

    def _sleeve(self, pair: str) -> float:
        """Return the symbol's part of the account: 1/N of its start, and what it earned since."""
        followed = self.history or (self.follower.signal and self.follower.signal.positions)
        closed = Trade.get_trades_proxy(pair=pair, is_open=False)
        earned = sum(trade.close_profit_abs or 0.0 for trade in closed)
        return max(self.capital / len(followed or [pair]) + earned, 0.0)


def _positions(file: str, pairs: frozenset[str]) -> dict[str, pd.Series]:
    """Return a run's positions by symbol and open time of the bar at whose close it decided."""
    rows = pd.read_parquet(file, columns=["time", "symbol", "position"])
    held = {name: part.set_index("time")["position"] for name, part in rows.groupby("symbol")}
    if missing := sorted(pairs - held.keys()):
        raise OperationalException(f"{file} has {', '.join(held)}, and no {', '.join(missing)}")
    return held


def _funding(trade: Trade) -> float:
    """Return the funding that an open trade got and that no partial exit has realized."""
    got = trade.funding_fee_running or 0.0
    for order in reversed(trade.orders):
        if order.ft_order_side == trade.exit_side:
            break
        got += order.funding_fee or 0.0
    return got


def _worth(equity: float, held: float, weight: float, fee: float) -> float:
    """Return what a position is worth that is ``weight`` of the equity left after its fee."""
    side = fee if weight * equity >= held else -fee
    return weight * (equity + side * held) / (1 + side * weight)
