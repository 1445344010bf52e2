"""The metrics of versions: names, units, and which end of them is better."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clm_api.report import Metrics
from clm_cli.cluster import VersionView
from clm_cli.dashboard.pages.words import number, percent

Write = Callable[[float | None], str]


@dataclass(frozen=True)
class Kind:
    """A metric.

    Parameters
    ----------
    field
        Its name in ``Metrics``.
    better
        1 if more is better, -1 if less is, 0 if neither.
    """

    field: str
    words: str
    write: Write
    better: int


def _share(value: float | None) -> str:
    return percent(value, 1)


def _whole(value: float | None) -> str:
    return number(value, 0)


KINDS = (
    Kind("sharpe", "Sharpe ratio, annualised", number, 1),
    Kind("total_return", "return", _share, 1),
    Kind("max_drawdown", "largest drawdown", _share, -1),
    Kind("win_rate", "win rate", _share, 1),
    Kind("profit_factor", "profit factor", number, 1),
    Kind("trades", "closed trades", _whole, 0),
    Kind("sortino", "Sortino ratio, annualised", number, 1),
    Kind("psr", "probabilistic Sharpe ratio", _share, 1),
    Kind("deflated_sharpe", "deflated Sharpe ratio", _share, 1),
    Kind("sharpe_at_double_cost", "Sharpe ratio at twice the costs", number, 1),
    Kind("break_even_bps", "break-even cost a side, basis points", lambda v: number(v, 1), 1),
    Kind("buy_and_hold_sharpe", "Sharpe ratio of buy and hold", number, 0),
    Kind("turnover", "turnover a year", _whole, 0),
    Kind("exposure", "exposure", _share, 0),
    Kind("min_track_record_days", "record that would be needed, days", _whole, -1),
)
"""What is shown, in this order."""


@dataclass(frozen=True)
class Metric:
    """A metric as people read it."""

    name: str
    value: str


def metrics(view: VersionView) -> Sequence[Metric]:
    """Return the metrics of a version; none before it is judged."""
    found = view.status.metrics
    if found is None:
        return ()
    return [Metric(kind.words, kind.write(value_of(found, kind))) for kind in KINDS]


def value_of(found: Metrics | None, kind: Kind) -> float | None:
    """Return a metric's value; None where it is undefined."""
    value = None if found is None else getattr(found, kind.field)
    return None if value is None else float(value)
