"""Axes and marks as inline SVG, coloured by the page's CSS: the same bytes every time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from markupsafe import Markup, escape

from clm_api.ticks import Ticks
from clm_trainer.panel import Floats

WIDE, NARROW = 860, 358
"""Widths in px of the page on a desk, and of a telephone's: a plot is drawn for each."""
LEFT, RIGHT, TOP, BOTTOM = 54, 10, 10, 24
"""Margins in px around the axes of all plots over time, so that their times stand one above
another."""
LETTERS = 11
"""Size in px of all texts."""
_TICK, _GAP, _MIDDLE = 3.5, 6, 4
_ROOM = 0.05
"""Share of the values' span that the vertical axis shows above and below them."""


class Colour(StrEnum):
    """Variables of the page's CSS, so that a plot follows light and dark."""

    TEXT = "var(--text)"
    GRID = "var(--grid)"
    MODEL = "var(--model)"
    BENCHMARK = "var(--benchmark)"
    LOSS = "var(--loss)"
    TRAIN = "var(--train)"
    ONE = "var(--one)"
    TWO = "var(--two)"
    THREE = "var(--three)"
    FOUR = "var(--four)"
    FIVE = "var(--five)"
    SIX = "var(--six)"


LINES = (Colour.ONE, Colour.TWO, Colour.THREE, Colour.FOUR, Colour.FIVE, Colour.SIX)
DASHES, DOTS = "4 3", "2 3"


@dataclass
class Axes:
    """A plot of some width, drawn mark by mark.

    Parameters
    ----------
    width, height
        Of the whole, in px.
    x, y
        What the axes reach from and to, from left to right and from bottom to top.
    left
        Margin in px.
    """

    width: int
    height: int
    x: tuple[float, float]
    y: tuple[float, float]
    left: float = LEFT
    _parts: list[str] = field(default_factory=list)

    @property
    def right(self) -> float:
        """Place of the right end in px."""
        return self.width - RIGHT

    @property
    def bottom(self) -> float:
        """Place of the lower end in px."""
        return self.height - BOTTOM

    def across(self, values: Floats | float) -> Floats:
        """Return places in px from the left edge."""
        return _placed(values, self.x, self.left, self.right)

    def down(self, values: Floats | float) -> Floats:
        """Return places in px from the upper edge."""
        return _placed(values, self.y, self.bottom, TOP)

    def x_ticks(self, ticks: Ticks, *, grid: bool = False, marks: bool = True) -> None:
        """Write what the lower axis shows, with its line."""
        places = [(float(self.across(value)), said) for value, said in ticks]
        if grid:
            lines = "".join(f"M{_px(x)} {TOP}V{_px(self.bottom)}" for x, _ in places)
            self._stroke(lines, Colour.GRID, 0.6)
        low = _px(self.bottom)
        self._stroke(f"M{_px(self.left)} {low}H{_px(self.right)}", Colour.GRID, 0.8)
        if marks:
            strokes = "".join(f"M{_px(x)} {low}v{_TICK}" for x, _ in places)
            self._stroke(strokes, Colour.TEXT, 0.8)
        for x, said in places:
            self._text(x, self.bottom + _TICK + LETTERS, said, "middle")

    def y_ticks(self, ticks: Ticks, *, grid: bool = True) -> None:
        """Write what the left axis shows; ``grid`` draws a line at each place."""
        places = [(float(self.down(value)), said) for value, said in ticks]
        if grid:
            lines = "".join(f"M{_px(self.left)} {_px(y)}H{_px(self.right)}" for y, _ in places)
            self._stroke(lines, Colour.GRID, 0.6)
        for y, said in places:
            self._text(self.left - _GAP, y + _MIDDLE, said, "end")

    def level(self, value: float, colour: Colour, *, dashes: str = "") -> None:
        """Draw a line from left to right."""
        path = f"M{_px(self.left)} {_px(float(self.down(value)))}H{_px(self.right)}"
        self._stroke(path, colour, 1, dashes)

    def border(self, value: float, colour: Colour) -> None:
        """Draw a dotted line from top to bottom."""
        path = f"M{_px(float(self.across(value)))} {TOP}V{_px(self.bottom)}"
        self._stroke(path, colour, 0.8, DOTS)

    def stub(self, value: float, colour: Colour) -> None:
        """Draw a short line upwards from the lower axis."""
        path = f"M{_px(float(self.across(value)))} {_px(self.bottom)}v-9"
        self._stroke(path, colour, 1)

    def line(self, x: Floats, y: Floats, colour: Colour, thick: float = 1.6) -> None:
        """Draw values over increasing places; NaN parts the line."""
        for run in _runs(y):
            self._stroke(f"M{self._points(x[run], y[run])}", colour, thick)

    def area(self, x: Floats, y: Floats, colour: Colour) -> None:
        """Fill what lies between values over increasing places and 0."""
        base = _px(float(self.down(0.0)))
        first, last = (_px(float(self.across(end))) for end in (x[0], x[-1]))
        path = f"M{first} {base}L{self._points(x, y)}L{last} {base}Z"
        self._parts.append(f'<path d="{path}" style="fill:{colour}" fill-opacity=".25"/>')

    def box(self, x: tuple[float, float], y: tuple[float, float], colour: Colour) -> None:
        """Fill a rectangle between two places of each axis."""
        left, right = sorted(float(self.across(value)) for value in x)
        top, low = sorted(float(self.down(value)) for value in y)
        size = f'width="{_px(right - left)}" height="{_px(low - top)}"'
        place = f'x="{_px(left)}" y="{_px(top)}"'
        self._parts.append(f'<rect {place} {size} style="fill:{colour}"/>')

    def inline(self, title: str, kind: str) -> str:
        """Return the SVG element; ``title`` is what a screen reader says."""
        head = (
            f'<svg role="img" class="{kind}" aria-label="{escape(title)}" '
            f'viewBox="0 0 {self.width} {self.height}" '
            f'style="font-size:{LETTERS}px;fill:{Colour.TEXT}">'
        )
        return "\n".join([head, *self._parts, "</svg>"])

    def drawing(self, title: str, colours: Mapping[Colour, str]) -> str:
        """Return the SVG as a file of its own, with the colours that a page would give it."""
        own = ";".join(f"{name[4:-1]}:{colour}" for name, colour in colours.items())
        svg = self.inline(title, "drawing").replace(
            'style="', f'style="{own};font-family:sans-serif;', 1
        )
        size = f'xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}"'
        return svg.replace("<svg", f"<svg {size}", 1) + "\n"

    def key(self, place: int, said: str, colour: Colour) -> None:
        """Name a line in the upper left corner, one below another."""
        x, y = self.left + LETTERS, TOP + LETTERS * (1 + 1.5 * place)
        self._stroke(f"M{_px(x)} {_px(y)}h18", colour, 2)
        self._text(x + 18 + _GAP, y + _MIDDLE, said, "start")

    def _points(self, x: Floats, y: Floats) -> str:
        places, values = _thinned(self.across(x), self.down(y))
        pairs = zip(places.round(1).tolist(), values.round(1).tolist(), strict=True)
        return " ".join(f"{a:g} {b:g}" for a, b in pairs)

    def _stroke(self, path: str, colour: Colour, thick: float, dashes: str = "") -> None:
        dashed = f";stroke-dasharray:{dashes}" if dashes else ""
        style = f"fill:none;stroke:{colour};stroke-width:{thick:g}{dashed}"
        self._parts.append(f'<path d="{path}" style="{style}"/>')

    def _text(self, x: float, y: float, said: str, anchor: str) -> None:
        place = f'x="{_px(x)}" y="{_px(y)}"'
        self._parts.append(f'<text {place} text-anchor="{anchor}">{escape(said)}</text>')


