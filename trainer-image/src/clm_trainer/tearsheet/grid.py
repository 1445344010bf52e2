"""A table of the page, before it is HTML."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """One cell.

    Parameters
    ----------
    kind
        CSS classes: ``win``, ``loss``, ``soft``, ``code``.
    """

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Grid:
    """Headings and rows.

    Parameters
    ----------
    texts
        Columns of text: they stand at the left, as the first one always does.
    kind
        CSS classes of the table: ``cards`` makes a row a block of lines on a narrow screen,
        ``wide`` lets the table be pushed sideways there instead.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    texts: frozenset[int] = frozenset()
    kind: str = "cards"


def row(*cells: "str | Cell") -> tuple[Cell, ...]:
    """Return a row; a bare text is a plain cell."""
    return tuple(one if isinstance(one, Cell) else Cell(one) for one in cells)
