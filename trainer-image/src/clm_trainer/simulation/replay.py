"""What would have come of it: versions judged in order, promoted by the rules, traded.

Training needs no order; judging does: a version's deflated Sharpe ratio counts the ones before it.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from clm_api.promotion import judge
from clm_api.report import MetricsFile
from clm_api.run import RunSpec, RunTrials
from clm_trainer.evaluation import backtest, significance
from clm_trainer.evaluation.backtest import Backtest
from clm_trainer.evaluation.metrics import annual_sharpe
from clm_trainer.evaluation.play import Funding, Play
from clm_trainer.evaluation.positions import target_positions
from clm_trainer.evaluation.scores import Scores, score_of
from clm_trainer.panel import Floats, Panel
from clm_trainer.simulation.version import PastVersion


@dataclass(frozen=True)
class Past:
    """One version after its judgement.

    Parameters
    ----------
    stage, reason
        CANDIDATE, REJECTED or FAILED, and why.
    metrics
        Its gate's metrics by name, the deflated Sharpe ratio counting all versions before it.
    next_sharpe, next_return
        Of its own trades over the ``periodDays`` after its slot; None where the bars end before,
        or the ratio is undefined.
    """

    slot: datetime
    stage: str
    reason: str
    metrics: dict[str, float]
    next_sharpe: float | None = None
    next_return: float | None = None


@dataclass(frozen=True)
class Promotion:
    """A change of the production model."""

    slot: datetime
    replaced: datetime | None
    """Slot of the version before it; None for the first."""


@dataclass(frozen=True, eq=False)
class Simulation:
    """The answer.

    Parameters
    ----------
    production
        Backtest of whatever was in production, flat before the first promotion.
    """

    versions: tuple[Past, ...]
    promotions: tuple[Promotion, ...]
    production: Backtest
    scores: Scores


def replay(
    versions: Iterable[PastVersion],
    panel: Panel,
    spec: RunSpec,
    funding: Funding | None = None,
) -> Simulation:
    """Judge every version, put each candidate into production, trade what is there.

    A candidate replaces production at its own slot: nothing is faster than a person who approves
    each at once, so this shows what the gate alone is worth. Positions carry over a replacement.

    Parameters
    ----------
    versions
        In the order of their slots; each is looked at once.
    panel
        The traded range: starts at the first slot.
    funding
        Of the same range, perpetuals only.
    """
    shape = panel.close.shape
    percentiles, sigma = np.full(shape, np.nan), np.ones(shape)
    judged: list[Past] = []
    promotions: list[Promotion] = []
    for version in versions:
        past = _judged(version, judged, panel, spec, funding)
        judged.append(past)
        if past.stage == "CANDIDATE":
            begin = len(panel) - len(version.percentiles)
            percentiles[begin:], sigma[begin:] = version.percentiles, version.sigma
            before = promotions[-1].slot if promotions else None
            promotions.append(Promotion(version.slot, before))
    targets = positions(percentiles, sigma, panel, spec)
    production = backtest.run(Play(panel, targets, spec.cost_bps, funding))
    tried = sum(past.stage != "FAILED" for past in judged) * spec.model.seeds
    scores = score_of(production, RunTrials(count=max(tried, 1)))
    return Simulation(tuple(judged), tuple(promotions), production, scores)


def positions(percentiles: Floats, sigma: Floats, panel: Panel, spec: RunSpec) -> Floats:
    """Return target positions; bars without a percentile decide nothing."""
    return target_positions(percentiles, sigma, panel, spec.target, shorts=spec.shorts)


def _judged(
    version: PastVersion,
    before: Sequence[Past],
    panel: Panel,
    spec: RunSpec,
    funding: Funding | None,
) -> Past:
    if version.metrics is None:
        return Past(version.slot, "FAILED", version.failure, {})
    metrics = deflated(version.metrics, before, panel.bars_per_year, spec.model.seeds)
    rules = spec.promotion
    verdict = judge(metrics, version.metrics.undefined, rules.criteria, rules.significance)
    return Past(
        version.slot,
        verdict.stage,
        verdict.reason,
        metrics,
        *next_period(version, panel, spec, funding),
    )


def deflated(
    file: MetricsFile, before: Sequence[Past], bars_per_year: float, seeds: int = 1
) -> dict[str, float]:
    """Return the metrics with the deflated Sharpe ratio that the trials so far allow.

    Parameters
    ----------
    seeds
        Trials that each version is, as on a cluster.
    """
    metrics = dict(file.metrics)
    if file.sr_per_bar is None or file.skew is None or file.kurtosis is None:
        return metrics
    known = [p.metrics["sharpe"] for p in before if "sharpe" in p.metrics]
    variance = statistics.variance(known) / bars_per_year if len(known) > 1 else None
    metrics["deflatedSharpe"] = significance.deflated_sharpe_ratio(
        sharpe=file.sr_per_bar,
        observations=file.bars,
        skew=file.skew,
        kurtosis=file.kurtosis,
        trials=(sum(1 for p in before if p.metrics) + 1) * seeds,
        variance=variance,
    )
    return metrics


def next_period(
    version: PastVersion, panel: Panel, spec: RunSpec, funding: Funding | None = None
) -> tuple[float | None, float | None]:
    """Return Sharpe ratio and return of a version over the period after its slot."""
    begin = len(panel) - len(version.percentiles)
    bars = round(spec.evaluation.period_days * panel.bars_per_day)
    if begin + bars > len(panel):
        return None, None
    rows = slice(begin, begin + bars)
    window = panel.window(begin, begin + bars)
    targets = positions(version.percentiles[:bars], version.sigma[:bars], window, spec)
    due = None if funding is None else funding.rows(rows)
    returns = backtest.net_returns(Play(window, targets, spec.cost_bps, due))
    return annual_sharpe(returns, panel.bars_per_year), float(np.prod(1 + returns) - 1)
