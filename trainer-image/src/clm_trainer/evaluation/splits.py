"""Walk-forward spans with purge: nothing that is fitted sees a test block."""

from dataclasses import dataclass

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.run import RunEvaluation, RunTarget

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
    """

    bars: int
    bars_per_day: float
    first_bar: int = 0
    youngest: int = 0


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
    Its training span ends ``purge_bars + embargo_bars`` before; the last ``calibration_days`` of
    that span rank the scores, and are purged from the rows that are fitted. A purge below
    ``horizon_bars + 1`` is raised to it: the label of row t ends at the open of row t + 1 + h.

    Raises
    ------
    ClmError
        InsufficientData: fewer than 180 days of the youngest symbol before the window.
    """
    bars, per_day, folds = history.bars, history.bars_per_day, evaluation.folds
    window = round(evaluation.period_days * per_day)
    tail = round(target.calibration_days * per_day)
    purge = max(evaluation.purge_bars, target.horizon_bars + 1)
    start = bars - window
    least = round(LEAST_TRAINING_DAYS * per_day)
    shortest = max(least, warm_up_bars + tail + 2 * purge + evaluation.embargo_bars + 1)
    known = bars - history.youngest
    if known - window < shortest:
        have, need = known / per_day, (window + shortest) / per_day
        raise ClmError(
            Reason.INSUFFICIENT_DATA,
            f"{have:.0f} days of bars; evaluation needs at least {need:.0f}: import older bars, "
            "leave out symbols that are listed too recently, "
            "or lower spec.evaluation.periodDays or spec.target.calibrationDays",
        )

    def span(train_end: int, test: tuple[int, int]) -> Span:
        cut = train_end - tail
        return Span((history.first_bar, cut - purge), (cut, train_end), test)

    tests = [(start + k * window // folds, start + (k + 1) * window // folds) for k in range(folds)]
    pause = purge + evaluation.embargo_bars
    return Walk(
        folds=tuple(span(begin - pause, (begin, end)) for begin, end in tests),
        final=span(bars, (bars, bars)),
        window=(start, bars),
    )
