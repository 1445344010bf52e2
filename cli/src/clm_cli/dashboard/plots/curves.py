"""Equity over time: curves, and the band of what was promised."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from clm_cli.dashboard.plots.axes import Axes, Point, roomy
from clm_cli.dashboard.plots.both import both
from clm_cli.dashboard.plots.ticks import dates, shares

_HEIGHT, _LEVELS = 260, 6
KINDS = ("one", "two", "three", "four", "five")
"""Classes of the lines of several versions: colour and dashes."""


@dataclass(frozen=True)
class Curve:
    """A line of returns since its start over seconds since 1970.

    Parameters
    ----------
    said
        Whose it is.
    """

    said: str
    kind: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Band:
    """Between which returns a curve was promised to stay; both over the same seconds."""

    low: Sequence[Point] = field(default=())
    high: Sequence[Point] = field(default=())


def curves(name: str, title: str, lines: Sequence[Curve], text: str, band: Band = Band()) -> Markup:
    """Draw curves, and the band behind them."""
    points = [p for line in lines for p in line.points] + [*band.low, *band.high]
    times = [x for x, _ in points]
    first, last = min(times), max(times)
    room = max((last - first) * 0.01, 60.0)
    y = roomy([0.0, *(y for _, y in points)])

    def plot(width: int) -> Axes:
        axes = Axes(width, _HEIGHT, (first - room, last + room), y)
        axes.y_ticks(shares(y, _LEVELS))
        axes.x_ticks(dates(axes.x, axes.right - axes.left))
        axes.between(band.low, band.high, "band")
        axes.level(0.0, "zero")
        for line in lines:
            axes.line(line.points, f"curve {line.kind}")
            if len(line.points) == 1:
                axes.mark(line.points[0], "dot", f"spot {line.kind}", line.said)
        return axes

    return both(name, title, text, plot)
