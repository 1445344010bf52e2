"""What the tear sheet shows, and the page made of it."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

import jinja2
import pandas as pd

from clm_api.promotion import judge
from clm_api.report import FoldMetrics, ManifestFile, MetricsFile
from clm_api.run import RunSpec
from clm_trainer.tearsheet import formats, plots, tables

_SHOWN_TRADES = 50
_SHOWN_FEATURES = 20


@dataclass(frozen=True)
class Coverage:
    """The bars of one symbol.

    Parameters
    ----------
    missing
        Bars that the grid has and the source has not.
    """

    symbol: str
    first: datetime
    last: datetime
    bars: int
    missing: int


@dataclass(frozen=True)
class Hole:
    """Missing bars in a row, first and last included."""

    symbol: str
    first: datetime
    last: datetime
    bars: int


@dataclass(frozen=True)
class TearSheet:
    """Everything that the page shows.

    Parameters
    ----------
    title, version, run
        Name of the schedule, of the version, and uid of the run.
    equity, trades
        As in ``equity.parquet`` and ``trades.parquet``.
    importance
        Share of each feature in the model's total gain.
    origin
        Where the bars came from, as sentences.
    data_sha256
        Digest of the exact training frame.
    files
        The other files of the attempt.
    """

    title: str
    version: str
    run: str
    spec: RunSpec
    metrics: MetricsFile
    folds: Sequence[FoldMetrics]
    equity: pd.DataFrame
    trades: pd.DataFrame
    importance: Mapping[str, float]
    coverage: Sequence[Coverage]
    holes: Sequence[Hole]
    origin: Sequence[str]
    data_sha256: str
    libraries: Mapping[str, str]
    code_revision: str
    files: Sequence[ManifestFile]
    created_at: datetime


def render(sheet: TearSheet) -> str:
    """Return the page: one file without scripts and without anything from elsewhere."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("clm_trainer.tearsheet"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(formats.FILTERS)
    return environment.get_template("report.html.j2").render(_context(sheet))


def _context(sheet: TearSheet) -> dict[str, Any]:
    spec, metrics = sheet.spec, sheet.metrics
    top = dict(heapq.nlargest(_SHOWN_FEATURES, sheet.importance.items(), key=itemgetter(1)))
    newest = sheet.trades.sort_values("entry_time", ascending=False, kind="stable")
    return {
        "sheet": sheet,
        "spec": spec,
        "m": metrics.metrics,
        "undefined": metrics.undefined,
        "file": metrics,
        "judgement": judge(
            metrics.metrics,
            metrics.undefined,
            spec.promotion.criteria,
            spec.promotion.significance,
        ),
        "window": (sheet.equity["time"].iloc[0], sheet.equity["time"].iloc[-1]),
        "equity": plots.equity(sheet.equity, sheet.folds),
        "drawdown": plots.drawdown(sheet.equity, spec.promotion.criteria.max_drawdown),
        "folds": plots.folds(sheet.folds),
        "importance": plots.importance(top) if top else None,
        "features": len(sheet.importance),
        "months": tables.MONTHS,
        "years": tables.monthly_returns(sheet.equity),
        "summaries": tables.trade_summaries(sheet.trades, spec.data.symbols),
        "trades": list(newest.head(_SHOWN_TRADES).to_dict("records")),
        "all_trades": len(sheet.trades),
        "cost_bps": spec.costs.fee_bps + spec.costs.slippage_bps,
        "funding": tables.total_funding(sheet.equity) if spec.charges_funding else None,
        "parameters": _parameters(spec),
    }


def _parameters(spec: RunSpec) -> list[tuple[str, dict[str, Any]]]:
    """Return the parameters by group, by their names in the resource."""
    groups = {
        str(spec.model.family): spec.model.parameters.to_json_dict(),
        "target": spec.target.to_json_dict(),
        "evaluation": spec.evaluation.to_json_dict(),
        "costs": spec.costs.to_json_dict(),
    }
    return list(groups.items())
