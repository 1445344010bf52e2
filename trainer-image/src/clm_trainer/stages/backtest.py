"""One backtest of the whole out-of-sample window, and everything that is said about it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_api.report import FoldMetrics
from clm_api.run import RunSpec
from clm_trainer.evaluation import backtest, metrics
from clm_trainer.evaluation.backtest import Backtest
from clm_trainer.evaluation.positions import target_positions
from clm_trainer.evaluation.scores import Scores, score_of
from clm_trainer.families.base import Dataset
from clm_trainer.panel import Floats, Panel
from clm_trainer.stages.train import Trained


@dataclass(frozen=True, eq=False)
class Evaluated:
    """The judged window.

    Parameters
    ----------
    predictions
        One row per bar and symbol: what was predicted and decided on its close.
    """

    result: Backtest
    scores: Scores
    folds: tuple[FoldMetrics, ...]
    predictions: pd.DataFrame


def evaluate(panel: Panel, rows: Dataset, trained: Trained, spec: RunSpec) -> Evaluated:
    """Turn percentiles into positions and backtest them once; positions carry over folds.

    Raises
    ------
    ClmError
        MetricsRejected: a metric is not a finite number.
    """
    start, stop = trained.walk.window
    window = panel.window(start, stop)
    sigma, shorts = rows.sigma[start:stop], spec.target.positions != "longFlat"
    targets = target_positions(trained.percentiles, sigma, window, spec.target, shorts=shorts)
    cost_bps = spec.costs.fee_bps + spec.costs.slippage_bps
    result = backtest.run(window, targets, cost_bps)
    scores = score_of(result, window, targets, cost_bps, spec.trials)
    return Evaluated(
        result=result,
        scores=scores,
        folds=_folds(panel, trained, result),
        predictions=_predictions(window, trained, targets),
    )


def _folds(panel: Panel, trained: Trained, result: Backtest) -> tuple[FoldMetrics, ...]:
    start, _ = trained.walk.window
    returns = result.equity["net_return"].to_numpy()
    closed = result.trades[result.trades["closed"]]
    out = []
    for number, span in enumerate(trained.walk.folds):
        begin, end = span.test
        block = returns[begin - start : end - start]
        sharpe = metrics.sharpe_per_bar(block)
        first, last = panel.times[begin], panel.times[end - 1]
        out.append(
            FoldMetrics(
                fold=number,
                train_from=panel.times[span.fit[0]],
                train_to=panel.times[span.calibration[1] - 1],
                test_from=first,
                test_to=last,
                sharpe=None if sharpe is None else sharpe * np.sqrt(panel.bars_per_year),
                total_return=float(np.prod(1 + block) - 1),
                trades=int(closed["exit_time"].between(first, last).sum()),
            )
        )
    return tuple(out)


def _predictions(window: Panel, trained: Trained, targets: Floats) -> pd.DataFrame:
    bars, symbols = targets.shape
    nothing = np.full(bars * symbols, np.nan)
    return pd.DataFrame(
        {
            "time": window.times.repeat(symbols),
            "symbol": pd.Series(np.tile(np.array(window.symbols, dtype=object), bars), dtype="str"),
            "fold": np.repeat(trained.fold_of, symbols),
            "open": window.open.ravel(),
            "close": window.close.ravel(),
            "gap": window.gap.ravel(),
            "funding_rate": nothing,
            "mark_price": nothing,
            "signal": trained.percentiles.ravel(),
            "position": targets.ravel(),
        }
    )


def reference_stats(rows: Dataset, trained: Trained) -> dict[str, object]:
    """Return deciles of every feature on the artifact's training rows, for drift checks."""
    begin, end = trained.walk.final.fit
    known = rows.usable[begin:end]
    table = rows.features[begin:end][known]
    edges = np.quantile(table, np.linspace(0, 1, 11), axis=0)
    features = {name: edges[:, i].tolist() for i, name in enumerate(rows.names)}
    return {"rows": len(table), "features": features, "score": _deciles(trained.ranks.quantiles)}


def _deciles(values: Floats) -> list[float]:
    deciles: list[float] = np.quantile(values, np.linspace(0, 1, 11)).tolist()
    return deciles
