"""The figures of the tear sheet that are not metrics: months, trades, coverage."""

import calendar
import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

MONTHS = tuple(calendar.month_abbr[1:])


@dataclass(frozen=True)
class YearReturns:
    """Returns of one year by month; None where the window has no bar."""

    year: int
    months: tuple[float | None, ...]
    total: float


def monthly_returns(equity: pd.DataFrame) -> list[YearReturns]:
    """Compound the bar returns of ``equity.parquet`` to months and years."""
    growth: dict[tuple[int, int], float] = {}
    for time, value in zip(equity["time"], equity["net_return"], strict=True):
        month = (time.year, time.month)
        growth[month] = growth.get(month, 1.0) * (1.0 + float(value))
    return [
        YearReturns(
            year=year,
            months=tuple(
                growth[year, m] - 1.0 if (year, m) in growth else None for m in range(1, 13)
            ),
            total=math.prod(g for (y, _), g in growth.items() if y == year) - 1.0,
        )
        for year in sorted({y for y, _ in growth})
    ]


def total_funding(equity: pd.DataFrame) -> float:
    """Return what funding added to ``equity.parquet``'s 1.0 at the start; negative: was paid."""
    before = equity["equity"].shift(fill_value=1.0)
    return float((equity["funding"] * before).sum())


@dataclass(frozen=True)
class TradeSummary:
    """Closed trades of one symbol, or of all."""

    name: str
    trades: int
    wins: int
    mean_win: float | None
    mean_loss: float | None
    best: float | None
    worst: float | None
    mean_bars: float | None
    costs: float

    @property
    def win_rate(self) -> float | None:
        """Share of trades with a net profit."""
        return self.wins / self.trades if self.trades else None


def trade_summaries(trades: pd.DataFrame, symbols: Sequence[str]) -> list[TradeSummary]:
    """Summarise ``trades.parquet`` per symbol and, where there are several, for all of them."""
    closed = trades[trades["closed"]]
    rows = [_summary(symbol, closed[closed["symbol"] == symbol]) for symbol in symbols]
    return rows if len(rows) == 1 else [*rows, _summary("all", closed)]


def _summary(name: str, closed: pd.DataFrame) -> TradeSummary:
    pnl = closed["net_pnl"]
    return TradeSummary(
        name=name,
        trades=len(closed),
        wins=int((pnl > 0).sum()),
        mean_win=_mean(pnl[pnl > 0]),
        mean_loss=_mean(pnl[pnl <= 0]),
        best=float(pnl.max()) if len(pnl) else None,
        worst=float(pnl.min()) if len(pnl) else None,
        mean_bars=_mean(closed["bars"]),
        costs=float(closed["costs"].sum()),
    )


def _mean(values: "pd.Series[float]") -> float | None:
    return float(values.mean()) if len(values) else None
