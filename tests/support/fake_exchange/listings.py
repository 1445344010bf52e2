"""What the fake exchange trades: real bars, or generated ones that say so in their names."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from tests.support.repository import ROOT

BARS = ROOT / "examples" / "data"
COLUMNS = ("open", "high", "low", "close", "volume")
SYNTHETIC = "SYN"
"""How the base of every symbol with generated bars begins."""


@dataclass(frozen=True)
class Fill:
    """A trade of the account."""

    id: int
    time_ms: int
    price: float
    quantity: float
    buyer: bool


@dataclass
class Listing:
    """One symbol of one market.

    Parameters
    ----------
    bars
        By interval; columns timestamp (UTC), open, high, low, close, volume.
    funding
        Columns timestamp (UTC), funding_rate, mark_price; only for usdm.
    interest
        Columns timestamp (UTC), open_interest, in the distance in which it is asked for.
    """

    base: str
    bars: dict[str, pd.DataFrame]
    market: str = "spot"
    status: str = "TRADING"
    funding: pd.DataFrame | None = None
    fills: list[Fill] = field(default_factory=list)
    interest: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        generated = any(frame.attrs.get("synthetic") for frame in self.bars.values())
        assert generated == self.base.startswith(SYNTHETIC), "generated bars are named SYN…"

    @property
    def id(self) -> str:
        """The exchange's own name of the symbol."""
        return f"{self.base}USDT"

    @property
    def symbol(self) -> str:
        """The name that ccxt gives it."""
        return f"{self.base}/USDT" + (":USDT" if self.market == "usdm" else "")

    @cached_property
    def times_ms(self) -> dict[str, np.ndarray]:
        """Open times by interval."""
        return {
            interval: frame["timestamp"].dt.as_unit("ms").astype("int64").to_numpy()
            for interval, frame in self.bars.items()
        }

    def info(self) -> dict[str, Any]:
        """Return the symbol's entry in exchangeInfo."""
        pair = {"symbol": self.id, "baseAsset": self.base, "quoteAsset": "USDT", "filters": []}
        more: dict[str, Any] = {"status": self.status}
        if self.market == "usdm":
            more |= {
                "contractType": "PERPETUAL", "marginAsset": "USDT", "pair": self.id,
                "deliveryDate": 4133404800000, "onboardDate": 1569398400000,
            }  # fmt: skip
        return pair | more

    def rows(self, interval: str, first: int, last: int) -> list[list[Any]]:
        """Return klines, rows ``first`` to ``last`` of the frame, prices as text."""
        times, frame = self.times_ms[interval], self.bars[interval]
        step = interval_ms(interval)
        part = frame.iloc[first:last][list(COLUMNS)].to_numpy()
        return [
            [
                time, *(f"{x:.10g}" for x in row), time + step - 1, "1", trades_of(row[-1]),
                f"{taken_of(row[-1]):.10g}", "1", "0",
            ]
            for time, row in zip(times[first:last].tolist(), part.tolist(), strict=True)
        ]  # fmt: skip

    def priced(self, interval: str, first: int, last: int, factor: float) -> list[list[Any]]:
        """Return the klines of another price: the bars' prices by a factor, without volumes."""
        return [
            [row[0], *(f"{float(x) * factor:.10g}" for x in row[1:5]), "0", row[6], "0", 1, *"000"]
            for row in self.rows(interval, first, last)
        ]


MARK, INDEX = 1.001, 0.999
"""What mark and index price are of the bars' prices."""


def trades_of(volume: float) -> int:
    """Return how many trades a bar of this volume has."""
    return round(10 * volume)


def taken_of(volume: float) -> float:
    """Return how much of a bar's volume takers bought."""
    return round(volume * 0.4, 6)


def interval_ms(interval: str) -> int:
    """Return an interval's length."""
    return int(interval[:-1]) * {"m": 60_000, "h": 3_600_000, "d": 86_400_000}[interval[-1]]


def real_bars(base: str) -> dict[str, pd.DataFrame]:
    """Return the bundled real bars of BTC or ETH."""
    return {"1h": pd.read_parquet(BARS / f"binance-spot-{base.lower()}usdt-1h.parquet")}


def noise(seed: int, *, interval: str, start: str, bars: int) -> dict[str, pd.DataFrame]:
    """Return a seeded random walk."""
    returns = np.random.default_rng(seed).normal(0, 0.002, bars)
    return {interval: frame_of(returns, interval, start, seed)}


def planted(seed: int, *, interval: str, start: str, bars: int) -> dict[str, pd.DataFrame]:
    """Return a walk in which the last day's direction tells something about the next hours."""
    rng, returns = np.random.default_rng(seed), np.zeros(bars)
    shocks = rng.normal(0, 0.002, bars)
    for i in range(bars):
        trend = returns[max(0, i - 24) : i].sum()
        returns[i] = shocks[i] + 0.0008 * np.tanh(trend / 0.01)
    return {interval: frame_of(returns, interval, start, seed)}


def frame_of(returns: np.ndarray, interval: str, start: str, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed + 1)
    close = np.round(100 * np.exp(np.cumsum(returns)), 6)
    open_ = np.concatenate([[100.0], close[:-1]])
    wick = np.abs(rng.normal(0, 0.0005, (2, len(close))))
    step = pd.Timedelta(milliseconds=interval_ms(interval))
    frame = pd.DataFrame(
        {
            "timestamp": pd.date_range(start, periods=len(close), freq=step, tz="UTC"),
            "open": open_,
            "high": np.round(np.maximum(open_, close) * (1 + wick[0]), 6),
            "low": np.round(np.minimum(open_, close) * (1 - wick[1]), 6),
            "close": close,
            "volume": np.round(rng.uniform(1, 100, len(close)), 3),
        }
    )
    frame.attrs["synthetic"] = True
    return frame
