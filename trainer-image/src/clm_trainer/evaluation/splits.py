"""Walk-forward spans with purge: nothing that is fitted sees a test block."""

from dataclasses import dataclass

from clm_api.errors import ClmError
from clm_api.reasons import Reason

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
class Walk:
    """All spans of a run: one per fold, and the final fit on everything."""

    folds: tuple[Span, ...]
    final: Span
    window: tuple[int, int]
    """Rows of the evaluation window."""


def walk_forward(
    *,
    bars: int,
    bars_per_day: float,
    period_days: int,
    folds: int,
    purge_bars: int,
    embargo_bars: int,
    calibration_days: int,
    warm_up_bars: int,
) -> Walk:
    """Cut the rows into folds.

    The window is the last ``period_days``; with n bars fold k tests [k·n//folds, (k+1)·n//folds).
    Its training span ends ``purge_bars + embargo_bars`` before; the last ``calibration_days`` of
    that span rank the scores, and are purged from the rows that are fitted.

    Raises
    ------
    ClmError
        InsufficientData: fewer than 180 days before the window.
    """
    window = round(period_days * bars_per_day)
    tail = round(calibration_days * bars_per_day)
    start = bars - window
    least = round(LEAST_TRAINING_DAYS * bars_per_day)
    shortest = max(least, warm_up_bars + tail + 2 * (purge_bars + embargo_bars) + 1)
    if start < shortest:
        have, need = bars / bars_per_day, (window + shortest) / bars_per_day
        raise ClmError(
            Reason.INSUFFICIENT_DATA,
            f"{have:.0f} days of bars; evaluation needs at least {need:.0f}: import older bars, "
            "or lower spec.evaluation.periodDays or spec.target.calibrationDays",
        )

    def span(train_end: int, test: tuple[int, int]) -> Span:
        cut = train_end - tail
        return Span((0, cut - purge_bars), (cut, train_end), test)

    tests = [(start + k * window // folds, start + (k + 1) * window // folds) for k in range(folds)]
    return Walk(
        folds=tuple(span(begin - purge_bars - embargo_bars, (begin, end)) for begin, end in tests),
        final=span(bars, (bars, bars)),
        window=(start, bars),
    )
