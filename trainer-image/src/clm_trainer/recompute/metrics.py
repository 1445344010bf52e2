"""``metrics.json`` once more: every metric, or the reason why it is undefined.

| undefined metric | reason |
|---|---|
| sharpe and what rests on it | NoTrades: nothing was ever held; NoVariance: no return varied |
| winRate, profitFactor | NoTrades: no trade was closed |
| profitFactor | NoLosses |
| sortino | NoLosses: no bar lost |
| minTrackRecordDays | SharpeNotPositive: no length would do |
| breakEvenBps | NoProfitBeforeCosts |
| sharpeAtDoubleCost, buyAndHoldSharpe | NoVariance |
| any | OutOfRange: a ratio over next to nothing |
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clm_api.figures import unbelievable
from clm_trainer.recompute import significance
from clm_trainer.recompute.book import Book, net_returns, returns_of
from clm_trainer.recompute.claims import Floats, Settings
from clm_trainer.recompute.market import Market

_NO_VARIANCE = 1e-15
"""A standard deviation up to this is the rounding of returns that don't vary."""
_UNDEFINED = {
    "breakEvenBps": "NoProfitBeforeCosts",
    "sharpeAtDoubleCost": "NoVariance",
    "buyAndHoldSharpe": "NoVariance",
}
_ROOT_WIDTH = 1e-14
"""The break-even cost rate is bisected down to this, from [0, 1]."""


@dataclass
class _Found:
    metrics: dict[str, float] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, value: float | None, otherwise: str) -> None:
        if value is None:
            self.undefined[name] = otherwise
        else:
            self.metrics[name] = value


def metrics_of(book: Book, market: Market, settings: Settings) -> dict[str, Any]:
    """Return the content of ``metrics.json``."""
    found, year = _Found(), settings.bars_per_year
    m, returns = found.metrics, book.equity["net_return"].to_numpy(float)
    path = np.concatenate([[1.0], book.equity["equity"].to_numpy(float)])
    m["totalReturn"] = float(path[-1] - 1)
    m["maxDrawdown"] = float((1 - path / np.maximum.accumulate(path)).max())
    _trades(found, book)
    shape = _sharpe(found, returns, settings, traded=len(book.trades) > 0)
    losses = math.sqrt(math.fsum(r * r for r in returns.tolist() if r < 0) / len(returns))
    sortino = _mean(returns) / losses * math.sqrt(year) if losses > 0 else None
    found.put("sortino", sortino, "NoLosses")
    m["turnover"] = _mean(book.traded) * year
    m["exposure"] = _mean(book.exposed)
    for name, value in costs_of(book, market, settings, slice(None)).items():
        found.put(name, value, _UNDEFINED[name])
    for name in [name for name, value in m.items() if unbelievable(name, value)]:
        del m[name]
        found.undefined[name] = "OutOfRange"
    last = f"{market.times[-1]:%Y-%m-%dT%H:%M:%SZ}"
    file = {"schemaVersion": 1, "bars": len(returns), "trainedUntil": last, **shape}
    return file | {"metrics": m, "undefined": found.undefined}


def _trades(found: _Found, book: Book) -> None:
    pnl = book.trades.loc[book.trades["closed"].astype(bool), "net_pnl"].tolist()
    wins, losses = [x for x in pnl if x > 0], [x for x in pnl if x < 0]
    found.metrics["trades"] = len(pnl)
    found.put("winRate", len(wins) / len(pnl) if pnl else None, "NoTrades")
    if pnl:
        low, high = significance.wilson(len(wins), len(pnl))
        found.metrics |= {"winRateLow": low, "winRateHigh": high}
    factor = math.fsum(wins) / -math.fsum(losses) if losses else None
    found.put("profitFactor", factor, "NoLosses" if pnl else "NoTrades")


def _sharpe(
    found: _Found, returns: Floats, settings: Settings, *, traded: bool
) -> dict[str, float]:
    """Add the Sharpe ratio and what rests on it; return its moments."""
    sharpe, bars, m = sharpe_of(returns), len(returns), found.metrics
    if sharpe is None:
        names = ("sharpe", "psr", "deflatedSharpe", "minTrackRecordDays", "score")
        found.undefined |= dict.fromkeys(names, "NoVariance" if traded else "NoTrades")
        return {}
    off = returns - _mean(returns)
    variance = _mean(off**2)
    skew, kurtosis = _mean(off**3) / variance**1.5, _mean(off**4) / variance**2
    known = settings.sharpe_variance
    luck = significance.luckiest(settings.trials, 1 / (bars - 1) if known is None else known)
    m["sharpe"] = sharpe * math.sqrt(settings.bars_per_year)
    m["score"] = m["sharpe"] - 10 * m["maxDrawdown"]
    m["psr"] = significance.psr(sharpe, bars, skew, kurtosis)
    m["deflatedSharpe"] = significance.psr(sharpe, bars, skew, kurtosis, above=luck)
    length = significance.min_track_record(sharpe, skew, kurtosis) if sharpe > 0 else None
    days = None if length is None else length / settings.bars_per_day
    found.put("minTrackRecordDays", days, "SharpeNotPositive")
    return {"srPerBar": sharpe, "skew": skew, "kurtosis": kurtosis}


def sharpe_of(returns: Floats) -> float | None:
    """Mean over standard deviation (ddof 1) per bar; None where nothing varies."""
    if len(returns) < 2:
        return None
    mean = _mean(returns)
    deviation = math.sqrt(math.fsum(((returns - mean) ** 2).tolist()) / (len(returns) - 1))
    return mean / deviation if deviation > _NO_VARIANCE else None


def _annual(returns: Floats, bars_per_year: float) -> float | None:
    sharpe = sharpe_of(returns)
    return None if sharpe is None else sharpe * math.sqrt(bars_per_year)


def _mean(values: Floats) -> float:
    return math.fsum(values.tolist()) / len(values)


def costs_of(
    book: Book, market: Market, settings: Settings, rows: slice
) -> dict[str, float | None]:
    """Return what some rows of the one backtest owe to costs and to the market."""
    twice = net_returns(market, 2 * settings.cost_rate)
    held = returns_of(book.equity["benchmark"].to_numpy(float))
    year = settings.bars_per_year
    return {
        "breakEvenBps": _break_even(market, rows),
        "sharpeAtDoubleCost": _annual(twice[rows], year),
        "buyAndHoldSharpe": _annual(held[rows], year),
    }


def _break_even(market: Market, rows: slice) -> float | None:
    """Bisect the cost rate at which the mean return is 0; 10000 bp if even that is no limit."""

    def gains(rate: float) -> bool:
        return _mean(net_returns(market, rate)[rows]) > 0

    if not gains(0.0):
        return None
    low, high = 0.0, 1.0
    if gains(high):
        return 1e4
    while high - low > _ROOT_WIDTH:
        middle = (low + high) / 2
        low, high = (middle, high) if gains(middle) else (low, middle)
    return (low + high) / 2 * 1e4
