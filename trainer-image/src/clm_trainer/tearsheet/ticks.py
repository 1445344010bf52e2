"""Axes of time on a tear sheet: their spans, and as many dates as fit."""

import numpy as np
import pandas as pd

from clm_api import ticks
from clm_api.ticks import Span, Ticks
from clm_trainer.panel import Floats
from clm_trainer.tearsheet.svg import LEFT, RIGHT

_PX_PER_DATE, _FEWEST_DATES = 90, 4
_LEAST_ROOM_S = 60.0


def seconds(frame: pd.DataFrame) -> Floats:
    """Return open times as seconds since 1970."""
    times = pd.DatetimeIndex(frame["time"]).as_unit("us").asi8
    return np.asarray(times / 1e6)


def window(first: float, last: float) -> Span:
    """Return a span of time with a hundredth of room at both sides."""
    room = max((last - first) * 0.01, _LEAST_ROOM_S)
    return first - room, last + room


def dates(span: Span, width: int) -> Ticks:
    """Return round UTC times within a span, in seconds since 1970, as many as fit.

    Parameters
    ----------
    width
        Of the plot, in px.
    """
    return ticks.dates(span, max(_FEWEST_DATES, int((width - LEFT - RIGHT) / _PX_PER_DATE)))
