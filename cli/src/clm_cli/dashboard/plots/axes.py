"""Axes and marks as inline SVG: no style attributes, so that a strict CSP shows them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from clm_api.ticks import Span, Ticks

LETTER = 11
"""Size of all texts, in px of the drawing."""
TOP, BOTTOM, LEFT, RIGHT = 12, 26, 52, 14
"""Margins around the axes, in px."""
_TICK, _GAP, _MIDDLE = 4, 6, 4
_ROOM = 0.06
"""Share of the values' span that an axis shows beyond them."""

Point = tuple[float, float]


@dataclass
class Axes:
    """A plot that is drawn mark by mark.

    Parameters
    ----------
    width, height
        Of the whole, in px; the page may show it smaller.
    x, y
        What the axes reach from and to, from left to right and from bottom to top.
    left
        Margin in px.
    size
        Of marks; 1 is about 8 px.
    """

    width: int
    height: int
    x: Span
    y: Span
    left: float = LEFT
    size: float = 1.0
    _parts: list[str] = field(default_factory=list)

    @property
    def right(self) -> float:
        """Place of the right end in px."""
        return self.width - RIGHT

    @property
    def bottom(self) -> float:
        """Place of the lower end in px."""
        return self.height - BOTTOM

    def across(self, value: float) -> float:
        """Return a place in px from the left edge."""
        return _placed(value, self.x, self.left, self.right)

    def down(self, value: float) -> float:
        """Return a place in px from the upper edge."""
        return _placed(value, self.y, self.bottom, TOP)

    def x_ticks(self, ticks: Ticks) -> None:
        """Draw the lower axis and write what it shows."""
        low = px(self.bottom)
        self.path(f"M{px(self.left)} {low}H{px(self.right)}", "axis")
        strokes = "".join(f"M{px(self.across(value))} {low}v{_TICK}" for value, _ in ticks)
        self.path(strokes, "axis")
        for value, said in ticks:
            self.text(self.across(value), self.bottom + _TICK + LETTER, said)

    def y_ticks(self, ticks: Ticks) -> None:
        """Write what the left axis shows, with a line at each place."""
        lines = "".join(f"M{px(self.left)} {px(self.down(v))}H{px(self.right)}" for v, _ in ticks)
        self.path(lines, "grid")
        for value, said in ticks:
            self.text(self.left - _GAP, self.down(value) + _MIDDLE, said, "end")

    def level(self, value: float, kind: str) -> None:
        """Draw a line from left to right."""
        self.path(f"M{px(self.left)} {px(self.down(value))}H{px(self.right)}", kind)

    def border(self, value: float, kind: str) -> None:
        """Draw a line from top to bottom."""
        self.path(f"M{px(self.across(value))} {TOP}V{px(self.bottom)}", kind)

    def line(self, points: Sequence[Point], kind: str) -> None:
        """Draw a line through points of increasing places."""
        if points:
            self.path(f"M{self._joined(points)}", kind)

    def between(self, low: Sequence[Point], high: Sequence[Point], kind: str) -> None:
        """Fill what lies between two lines over the same places."""
        if low:
            back = self._joined(list(reversed(high)))
            self._parts.append(f'<path class="{kind}" d="M{self._joined(low)}L{back}Z"/>')

    def box(self, x: Span, y: Span, kind: str, said: str = "") -> None:
        """Fill a rectangle between two places of each axis; ``said`` is what a pointer is told."""
        left, right = sorted(map(self.across, x))
        top, low = sorted(map(self.down, y))
        wide = max(right - left, 1.5)
        self._parts.append(
            f'<rect class="{kind}" x="{px(left)}" y="{px(top)}" width="{px(wide)}" '
            f'height="{px(low - top)}">{_told(said)}</rect>'
        )

    def mark(self, at: Point, shape: str, kind: str, said: str = "", link: str = "") -> None:
        """Draw a mark: its shape tells as much as its colour.

        Parameters
        ----------
        shape
            A key of ``SHAPES``.
        said
            What a pointer is told.
        link
            Where a click leads; the keyboard has the table beside the plot.
        """
        x, y = self.across(at[0]), self.down(at[1])
        size = (
            "" if self.size == 1 else f' transform="translate({px(x)} {px(y)}) scale({self.size})"'
        )
        place = "0 0" if size else f"{px(x)} {px(y)}"
        drawn = f'<path class="{kind}"{size} d="M{place}{SHAPES[shape]}">{_told(said)}</path>'
        if link:
            drawn = f'<a href="{escape(link)}" tabindex="-1">{drawn}</a>'
        self._parts.append(drawn)

    def path(self, path: str, kind: str) -> None:
        """Draw strokes in px."""
        if path:
            self._parts.append(f'<path class="{kind}" d="{path}"/>')

    def text(self, x: float, y: float, said: str, anchor: str = "middle", kind: str = "") -> None:
        """Write a text at a place in px; ``anchor`` is start, middle or end."""
        self._parts.append(
            f'<text class="{anchor} {kind}" x="{px(x)}" y="{px(y)}">{escape(said)}</text>'
        )

    def drawn(self, name: str, title: str, text: str = "", screen: str = "") -> Markup:
        """Return the SVG element.

        Parameters
        ----------
        name
            Of this plot among those of the page: letters, digits, hyphens.
        title, text
            What a screen reader says: what it is, and what it shows.
        screen
            ``desk`` or ``phone`` where the page has one drawing for each.
        """
        name = f"{name}-{screen}" if screen else name
        head = (
            f'<svg role="img" class="plot {screen}" viewBox="0 0 {self.width} {self.height}" '
            f'aria-labelledby="{escape(name)}-title" aria-describedby="{escape(name)}-text">'
            f'<title id="{escape(name)}-title">{escape(title)}</title>'
            f'<desc id="{escape(name)}-text">{escape(text)}</desc>'
        )
        return Markup("".join([head, *self._parts, "</svg>"]))  # noqa: S704 - texts are escaped

    def _joined(self, points: Sequence[Point]) -> str:
        placed = thinned([(self.across(x), self.down(y)) for x, y in points])
        return " ".join(f"{px(x)} {px(y)}" for x, y in placed)


