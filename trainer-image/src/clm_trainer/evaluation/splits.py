"""Walk-forward spans with purge: nothing that is fitted sees a test block."""

from dataclasses import dataclass

import numpy as np

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.run import RunEvaluation, RunTarget
from clm_trainer.targets.base import Ints

LEAST_TRAINING_DAYS = 180


@dataclass(frozen=True)
class Span:
    """Rows of one fit, all half-open.

    Parameters
    ----------
    fit
        Rows whose labels are learned.
    calibration
        Rows on which scores are ranked; the tail of the training span.
    test
        Rows that are predicted; empty for the final fit.
    """

    fit: tuple[int, int]
    calibration: tuple[int, int]
    test: tuple[int, int]


@dataclass(frozen=True)
class History:
    """The bars that a run may learn from.

    Parameters
    ----------
    bars
        Rows in all.
    first_bar
        Row of the first bar of any symbol: training starts there.
    youngest
        Row of the youngest symbol's first bar.
    reach
        Row of the last bar that decides any label of a row, shape (bars,).
    """

    bars: int
    bars_per_day: float
    reach: Ints
    first_bar: int = 0
    youngest: int = 0

    def settled_before(self, boundary: int, purge_bars: int) -> int:
        """Return where rows end of which no label reaches a boundary, at least a purge before."""
        reaching = self.reach >= boundary
        first = int(np.argmax(reaching)) if reaching.any() else boundary
        return min(boundary - purge_bars, first)


@dataclass(frozen=True)
class Walk:
    """All spans of a run: one per fold, and the final fit on everything."""

    folds: tuple[Span, ...]
    final: Span
    window: tuple[int, int]
    """Rows of the evaluation window."""


def walk_forward(
    history: History, evaluation: RunEvaluation, target: RunTarget, warm_up_bars: int
) -> Walk:
    """Cut the rows into folds.

    The window is the last ``period_days``; with n bars fold k tests [k·n//folds, (k+1)·n//folds).
    Its training span ends before the first row whose label reaches the test block, and at least
    ``purge_bars`` before the block; ``embargo_bars`` more are dropped. The last
    ``calibration_days`` of that span rank the scores, and are purged in the same way from the rows
    that are fitted.

    Raises
    ------
    ClmError
        InsufficientData: fewer than 180 days of the youngest symbol before the window.
    """
    bars, per_day, folds = history.bars, history.bars_per_day, evaluation.folds
    window = round(evaluation.period_days * per_day)
    tail = round(target.calibration_days * per_day)
    start = bars - window

    def span(train_end: int, test: tuple[int, int]) -> Span:
        cut = train_end - tail
        fitted = history.settled_before(cut, evaluation.purge_bars)
        return Span((history.first_bar, fitted), (cut, train_end), test)

    def before(test: tuple[int, int]) -> Span:
        settled = history.settled_before(test[0], evaluation.purge_bars)
        return span(settled - evaluation.embargo_bars, test)

    tests = [(start + k * window // folds, start + (k + 1) * window // folds) for k in range(folds)]
    spans = tuple(before(test) for test in tests)
    final = span(bars, (bars, bars))
    lost = start - min(one.fit[1] for one in (*spans, final))
    shortest = max(round(LEAST_TRAINING_DAYS * per_day), warm_up_bars + 1 + lost)
    known = bars - history.youngest
    if known - window < shortest:
        have, need = known / per_day, (window + shortest) / per_day
        raise ClmError(
            Reason.INSUFFICIENT_DATA,
            f"{have:.0f} days of bars; evaluation needs at least {need:.0f}: import older bars, "
            "leave out symbols that are listed too recently, "
            "or lower spec.evaluation.periodDays or spec.target.calibrationDays"
            f"{_far(history, evaluation)}",
        )
    return Walk(folds=spans, final=final, window=(start, bars))


def _far(history: History, evaluation: RunEvaluation) -> str:
    """Say how far labels look ahead, where that is further than the purge."""
    furthest = int((history.reach - np.arange(history.bars)).max())
    if furthest <= evaluation.purge_bars:
        return ""
    return f"; a label of spec.target.kind looks {furthest} bars ahead"
