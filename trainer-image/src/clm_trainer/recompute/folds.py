"""``folds.json`` once more: the spans by the purge rule, each block's share of the one backtest."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from clm_trainer.recompute.book import Book
from clm_trainer.recompute.claims import Ints, Settings
from clm_trainer.recompute.market import Market
from clm_trainer.recompute.metrics import costs_of, sharpe_of

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def edges_of(bars: int, folds: int) -> list[int]:
    """Return where folds begin, and the end: fold k is [k·n//folds, (k+1)·n//folds)."""
    return [k * bars // folds for k in range(folds + 1)]


def numbers_of(bars: int, folds: int) -> Ints:
    """Return the fold of each bar, shape (bars,)."""
    return np.repeat(np.arange(folds), np.diff(edges_of(bars, folds)))


def folds_of(book: Book, market: Market, settings: Settings) -> list[dict[str, Any]]:
    """Return the content of ``folds.json``; an undefined Sharpe ratio is absent."""
    returns, times = book.equity["net_return"].to_numpy(float), market.times
    closed = book.trades[book.trades["closed"].astype(bool)]
    edges, out = edges_of(len(times), settings.folds), []
    for number, (begin, end) in enumerate(pairwise(edges)):
        block, first, last = returns[begin:end], times[begin], times[end - 1]
        trained_to = first - (settings.purged_bars[number] + 1) * settings.timeframe
        fold: dict[str, Any] = {
            "fold": number,
            "trainFrom": settings.first_bar.strftime(_FORMAT),
            "trainTo": trained_to.strftime(_FORMAT),
            "testFrom": first.strftime(_FORMAT),
            "testTo": last.strftime(_FORMAT),
            "totalReturn": float(np.prod(1 + block)) - 1,
            "trades": int(((closed["exit_time"] >= first) & (closed["exit_time"] <= last)).sum()),
        }
        rows = slice(begin, end)
        fold["turnover"] = float(book.traded[rows].mean()) * settings.bars_per_year
        fold["exposure"] = float(book.exposed[rows].mean())
        costs = costs_of(book, market, settings, rows)
        fold |= {name: value for name, value in costs.items() if value is not None}
        sharpe = sharpe_of(block)
        if sharpe is not None:
            fold["sharpe"] = sharpe * settings.bars_per_year**0.5
        out.append(fold)
    return out


def window_of(market: Market, settings: Settings) -> tuple[pd.DataFrame, int]:
    """Return time, symbol and fold of every row that is predicted, and how many bars there are."""
    symbols, bars = len(market.symbols), round(settings.period_days * settings.bars_per_day)
    rows = {
        "time": market.times.repeat(symbols),
        "symbol": np.tile(np.array(market.symbols, dtype=object), len(market.times)),
        "fold": numbers_of(len(market.times), settings.folds).repeat(symbols),
    }
    return pd.DataFrame(rows), bars
