"""What the tear sheet shows, and the page made of it."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

import pandas as pd

from clm_api.promotion import judge
from clm_api.report import FoldMetrics, ManifestFile, MetricsFile
from clm_api.run import RunSpec
from clm_trainer.evaluation.performance import DAYS_PER_YEAR, rolling_bars
from clm_trainer.tearsheet import (
    formats,
    plots,
    provenance,
    results,
    tables,
    trades,
    verdict,
    words,
)
from clm_trainer.tearsheet.holes import Coverage, Hole
from clm_trainer.tearsheet.page import environment
from clm_trainer.tearsheet.svg import LINES
from clm_trainer.tearsheet.verdict import Production

_SHOWN_FEATURES = 20


@dataclass(frozen=True)
class TearSheet:
    """Everything that the page shows.

    Parameters
    ----------
    title, version, run
        Name of the schedule, of the version, and uid of the run.
    equity, trades, predictions
        As in ``equity.parquet``, ``trades.parquet`` and ``predictions.parquet``.
    sleeves
        Value of each symbol's sleeve at each close, from 1.0; columns are symbols.
    importance
        Share of each feature in the model's total gain.
    origin
        Where the bars came from, as sentences.
    data_sha256
        Digest of the exact training frame.
    git_revision
        The commit that the trainer was built from, as far as it is known.
    files
        The other files of the attempt.
    production
        The version in production, or a sentence that says why there is nothing to compare with.
    """

    title: str
    version: str
    run: str
    spec: RunSpec
    metrics: MetricsFile
    folds: tuple[FoldMetrics, ...]
    equity: pd.DataFrame
    sleeves: pd.DataFrame
    trades: pd.DataFrame
    predictions: pd.DataFrame
    importance: Mapping[str, float]
    coverage: Sequence[Coverage]
    holes: Sequence[Hole]
    origin: Sequence[str]
    data_sha256: str
    libraries: Mapping[str, str]
    code_revision: str
    git_revision: str
    files: Sequence[ManifestFile]
    production: Production | str
    created_at: datetime

    @property
    def bars_per_year(self) -> float:
        """Number of bars in a year of 365.25 days."""
        return DAYS_PER_YEAR * (pd.Timedelta(days=1) / pd.Timedelta(self.spec.data.timeframe))


def render(sheet: TearSheet) -> str:
    """Return the page: one file without scripts and without anything from elsewhere."""
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            {"sheet": sheet, "spec": sheet.spec, "words": words}
            | _head(sheet)
            | _curves(sheet)
            | _production(sheet)
            | _trading(sheet)
            | _sources(sheet)
        )
    )


def _head(sheet: TearSheet) -> dict[str, Any]:
    spec, file = sheet.spec, sheet.metrics
    rules = spec.promotion
    judgement = judge(file.metrics, file.undefined, rules.criteria, rules.significance)
    return {
        "m": file.metrics,
        "file": file,
        "judgement": judgement,
        "criteria": verdict.criteria(judgement),
        "window": (sheet.equity["time"].iloc[0], sheet.equity["time"].iloc[-1]),
        "performances": verdict.performances(sheet.equity, sheet.bars_per_year),
    }


def _curves(sheet: TearSheet) -> dict[str, Any]:
    frame, year, rules = sheet.equity, sheet.bars_per_year, sheet.spec.promotion.criteria
    window = rolling_bars(len(frame), year)
    shown = _extremes(sheet.sleeves)
    return {
        "equity": plots.equity(frame, sheet.folds),
        "drawdown": plots.drawdown(frame, rules.max_drawdown),
        "rolling": plots.rolling(frame, window, year, rules.min_sharpe),
        "rolling_days": window / year * DAYS_PER_YEAR,
        "falls": results.falls(frame),
        "months": results.months(tables.monthly_returns(frame)),
        "sleeves": plots.sleeves(shown, frame),
        "lines": [(str(n), c.name.lower()) for n, c in zip(shown, LINES, strict=False)],
        "symbols": results.symbols(sheet.sleeves, sheet.trades, year),
    }


def _extremes(sleeves: pd.DataFrame) -> pd.DataFrame:
    """Return the sleeves that a plot has colours for: where there are more, best and worst."""
    if sleeves.shape[1] <= len(LINES):
        return sleeves
    order = sleeves.iloc[-1].sort_values(ascending=False, kind="stable").index
    half = len(LINES) // 2
    return sleeves[[*order[:half], *order[-half:]]]


def _production(sheet: TearSheet) -> dict[str, Any]:
    found = sheet.production
    if isinstance(found, str):
        return {"production": None, "no_production": found}
    return {
        "production": found,
        "side_by_side": verdict.side_by_side(sheet.metrics.metrics, found),
        "shared": verdict.on_shared_bars(sheet.equity, found, sheet.bars_per_year),
    }


def _trading(sheet: TearSheet) -> dict[str, Any]:
    spec = sheet.spec
    tenths = results.score_tenths(sheet.predictions, spec.target.horizon_bars)
    top = heapq.nlargest(_SHOWN_FEATURES, sheet.importance.items(), key=itemgetter(1))
    made = tables.trade_summaries(sheet.trades, spec.data.symbols)
    return {
        "luck": results.luck(sheet.metrics, spec),
        "costs": results.costs(sheet.metrics, sheet.folds),
        "cost_bps": spec.cost_bps,
        "funding": tables.total_funding(sheet.equity) if spec.charges_funding else None,
        "folds": plots.folds(sheet.folds),
        "fold_rows": results.folds(sheet.folds),
        "purged": results.purged(sheet.folds, spec),
        "tenths": plots.tenths(tenths),
        "tenth_rows": results.tenths(tenths),
        "summaries": trades.summaries(made),
        "every_trade": trades.every_trade(sheet.trades, funding=spec.charges_funding),
        "all_trades": len(sheet.trades),
        "importance": plots.importance(_spoken(top)) if top else None,
        "features": len(sheet.importance),
    }


def _spoken(shares: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Return shares by a person's words; features of the same words, as both of an hour, add."""
    out: dict[str, float] = {}
    for name, share in shares:
        said = words.feature(name)
        out[said] = out.get(said, 0.0) + share
    return dict(sorted(out.items(), key=lambda one: -one[1]))


def _sources(sheet: TearSheet) -> dict[str, Any]:
    spec = sheet.spec
    return {
        "coverage": provenance.coverage(sheet.coverage),
        "settings": provenance.settings(spec),
        "run": provenance.pairs(
            {
                "seed": spec.model.seed,
                "image": spec.pod.image,
                "image digest": provenance.image_digest(spec.pod.image),
                "trainer": sheet.code_revision,
                "git revision": sheet.git_revision,
                "written": formats.moment(sheet.created_at),
                "run": sheet.run,
                "data sha256": sheet.data_sha256,
            }
        ),
        "libraries": provenance.pairs(sheet.libraries),
        "files": provenance.files(sheet.files),
    }
