"""What each fold contributed to the one backtest of the window."""

import numpy as np

from clm_api.report import FoldMetrics
from clm_trainer.evaluation import metrics
from clm_trainer.evaluation.backtest import Backtest
from clm_trainer.evaluation.costs import cost_figures
from clm_trainer.panel import Panel
from clm_trainer.stages.train import Trained


def fold_metrics(panel: Panel, trained: Trained, result: Backtest) -> tuple[FoldMetrics, ...]:
    """Return the spans of the folds, and their share of the result.

    Parameters
    ----------
    result
        Backtest of the evaluation window.
    """
    start, _ = trained.walk.window
    returns = result.equity["net_return"].to_numpy()
    closed = result.trades[result.trades["closed"]]
    out = []
    for number, span in enumerate(trained.walk.folds):
        begin, end = span.test
        rows = slice(begin - start, end - start)
        first, last = panel.times[begin], panel.times[end - 1]
        out.append(
            FoldMetrics(
                fold=number,
                train_from=panel.times[span.fit[0]],
                train_to=panel.times[span.calibration[1] - 1],
                test_from=first,
                test_to=last,
                sharpe=metrics.annual_sharpe(returns[rows], panel.bars_per_year),
                total_return=float(np.prod(1 + returns[rows]) - 1),
                trades=int(closed["exit_time"].between(first, last).sum()),
                **vars(cost_figures(result, rows)),
            )
        )
    return tuple(out)
