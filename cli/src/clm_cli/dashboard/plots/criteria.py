"""One criterion of version after version against its threshold."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from clm_api.ticks import numbers
from clm_cli.dashboard.plots.axes import Axes, roomy
from clm_cli.dashboard.plots.ticks import dates

_WIDTH, _HEIGHT, _LEVELS = 350, 168, 4
_SPREAD = 12.0
"""Times the middle half of the values, beyond which a value is drawn at the edge."""


@dataclass(frozen=True)
class Judged:
    """What one version reached.

    Parameters
    ----------
    at
        Its slot, in seconds since 1970.
    value
        None where the metric is undefined.
    said
        The comparison as a sentence.
    link
        The version's page.
    """

    at: float
    value: float | None
    threshold: float
    passed: bool
    said: str
    link: str


def criterion(name: str, title: str, rows: Sequence[Judged], text: str) -> Markup:
    """Draw values and thresholds over the versions' slots, the oldest first.

    A dot has passed, a cross has failed; a hollow diamond at the bottom has no value.
    """
    low, high = _shown(rows)
    first, last = rows[0].at, rows[-1].at
    room = max((last - first) * 0.04, 3600.0)
    axes = Axes(_WIDTH, _HEIGHT, (first - room, last + room), (low, high), left=46)
    axes.y_ticks(numbers(axes.y, _LEVELS))
    axes.x_ticks(dates(axes.x, axes.right - axes.left))
    axes.path(_steps(axes, rows), "threshold")
    axes.line([(r.at, _within(r.value, low, high)) for r in rows if r.value is not None], "trail")
    for row in rows:
        kind = "good" if row.passed else "failed"
        if row.value is None:
            axes.mark((row.at, low), "diamond", f"{kind} hollow", row.said, row.link)
        else:
            place = row.at, _within(row.value, low, high)
            axes.mark(place, "dot" if row.passed else "cross", kind, row.said, row.link)
    return axes.drawn(f"criterion-{name}", title, text)


def _steps(axes: Axes, rows: Sequence[Judged]) -> str:
    """Return the thresholds as one line: it steps where a schedule asked for something else."""
    path = f"M{axes.left:g} {axes.down(rows[0].threshold):.1f}"
    for row in rows:
        path += f"H{axes.across(row.at):.1f}V{axes.down(row.threshold):.1f}"
    return f"{path}H{axes.right:g}"


def _shown(rows: Sequence[Judged]) -> tuple[float, float]:
    """Return what the axis reaches: the thresholds, and all values but for outliers."""
    values = sorted(row.value for row in rows if row.value is not None)
    if len(values) > 4:
        quarter = len(values) // 4
        middle = values[-quarter - 1] - values[quarter]
        reach = _SPREAD * middle or abs(values[quarter]) or 1.0
        values = [v for v in values if values[quarter] - reach <= v <= values[-quarter - 1] + reach]
    return roomy([*values, *(row.threshold for row in rows)])


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
