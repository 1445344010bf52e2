"""Axes of a page's plots: as many dates as fit, and shares of one."""

from clm_api import ticks
from clm_api.ticks import Span, Ticks
from clm_cli.dashboard.plots.axes import LETTER

_LETTERS_PER_DATE = 6


def shares(span: Span, most: int) -> Ticks:
    """Return round shares of one, written in per cent."""
    return ticks.numbers(span, most, lambda value: f"{value * 100:z.3g} %".replace("-", "−"))


def dates(span: Span, width: float) -> Ticks:
    """Return round UTC times within a span, in seconds since 1970, as many as fit.

    Parameters
    ----------
    width
        Of the axis, in px.
    """
    return ticks.dates(span, max(2, int(width / (LETTER * _LETTERS_PER_DATE))))
