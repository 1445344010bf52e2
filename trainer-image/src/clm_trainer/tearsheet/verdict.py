"""The top of the page: what was decided, why, and how it compares with what is in production."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from clm_api.promotion import Judgement, Verdict
from clm_trainer.evaluation.performance import Performance, performance
from clm_trainer.tearsheet import words
from clm_trainer.tearsheet.formats import number, percent, tint
from clm_trainer.tearsheet.grid import Cell, Grid, row

_COMPARED = (
    "sharpe", "totalReturn", "maxDrawdown", "winRate", "profitFactor", "trades", "psr",
    "deflatedSharpe", "breakEvenBps",
)  # fmt: skip


@dataclass(frozen=True)
class Production:
    """The version in production when the run was started.

    Parameters
    ----------
    metrics
        What it was judged by, on its own window.
    equity
        Its ``equity.parquet``: out of sample, as this run's.
    """

    version: str
    since: datetime
    metrics: Mapping[str, float]
    equity: pd.DataFrame


def criteria(judgement: Judgement) -> Grid:
    """Return one row per criterion: reached, asked for, and whether that is enough."""
    rows = [
        row(
            words.metric(one.name),
            words.reached(one),
            words.threshold(one),
            Cell("met", "win") if one.verdict is Verdict.PASSED else Cell("missed", "loss"),
        )
        for one in judgement.verdicts
    ]
    return Grid(("criterion", "reached", "asked for", "verdict"), rows)


def performances(equity: pd.DataFrame, bars_per_year: float) -> Grid:
    """Return the figures of the model beside those of buy and hold."""
    figures = [
        performance(equity[name].to_numpy(), bars_per_year) for name in ("equity", "benchmark")
    ]
    headings = (
        "", "return", "return a year", "volatility a year", "Sharpe", "Sortino", "Calmar",
        "largest drawdown",
    )  # fmt: skip
    names = ("model, net of costs", "buy and hold")
    return Grid(headings, [_figures(n, f) for n, f in zip(names, figures, strict=True)])


def _figures(name: str, of: Performance) -> tuple[Cell, ...]:
    return row(
        name,
        Cell(percent(of.total_return), tint(of.total_return)),
        Cell(percent(of.annual_return), tint(of.annual_return)),
        percent(of.volatility),
        number(of.sharpe),
        number(of.sortino),
        number(of.calmar),
        percent(of.max_drawdown),
    )


def side_by_side(metrics: Mapping[str, float], production: Production) -> Grid:
    """Return both versions' metrics, each on the window that it was judged on."""
    rows = [
        row(
            words.metric(name),
            words.value(name, metrics.get(name)),
            words.value(name, production.metrics.get(name)),
        )
        for name in _COMPARED
    ]
    return Grid(("figure, own window", "this version", "in production"), rows)


@dataclass(frozen=True)
class Shared:
    """Both versions on the bars that both were judged on, out of sample.

    Parameters
    ----------
    bars
        How many; 0: none, and the rest is empty.
    """

    bars: int
    first: datetime | None = None
    last: datetime | None = None
    grid: Grid | None = None


def on_shared_bars(equity: pd.DataFrame, production: Production, bars_per_year: float) -> Shared:
    """Return the figures of both versions on their common bars; each starts anew from 1.0."""
    ours = equity.set_index("time")["net_return"]
    theirs = production.equity.set_index("time")["net_return"]
    both = pd.concat({"this version": ours, "in production": theirs}, axis=1, join="inner")
    if len(both) < 2:
        return Shared(0)
    figures = [
        _figures(str(name), performance((1 + both[name]).cumprod().to_numpy(), bars_per_year))
        for name in both
    ]
    headings = (
        "same bars", "return", "return a year", "volatility a year", "Sharpe", "Sortino",
        "Calmar", "largest drawdown",
    )  # fmt: skip
    times = both.index
    return Shared(len(both), times[0], times[-1], Grid(headings, figures))