Plot = Callable[[int], Axes]


def draw(title: str, plot: Plot) -> Markup:
    """Return a plot as two SVGs, of which the page's CSS shows the one that fits the screen.

    Parameters
    ----------
    title
        What a screen reader says.
    plot
        Draws on axes as wide as it is told, in px.
    """
    both = [plot(width).inline(title, kind) for width, kind in ((WIDE, "desk"), (NARROW, "phone"))]
    return Markup("\n".join(both))  # noqa: S704 - every text in it is escaped


def roomy(values: Floats) -> tuple[float, float]:
    """Return the finite values' span with some room at both ends; some even if they are equal."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    room = (high - low) * _ROOM or abs(high) * _ROOM or _ROOM
    return low - room, high + room


def _placed(values: Floats | float, span: tuple[float, float], first: float, last: float) -> Floats:
    low, high = span
    return np.asarray(first + (np.asarray(values) - low) / (high - low) * (last - first))


def _px(value: float) -> str:
    return f"{round(value, 1):g}"


def _runs(values: Floats) -> list[slice]:
    """Return where values are finite, run by run."""
    known = np.concatenate([[False], np.isfinite(values), [False]])
    edges = np.flatnonzero(known[1:] != known[:-1]).tolist()
    return [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the points that a screen can show: the highest and lowest of each px, and both ends.

    What is left out lies between two points of the same px (Jugel et al. 2014, M4).
    """
    column = np.floor(x).astype(np.int64)
    starts = np.flatnonzero(np.diff(column, prepend=column[0] - 1))
    if len(x) <= 2 * len(starts):
        return x, y
    places, number = (
        np.arange(len(x)),
        np.repeat(np.arange(len(starts)), np.diff([*starts, len(x)])),
    )
    kept = {0, len(x) - 1}
    for reach in (np.minimum, np.maximum):
        extreme = reach.reduceat(y, starts)
        hits = places[y == extreme[number]]
        kept.update(hits[np.unique(number[hits], return_index=True)[1]].tolist())
    rows = np.array(sorted(kept))
    return x[rows], y[rows]
