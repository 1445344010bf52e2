"""What the difference of two backtests is worth."""

import math
from collections.abc import Sequence

from clm_cli.cluster import VersionView
from clm_cli.dashboard.pages.words import number, percent

_SURE = 0.95
_Z = 1.96


def caution(views: Sequence[VersionView]) -> str:
    """Say whether the best Sharpe ratio is more than luck; empty where fewer than two have one.

    The standard error of an annualised Sharpe ratio over T years of independent returns is about
    sqrt((1 + SR² / 2 / bars a year) / T) (Lo 2002): here sqrt(1 / T) of the shorter of the two,
    times sqrt(2) for their difference.
    """
    known = [
        (view.status.metrics.sharpe, view)
        for view in views
        if view.status.metrics is not None and view.status.metrics.sharpe is not None
    ]
    if len(known) < 2:
        return ""
    known.sort(key=lambda pair: pair[0], reverse=True)
    (best, first), (second, other) = known[0], known[1]
    noise = _Z * math.sqrt(2 / min(_years(first), _years(other)))
    ahead = best - second
    if ahead <= noise:
        said = (
            f"{first.name} is ahead of {other.name} by {number(ahead)} of Sharpe ratio. Two "
            f"equally good models would differ by up to {number(noise)} over so few days, so this "
            "is within noise."
        )
    else:
        said = (
            f"{first.name} is ahead of {other.name} by {number(ahead)} of Sharpe ratio, more than "
            f"the {number(noise)} that two equally good models would differ by over these days."
        )
    return f"{said} {_deflated(first)}".strip()


def _years(view: VersionView) -> float:
    return view.spec.run.evaluation.period_days / 365.25


def _deflated(view: VersionView) -> str:
    metrics, tries = view.status.metrics, view.spec.run.trials.count
    if metrics is None or metrics.deflated_sharpe is None:
        return ""
    share = percent(metrics.deflated_sharpe, 1)
    luck = "luck" if tries == 1 else f"the luck of the best of {tries} tries"
    worth = f"more than {luck}" if metrics.deflated_sharpe >= _SURE else f"that may be {luck}"
    return f"Its deflated Sharpe ratio is {share}: {worth}."
