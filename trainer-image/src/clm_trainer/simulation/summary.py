"""The answer in figures: how many passed, what passing was worth, what production earned."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import spearmanr

from clm_trainer.evaluation.backtest import bar_returns
from clm_trainer.evaluation.metrics import max_drawdown
from clm_trainer.simulation.choice import Choice
from clm_trainer.simulation.replay import Past, Simulation


@dataclass(frozen=True)
class NextPeriod:
    """Versions of one verdict, over the ``periodDays`` after their slots.

    Parameters
    ----------
    versions
        Those whose next period lies within the bars.
    mean_sharpe, median_sharpe
        None where no version has a Sharpe ratio.
    """

    versions: int
    mean_sharpe: float | None
    median_sharpe: float | None
    mean_return: float | None


def next_period_of(versions: Sequence[Past], stage: str) -> NextPeriod:
    """Summarise the versions of one stage."""
    known = [v for v in versions if v.stage == stage and v.next_return is not None]
    sharpes = [v.next_sharpe for v in known if v.next_sharpe is not None]
    returns = [v.next_return for v in known if v.next_return is not None]
    return NextPeriod(
        versions=len(known),
        mean_sharpe=statistics.fmean(sharpes) if sharpes else None,
        median_sharpe=statistics.median(sharpes) if sharpes else None,
        mean_return=statistics.fmean(returns) if returns else None,
    )


def gate_correlation(versions: Sequence[Past]) -> float | None:
    """Return Spearman's rank correlation of the gate's and the next period's Sharpe ratio."""
    pairs = [
        (v.metrics["sharpe"], v.next_sharpe)
        for v in versions
        if "sharpe" in v.metrics and v.next_sharpe is not None
    ]
    if len({a for a, _ in pairs}) < 3 or len({b for _, b in pairs}) < 3:
        return None
    return float(spearmanr(*zip(*pairs, strict=True)).statistic)


def summary(simulation: Simulation, choice: Choice) -> dict[str, Any]:
    """Return everything that ``simulation.json`` says; undefined figures are null."""
    versions, equity = simulation.versions, simulation.production.equity
    held = equity["benchmark"].to_numpy()
    judged = [v for v in versions if v.stage != "FAILED"]
    passed = [v for v in judged if v.stage == "CANDIDATE"]
    return {
        "from": equity["time"].iloc[0].isoformat(),
        "to": equity["time"].iloc[-1].isoformat(),
        "versions": len(versions),
        "failed": len(versions) - len(judged),
        "passed": len(passed),
        "passedShare": len(passed) / len(judged) if judged else None,
        "production": simulation.scores.metrics,
        "undefined": simulation.scores.undefined,
        "buyAndHold": {
            "totalReturn": float(held[-1] - 1),
            "maxDrawdown": max_drawdown(held),
            "worstBar": float(bar_returns(held).min()),
        },
        "nextPeriod": {
            "passed": vars(next_period_of(versions, "CANDIDATE")),
            "rejected": vars(next_period_of(versions, "REJECTED")),
            "gateCorrelation": gate_correlation(versions),
        },
        "overfitting": vars(choice),
        "promotions": [
            {
                "slot": p.slot.isoformat(),
                "replaced": None if p.replaced is None else p.replaced.isoformat(),
            }
            for p in simulation.promotions
        ],
        "history": [_row(v) for v in versions],
    }


def _row(version: Past) -> dict[str, Any]:
    shown = ("sharpe", "winRate", "profitFactor", "maxDrawdown", "trades", "psr", "deflatedSharpe")
    return {
        "slot": version.slot.isoformat(),
        "stage": version.stage,
        "reason": version.reason,
        **{name: version.metrics.get(name) for name in shown},
        "nextSharpe": version.next_sharpe,
        "nextReturn": version.next_return,
    }
