"""One plot for a desk's screen and one for a telephone's: the page's CSS shows which fits."""

from collections.abc import Callable

from markupsafe import Markup

from clm_cli.dashboard.plots.axes import Axes

WIDE, NARROW = 920, 350
"""Widths in px."""


def both(name: str, title: str, text: str, plot: Callable[[int], Axes]) -> Markup:
    """Return a plot in both widths.

    Parameters
    ----------
    title, text
        What a screen reader says: what it is, and what it shows.
    plot
        Draws on axes as wide as it is told, in px.
    """
    drawn = (
        plot(width).drawn(name, title, text, screen)
        for width, screen in ((WIDE, "desk"), (NARROW, "phone"))
    )
    return Markup("").join(drawn)
