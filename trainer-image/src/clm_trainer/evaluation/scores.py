"""All metrics of one backtest; an undefined one carries its reason."""

import math
from dataclasses import dataclass, field

import pandas as pd

from clm_api.errors import ClmError
from clm_api.figures import unbelievable
from clm_api.reasons import Reason
from clm_api.run import RunTrials
from clm_trainer.evaluation import metrics, significance
from clm_trainer.evaluation.backtest import Backtest
from clm_trainer.evaluation.costs import cost_figures
from clm_trainer.panel import Floats, Panel


@dataclass
class Scores:
    """Metrics by their name in the resource, and why others are undefined."""

    metrics: dict[str, float] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)
    sr_per_bar: float | None = None
    bars: int = 0
    skew: float | None = None
    kurtosis: float | None = None

    def put(self, name: str, value: float | None, otherwise: str) -> None:
        """Set a metric, or the reason why it is undefined."""
        if value is None:
            self.undefined[name] = otherwise
        else:
            self.metrics[name] = value


def score_of(result: Backtest, trials: RunTrials) -> Scores:
    """Return all metrics of a backtest.

    Raises
    ------
    ClmError
        MetricsRejected: a metric is not a finite number.
    """
    returns = result.equity["net_return"].to_numpy()
    equity = result.equity["equity"].to_numpy()
    panel = result.play.window
    year = panel.bars_per_year
    out = Scores(bars=len(returns))
    out.metrics["totalReturn"] = float(equity[-1] - 1)
    out.metrics["maxDrawdown"] = metrics.max_drawdown(equity)
    _trade_metrics(out, result.trades)
    _sharpe_metrics(out, returns, panel, trials, traded=len(result.trades) > 0)
    out.put("sortino", metrics.sortino(returns, year), "NoLosses")
    honest = cost_figures(result)
    out.metrics["turnover"], out.metrics["exposure"] = honest.turnover, honest.exposure
    out.put("breakEvenBps", honest.break_even_bps, "NoProfitBeforeCosts")
    out.put("sharpeAtDoubleCost", honest.sharpe_at_double_cost, "NoVariance")
    out.put("buyAndHoldSharpe", honest.buy_and_hold_sharpe, "NoVariance")
    _reject_not_finite(out.metrics)
    _leave_out_unbelievable(out)
    return out


def _trade_metrics(out: Scores, trades: pd.DataFrame) -> None:
    pnl = trades.loc[trades["closed"], "net_pnl"].to_numpy()
    out.metrics["trades"] = len(pnl)
    share = metrics.win_rate(pnl)
    out.put("winRate", share, "NoTrades")
    if share is not None:
        low, high = metrics.wilson(share, len(pnl))
        out.metrics |= {"winRateLow": low, "winRateHigh": high}
    none = "NoLosses" if len(pnl) else "NoTrades"
    out.put("profitFactor", metrics.profit_factor(pnl), none)


def _sharpe_metrics(
    out: Scores, returns: Floats, panel: Panel, trials: RunTrials, *, traded: bool
) -> None:
    sharpe = metrics.sharpe_per_bar(returns)
    if sharpe is None:
        names = ("sharpe", "psr", "deflatedSharpe", "minTrackRecordDays", "score")
        out.undefined |= dict.fromkeys(names, "NoVariance" if traded else "NoTrades")
        return
    skew, kurtosis = metrics.skew_and_kurtosis(returns)
    out.sr_per_bar, out.skew, out.kurtosis = sharpe, skew, kurtosis
    m, n = out.metrics, len(returns)
    m["sharpe"] = sharpe * math.sqrt(panel.bars_per_year)
    m["score"] = m["sharpe"] - 10 * m["maxDrawdown"]
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


def _leave_out_unbelievable(out: Scores) -> None:
    """A ratio over next to nothing, such as a loss of 1e-15, is no measurement."""
    for name, value in list(out.metrics.items()):
        if unbelievable(name, value):
            del out.metrics[name]
            out.undefined[name] = "OutOfRange"


def _reject_not_finite(found: dict[str, float]) -> None:
    bad = [name for name, value in found.items() if not math.isfinite(value)]
    if bad:
        raise ClmError(
            Reason.METRICS_REJECTED,
            f"{', '.join(bad)} is not a finite number: the bars or the backtest are broken; "
            "keep the run's files and report it",
        )