SHAPES = {
    "dot": "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
    "star": "m0 -7l1.8 4.6h4.8l-3.8 3l1.4 4.8l-4.2 -2.8l-4.2 2.8l1.4 -4.8l-3.8 -3h4.8z",
    "cross": "m-4 -4l8 8m0 -8l-8 8",
    "bang": "m0 -5l5 9h-10z",
    "square": "m-3.5 -3.5h7v7h-7z",
    "diamond": "m0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z",
    "bar": "m-2.5 -6v12m5 -12v12",
}
"""Shapes of marks, drawn from their middle."""


def thinned(points: Sequence[Point]) -> Sequence[Point]:
    """Return what a screen can show: of each px both ends, the highest and the lowest point.

    What is left out lies between two points of the same px (Jugel et al. 2014, M4).
    """
    columns: dict[int, list[Point]] = {}
    for point in points:
        columns.setdefault(math.floor(point[0]), []).append(point)
    kept: list[Point] = []
    for column in columns.values():
        ends = {0, len(column) - 1}
        heights = [y for _, y in column]
        ends |= {heights.index(min(heights)), heights.index(max(heights))}
        kept += [column[place] for place in sorted(ends)]
    return kept


def roomy(values: Iterable[float]) -> Span:
    """Return the values' span with some room at both ends; some even if they are equal."""
    known = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(known), max(known)
    room = (high - low) * _ROOM or abs(high) * _ROOM or _ROOM
    return low - room, high + room


def px(value: float) -> str:
    """Write a place."""
    return f"{round(value, 1):g}"


def _placed(value: float, span: Span, first: float, last: float) -> float:
    low, high = span
    return first + (value - low) / (high - low) * (last - first)


def _told(said: str) -> str:
    return f"<title>{escape(said)}</title>" if said else ""
