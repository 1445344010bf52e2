"""How complete the bars are."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Coverage:
    """The bars of one symbol.

    Parameters
    ----------
    missing
        Bars that the grid has and the source has not.
    """

    symbol: str
    first: datetime
    last: datetime
    bars: int
    missing: int


@dataclass(frozen=True)
class Hole:
    """Missing bars in a row, first and last included."""

    symbol: str
    first: datetime
    last: datetime
    bars: int
