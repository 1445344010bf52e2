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
    horizon_bars: int,
    calibration_days: int,
    warm_up_bars: int,
    first_bar: int = 0,
    history_bars: int | None = None,
) -> Walk:
    """Cut the rows into folds.

    The window is the last ``period_days``; with n bars fold k tests [k·n//folds, (k+1)·n//folds).
    Its training span ends ``purge_bars + embargo_bars`` before; the last ``calibration_days`` of
    that span rank the scores, and are purged from the rows that are fitted. A purge below
    ``horizon_bars + 1`` is raised to it: the label of row t ends at the open of row t + 1 + h.

    Parameters
    ----------
    first_bar
        Row of the first bar of any symbol: training starts there.
    history_bars
        Bars since the youngest symbol's first one; None takes all.

    Raises
    ------
    ClmError
        InsufficientData: fewer than 180 days of the youngest symbol before the window.
    """
    window = round(period_days * bars_per_day)
    tail = round(calibration_days * bars_per_day)
    purge = max(purge_bars, horizon_bars + 1)
    start = bars - window
    least = round(LEAST_TRAINING_DAYS * bars_per_day)
    shortest = max(least, warm_up_bars + tail + 2 * purge + embargo_bars + 1)
    known = bars if history_bars is None else history_bars
    if known - window < shortest:
        have, need = known / bars_per_day, (window + shortest) / bars_per_day
        raise ClmError(
            Reason.INSUFFICIENT_DATA,
            f"{have:.0f} days of bars; evaluation needs at least {need:.0f}: import older bars, "
            "leave out symbols that are listed too recently, "
            "or lower spec.evaluation.periodDays or spec.target.calibrationDays",
        )

    def span(train_end: int, test: tuple[int, int]) -> Span:
        cut = train_end - tail
        return Span((first_bar, cut - purge), (cut, train_end), test)

    tests = [(start + k * window // folds, start + (k + 1) * window // folds) for k in range(folds)]
    return Walk(
        folds=tuple(span(begin - purge - embargo_bars, (begin, end)) for begin, end in tests),
        final=span(bars, (bars, bars)),
        window=(start, bars),
    )
