"""Tables that fit: names and numbers stay whole, and what matters less goes first."""

from collections.abc import Collection, Iterable, Sequence

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from clm_cli.output import console

Cell = str | Text
_GAP = 2


def table_of(
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    prose: Collection[str] = (),
    expendable: Sequence[str] = (),
) -> Table:
    """Return a table in the commands' style; piped, every row is one line.

    Parameters
    ----------
    prose
        Columns whose texts are wrapped where the terminal is narrow.
    expendable
        Columns that are left out until the others fit, the first one first.
    """
    held = list(rows)
    cells = {name: [name, *(row[i] for row in held)] for i, name in enumerate(columns)}
    widths = {name: _width(held, broken=name in prose) for name, held in cells.items()}
    for name in expendable:
        if sum(widths.values()) + _GAP * (len(widths) - 1) <= console.width:
            break
        del cells[name], widths[name]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in cells:
        whole = name not in prose
        table.add_column(name, no_wrap=whole, overflow="ellipsis" if whole else "fold")
    for row in list(zip(*cells.values(), strict=True))[1:]:
        table.add_row(*row)
    return table


def _width(cells: Iterable[Cell], *, broken: bool) -> int:
    """Return how wide a column has to be, its texts broken at spaces or not at all."""
    texts = [str(cell) for cell in cells]
    parts = [part for text in texts for part in (text.split() if broken else [text])]
    return max(map(cell_len, parts), default=0)
