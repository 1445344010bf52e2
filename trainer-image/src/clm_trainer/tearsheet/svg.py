"""From a matplotlib figure to inline SVG: the same bytes every time, coloured by the page's CSS."""

import io
import re
from collections.abc import Callable
from enum import StrEnum

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDE, NARROW = 860, 358
"""Widths in px of the page on a desk, and of a telephone's: a plot is drawn for each."""
_INCHES_PER_PX = 1 / 72
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 10, 10, 24
"""Margins in px around the axes of all plots over time, so that their times stand one above
another."""
_NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}
_SETTINGS = {
    "svg.fonttype": "none",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.linewidth": 0.6,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.6,
}


class Colour(StrEnum):
    """Stand-ins that become the page's CSS variables, so that a plot follows light and dark."""

    TEXT = "#01fe01"
    GRID = "#01fe02"
    MODEL = "#01fe03"
    BENCHMARK = "#01fe04"
    LOSS = "#01fe05"
    TRAIN = "#01fe06"
    ONE = "#01fe07"
    TWO = "#01fe08"
    THREE = "#01fe09"
    FOUR = "#01fe0a"
    FIVE = "#01fe0b"
    SIX = "#01fe0c"


LINES = (Colour.ONE, Colour.TWO, Colour.THREE, Colour.FOUR, Colour.FIVE, Colour.SIX)
Plot = Callable[[Axes], None]


def draw(name: str, title: str, height: int, plot: Plot, *, over_time: bool = True) -> Markup:
    """Return a plot as two SVGs, of which the page's CSS shows the one that fits the screen.

    Parameters
    ----------
    name
        Salt of the ids inside the SVG: plots on one page must not share it.
    title
        What a screen reader says.
    height
        In px; the narrow one is as high, or as wide as high where that is less.
    plot
        Draws on the axes; colours are those of ``Colour``.
    over_time
        Whether the axes keep the common margins; else the labels decide.
    """
    both = [
        _inline(_figure(f"{name}-{width}", (width, height), plot, over_time=over_time), title, kind)
        for width, kind in ((WIDE, "desk"), (NARROW, "phone"))
    ]
    return Markup("\n".join(both))  # noqa: S704 - matplotlib escapes its texts


def width_of(axes: Axes) -> float:
    """Return the width in px of the figure that axes are on."""
    figure = axes.get_figure(root=True)
    return 0.0 if figure is None else float(figure.get_size_inches()[0]) / _INCHES_PER_PX


def _figure(salt: str, size: tuple[int, int], plot: Plot, *, over_time: bool) -> str:
    text = dict.fromkeys(("text.color", "xtick.color", "ytick.color"), Colour.TEXT.value)
    lines = dict.fromkeys(("grid.color", "axes.edgecolor"), Colour.GRID.value)
    with mpl.rc_context({**_SETTINGS, **text, **lines, "svg.hashsalt": salt}):
        width, height = size
        figure = Figure(
            figsize=(width * _INCHES_PER_PX, height * _INCHES_PER_PX),
            layout=None if over_time else "constrained",
        )
        figure.patch.set_visible(False)
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        if over_time:
            figure.subplots_adjust(
                left=_LEFT / width, right=1 - _RIGHT / width,
                top=1 - _TOP / height, bottom=_BOTTOM / height,
            )  # fmt: skip
        plot(axes)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata=_NO_METADATA)
    return buffer.getvalue()


def _inline(svg: str, title: str, kind: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: (\d+)px[^;\"]*", r"font-size: \1px", svg)
    view = re.search(r'viewBox="[^"]*"', svg)
    head = f'<svg role="img" class="{kind}" aria-label="{title}" {view.group() if view else ""}>'
    svg = re.sub(r"<svg[^>]*>", head, svg, count=1).replace("xlink:href", "href")
    for colour in Colour:
        svg = svg.replace(colour.value, f"var(--{colour.name.lower()})")
    return svg.strip()
