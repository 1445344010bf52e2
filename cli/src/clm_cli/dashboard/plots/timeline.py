"""A schedule's life on a line: production, runs by stage, skipped slots, what is next."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from clm_cli.dashboard.plots.axes import LETTER, TOP, Axes
from clm_cli.dashboard.plots.both import NARROW, both
from clm_cli.dashboard.plots.ticks import dates

_HEIGHT = 158
_LANES = {"production": 2.5, "runs": 1.5, "skipped": 0.5}
"""Middles of the lanes, and what is written beside them."""
_THIN = 0.28
_LEAST_SPAN_S = 3600.0
_LETTER_WIDTH = 0.6


@dataclass(frozen=True)
class Mark:
    """A run, at its slot.

    Parameters
    ----------
    at
        Seconds since 1970.
    shape, kind
        A shape of ``axes.SHAPES``, and the CSS class of its colour.
    said
        What it is, as a sentence.
    link
        The version's page.
    """

    at: float
    shape: str
    kind: str
    said: str
    link: str


@dataclass(frozen=True)
class Stretch:
    """A time in production, or of skipped slots, in seconds since 1970.

    Parameters
    ----------
    label
        What is written on it where it fits.
    """

    start: float
    end: float
    kind: str
    said: str
    label: str = ""


@dataclass(frozen=True)
class TimeLine:
    """What a time line shows."""

    marks: Sequence[Mark]
    production: Sequence[Stretch]
    skipped: Sequence[Stretch]
    coming: Sequence[float]
    now: float


def timeline(line: TimeLine, text: str) -> Markup:
    """Draw a time line; ``text`` says in words what it shows."""
    first, last = _span(line)

    def plot(width: int) -> Axes:
        narrow = width <= NARROW
        left, size = (12.0, 0.7) if narrow else (84.0, 1.0)
        axes = Axes(width, _HEIGHT, (first, last), (0.0, 3.0), left, size)
        for said, middle in _LANES.items():
            if narrow:
                axes.text(axes.left, axes.down(middle + _THIN) - 4, said, "start")
            else:
                axes.text(axes.left - 12, axes.down(middle) + 4, said, "end")
        axes.x_ticks(dates(axes.x, axes.right - axes.left))
        for name, held in (("production", line.production), ("skipped", line.skipped)):
            for one in held:
                _stretch(axes, one, _LANES[name])
        axes.border(line.now, "now")
        axes.text(axes.across(line.now), TOP - 2, "now")
        for at in line.coming:
            axes.mark((at, _LANES["runs"]), "dot", "coming", "next slot")
        for mark in line.marks:
            axes.mark((mark.at, _LANES["runs"]), mark.shape, mark.kind, mark.said, mark.link)
        return axes

    return both("timeline", "Time line of slots, runs, skips and stages", text, plot)


def _span(line: TimeLine) -> tuple[float, float]:
    """Return the time that is shown: what is long before the first run is cut."""
    begun = [mark.at for mark in line.marks] or [s.start for s in line.skipped] or [line.now]
    known = [*begun, *line.coming, line.now]
    room = max((max(known) - min(known)) * 0.03, _LEAST_SPAN_S)
    return min(known) - room, max(known) + room


def _stretch(axes: Axes, one: Stretch, middle: float) -> None:
    start, end = max(one.start, axes.x[0]), min(one.end, axes.x[1])
    if start > end:
        return
    axes.box((start, end), (middle - _THIN, middle + _THIN), one.kind, one.said)
    left, right = axes.across(start), axes.across(end)
    if one.label and right - left > len(one.label) * LETTER * _LETTER_WIDTH + 8:
        axes.text(left + 6, axes.down(middle) + 4, one.label, "start", "on")
