"""From a matplotlib figure to inline SVG: the same bytes every time, coloured by the page's CSS."""

import io
import re
from collections.abc import Callable
from enum import StrEnum

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_INCHES_PER_PX = 1 / 72
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


def draw(name: str, title: str, size: tuple[int, int], plot: Callable[[Axes], None]) -> Markup:
    """Return a plot as SVG.

    Parameters
    ----------
    name
        Salt of the ids inside the SVG: plots on one page must not share it.
    title
        What a screen reader says.
    size
        Width and height in px.
    plot
        Draws on the axes; colours are those of ``Colour``.
    """
    text = dict.fromkeys(("text.color", "xtick.color", "ytick.color"), Colour.TEXT.value)
    lines = dict.fromkeys(("grid.color", "axes.edgecolor"), Colour.GRID.value)
    with mpl.rc_context({**_SETTINGS, **text, **lines, "svg.hashsalt": name}):
        width, height = size
        figure = Figure(
            figsize=(width * _INCHES_PER_PX, height * _INCHES_PER_PX), layout="constrained"
        )
        figure.patch.set_visible(False)
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        plot(axes)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata=_NO_METADATA)
    return Markup(_inline(buffer.getvalue(), title))  # noqa: S704 - matplotlib escapes its texts


def _inline(svg: str, title: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: (\d+)px[^;\"]*", r"font-size: \1px", svg)
    view = re.search(r'viewBox="[^"]*"', svg)
    head = f'<svg role="img" aria-label="{title}" {view.group() if view else ""}>'
    svg = re.sub(r"<svg[^>]*>", head, svg, count=1).replace("xlink:href", "href")
    for colour in Colour:
        svg = svg.replace(colour.value, f"var(--{colour.name.lower()})")
    return svg.strip()
