"""The whole check: digests, then every number of the attempt."""

from collections.abc import Mapping
from typing import Any

from clm_trainer.recompute.book import Book, keep_book
from clm_trainer.recompute.claims import Claims, read
from clm_trainer.recompute.compare import Group
from clm_trainer.recompute.digests import Objects, checked_files
from clm_trainer.recompute.folds import folds_of, window_of
from clm_trainer.recompute.market import Market, market_of
from clm_trainer.recompute.metrics import metrics_of

_SMALL = {"metrics.breakEvenBps": 10.0, "breakEvenBps": 10.0}
"""A basis point is 1e-4 of the cost rate that is compared: 1e-12 of the rate are 1e-8 bp."""


def verify(run: Objects) -> list[Group]:
    """Check a published run: its digests, then whether its numbers follow from its files.

    Parameters
    ----------
    run
        The store, opened at the manifest's folder.

    Returns
    -------
    list of Group
        digests, equity, trades, metrics, folds; differences say what does not agree.

    Raises
    ------
    ClmError
        SpecInvalid: there is no manifest. ArtifactCorrupt: a file is not what the manifest says,
        or can't be read. MetricsRejected: the predictions can't be accounted for.
    """
    count, files = checked_files(run)
    return [Group("digests", f"{count} files"), *verify_files(files)]


def verify_files(files: Mapping[str, bytes]) -> list[Group]:
    """Recompute equity, trades, metrics and folds from files, named as within the attempt.

    Raises
    ------
    ClmError
        ArtifactCorrupt, MetricsRejected: as for ``verify``.
    """
    claims = read(files)
    market = market_of(claims)
    book = keep_book(market, claims.settings.cost_rate)
    return [
        _equity(claims, book),
        _trades(claims, book),
        _metrics(claims, market, book),
        _folds(claims, market, book),
    ]


def _equity(claims: Claims, book: Book) -> Group:
    group = Group("equity", f"{len(book.equity)} rows")
    group.frame("equity.parquet", claims.equity, book.equity, ("time",))
    group.value("run.json", "ruined", "", claims.settings.ruined, book.ruined)
    return group


def _trades(claims: Claims, book: Book) -> Group:
    group = Group("trades", f"{len(book.trades)} rows")
    group.frame("trades.parquet", claims.trades, book.trades, ("symbol", "entry_time"))
    return group


def _metrics(claims: Claims, market: Market, book: Book) -> Group:
    recomputed = metrics_of(book, market, claims.settings)
    group = Group("metrics", f"{len(recomputed['metrics'])} metrics")
    group.mapping("metrics.json", _flat(claims.metrics), _flat(recomputed), small=_SMALL)
    return group


def _flat(report: dict[str, Any]) -> dict[str, Any]:
    """Return the file's values under one name each, such as ``metrics.sharpe``."""
    nested = ("metrics", "undefined")
    flat = {name: value for name, value in report.items() if name not in nested}
    return flat | {f"{group}.{n}": value for group in nested for n, value in report[group].items()}


def _folds(claims: Claims, market: Market, book: Book) -> Group:
    settings = claims.settings
    recomputed = folds_of(book, market, settings)
    group = Group("folds", f"{len(recomputed)} folds")
    window, bars = window_of(market, settings)
    group.value("predictions.parquet", "bars", "", len(market.times), bars)
    group.frame("predictions.parquet", claims.predictions, window, ("time", "symbol"))
    group.value("folds.json", "folds", "", len(claims.folds), len(recomputed))
    for stored, made in zip(claims.folds, recomputed, strict=False):
        row = f"fold {made['fold']}"
        group.mapping("folds.json", stored, made, row=row, small=_SMALL)
    return group
