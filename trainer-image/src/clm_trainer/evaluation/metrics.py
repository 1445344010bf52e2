"""Metrics of a backtest as pinned by the evaluation page; an undefined one carries its reason."""

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import norm

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.run import RunTrials
from clm_trainer.evaluation import backtest, significance
from clm_trainer.evaluation.backtest import Backtest
from clm_trainer.panel import Floats, Panel

_BISECTIONS = 60
_HIGHEST_COST_BPS = 10_000.0


@dataclass
class Scores:
    """Metrics by their name in the resource, and why others are undefined."""

    metrics: dict[str, float] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)
    sr_per_bar: float | None = None
    bars: int = 0
    skew: float | None = None
    kurtosis: float | None = None


def sharpe_per_bar(returns: Floats) -> float | None:
    """Mean over standard deviation (ddof 1); None without variance."""
    if len(returns) < 2:
        return None
    deviation = float(returns.std(ddof=1))
    return float(returns.mean()) / deviation if deviation > 1e-15 else None


def sortino(returns: Floats, bars_per_year: float) -> float | None:
    """Mean over the root of the mean squared loss, annualised; None without a loss."""
    downside = math.sqrt(float((np.minimum(returns, 0) ** 2).mean()))
    return float(returns.mean()) / downside * math.sqrt(bars_per_year) if downside > 0 else None


def max_drawdown(equity: Floats) -> float:
    """Largest fall from the running maximum, the start of 1.0 included; positive fraction."""
    path = np.concatenate([[1.0], equity])
    return float((1 - path / np.maximum.accumulate(path)).max())


def wilson(wins: int, trades: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    z = float(norm.ppf(0.975))
    share, spread = wins / trades, z * z / trades
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / trades + spread / (4 * trades))
    return centre - half, centre + half


def break_even_bps(panel: Panel, targets: Floats) -> float | None:
    """Return the cost a side at which the Sharpe ratio is 0; None if it is not positive at 0."""

    def mean(cost_bps: float) -> float:
        return float(backtest.net_returns(panel, targets, cost_bps).mean())

    if mean(0.0) <= 0:
        return None
    low, high = 0.0, 1.0
    while mean(high) > 0 and high < _HIGHEST_COST_BPS:
        high *= 2
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if mean(middle) > 0 else (low, middle)
    return (low + high) / 2


def score(panel: Panel, targets: Floats, cost_bps: float, trials: RunTrials) -> Scores:
    """Backtest targets once and return all metrics.

    Raises
    ------
    ClmError
        MetricsRejected: a metric is not a finite number.
    """
    return score_of(backtest.run(panel, targets, cost_bps), panel, targets, cost_bps, trials)


def score_of(
    result: Backtest, panel: Panel, targets: Floats, cost_bps: float, trials: RunTrials
) -> Scores:
    """Return all metrics of a backtest that was run already."""
    returns = result.equity["net_return"].to_numpy()
    equity = result.equity["equity"].to_numpy()
    year = panel.bars_per_year
    out = Scores(bars=len(returns))
    m = out.metrics
    m["totalReturn"] = float(equity[-1] - 1)
    m["maxDrawdown"] = max_drawdown(equity)
    m["turnover"], m["exposure"] = result.turnover, result.exposure
    _trade_metrics(out, result.trades)
    _sharpe_metrics(out, returns, panel, trials)
    if (value := sortino(returns, year)) is not None:
        m["sortino"] = value
    else:
        out.undefined["sortino"] = "NoLosses"
    if (value := break_even_bps(panel, targets)) is not None:
        m["breakEvenBps"] = value
    else:
        out.undefined["breakEvenBps"] = "NoProfitBeforeCosts"
    doubled = sharpe_per_bar(backtest.net_returns(panel, targets, 2 * cost_bps))
    _annual(out, "sharpeAtDoubleCost", doubled, year)
    bench = np.concatenate([[1.0], result.equity["benchmark"].to_numpy()])
    _annual(out, "buyAndHoldSharpe", sharpe_per_bar(bench[1:] / bench[:-1] - 1), year)
    if "sharpe" in m:
        m["score"] = m["sharpe"] - 10 * m["maxDrawdown"]
    else:
        out.undefined["score"] = out.undefined["sharpe"]
    _reject_not_finite(m)
    return out


def _trade_metrics(out: Scores, trades: pd.DataFrame) -> None:
    pnl = trades.loc[trades["closed"], "net_pnl"].to_numpy()
    out.metrics["trades"] = len(pnl)
    if len(pnl) == 0:
        out.undefined |= dict.fromkeys(("winRate", "profitFactor"), "NoTrades")
        return
    wins = int((pnl > 0).sum())
    out.metrics["winRate"] = wins / len(pnl)
    out.metrics["winRateLow"], out.metrics["winRateHigh"] = wilson(wins, len(pnl))
    losses = float(-pnl[pnl < 0].sum())
    if losses > 0:
        out.metrics["profitFactor"] = float(pnl[pnl > 0].sum()) / losses
    else:
        out.undefined["profitFactor"] = "NoLosses"


def _sharpe_metrics(out: Scores, returns: Floats, panel: Panel, trials: RunTrials) -> None:
    sharpe = sharpe_per_bar(returns)
    if sharpe is None:
        names = ("sharpe", "psr", "deflatedSharpe", "minTrackRecordDays")
        why = "NoTrades" if out.metrics["trades"] == 0 else "NoVariance"
        out.undefined |= dict.fromkeys(names, why)
        return
    standard = (returns - returns.mean()) / returns.std()
    skew, kurtosis = float((standard**3).mean()), float((standard**4).mean())
    out.sr_per_bar, out.skew, out.kurtosis = sharpe, skew, kurtosis
    m, n = out.metrics, len(returns)
    m["sharpe"] = sharpe * math.sqrt(panel.bars_per_year)
    m["psr"] = significance.probabilistic_sharpe_ratio(
        sharpe=sharpe, observations=n, skew=skew, kurtosis=kurtosis
    )
    m["deflatedSharpe"] = significance.deflated_sharpe_ratio(
        sharpe=sharpe,
        observations=n,
        skew=skew,
        kurtosis=kurtosis,
        trials=trials.count,
        variance=trials.sharpe_variance,
    )
    if sharpe > 0:
        length = significance.minimum_track_record_length(
            sharpe=sharpe, skew=skew, kurtosis=kurtosis
        )
        m["minTrackRecordDays"] = length / panel.bars_per_day
    else:
        out.undefined["minTrackRecordDays"] = "SharpeNotPositive"


def _annual(out: Scores, name: str, per_bar: float | None, bars_per_year: float) -> None:
    if per_bar is None:
        out.undefined[name] = "NoVariance"
    else:
        out.metrics[name] = per_bar * math.sqrt(bars_per_year)


def _reject_not_finite(metrics: dict[str, float]) -> None:
    bad = [name for name, value in metrics.items() if not math.isfinite(value)]
    if bad:
        raise ClmError(
            Reason.METRICS_REJECTED,
            f"{', '.join(bad)} is not a finite number: the bars or the backtest are broken; "
            "keep the run's files and report it",
        )
