"""One backtest of the whole out-of-sample window, and everything that is said about it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_api.report import FoldMetrics
from clm_api.run import RunSpec
from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.backtest import Backtest
from clm_trainer.evaluation.play import Play
from clm_trainer.evaluation.positions import target_positions
from clm_trainer.evaluation.scores import Scores, score_of
from clm_trainer.families.base import Dataset
from clm_trainer.panel import Floats, Panel
from clm_trainer.stages.folds import fold_metrics
from clm_trainer.stages.funding import at_opens, dues
from clm_trainer.stages.train import Trained


@dataclass(frozen=True, eq=False)
class Evaluated:
    """The judged window.

    Parameters
    ----------
    predictions
        One row per bar and symbol: what was predicted and decided on its close.
    funding
        Every funding event of the window: time, symbol, funding_rate, mark_price; None where
        none is charged.
    """

    result: Backtest
    scores: Scores
    folds: tuple[FoldMetrics, ...]
    predictions: pd.DataFrame
    funding: pd.DataFrame | None


def evaluate(
    panel: Panel,
    rows: Dataset,
    trained: Trained,
    spec: RunSpec,
    events: pd.DataFrame | None = None,
) -> Evaluated:
    """Turn percentiles into positions and backtest them once; positions carry over folds.

    Parameters
    ----------
    events
        The funding that the window's perpetuals had, as ``funding_events`` returns it.

    Raises
    ------
    ClmError
        MetricsRejected: a metric is not a finite number.
    ValueError
        The run charges funding, and there are no events.
    """
    if spec.charges_funding and events is None:
        raise ValueError("a run that charges funding needs the window's events")
    start, stop = trained.walk.window
    window = panel.window(start, stop)
    sigma = rows.sigma[start:stop]
    targets = target_positions(trained.percentiles, sigma, window, spec.target, shorts=spec.shorts)
    funding = None if events is None else dues(events, window)
    result = backtest.run(Play(window, targets, spec.cost_bps, funding))
    return Evaluated(
        result=result,
        scores=score_of(result, spec.trials),
        folds=fold_metrics(panel, trained, result),
        predictions=_predictions(window, trained, targets, events),
        funding=events,
    )


def _predictions(
    window: Panel, trained: Trained, targets: Floats, events: pd.DataFrame | None
) -> pd.DataFrame:
    bars, symbols = targets.shape
    rate, mark = at_opens(events, window)
    return pd.DataFrame(
        {
            "time": window.times.repeat(symbols),
            "symbol": pd.Series(np.tile(np.array(window.symbols, dtype=object), bars), dtype="str"),
            "fold": np.repeat(trained.fold_of, symbols),
            "open": window.open.ravel(),
            "close": window.close.ravel(),
            "gap": window.gap.ravel(),
            "funding_rate": rate.ravel(),
            "mark_price": mark.ravel(),
            "signal": trained.percentiles.ravel(),
            "position": targets.ravel(),
        }
    )
