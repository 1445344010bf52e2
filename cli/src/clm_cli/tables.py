"""Tables that fit: names and numbers stay whole, and what matters less goes first.

Where even the rest does not fit, every row becomes a few lines, one a column.
"""

from collections.abc import Collection, Iterable, Sequence

from rich.cells import cell_len
from rich.console import Group, RenderableType
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
) -> RenderableType:
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
        if _fits(widths):
            break
        del cells[name], widths[name]
    if not _fits(widths):
        return _records(columns, held)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in cells:
        whole = name not in prose
        table.add_column(name, no_wrap=whole, overflow="ellipsis" if whole else "fold")
    for row in list(zip(*cells.values(), strict=True))[1:]:
        table.add_row(*row)
    return table


def _fits(widths: dict[str, int]) -> bool:
    return sum(widths.values()) + _GAP * (len(widths) - 1) <= console.width


def _records(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Group:
    """Return each row as lines: its first cell, then the others behind their column's name."""
    lines: list[Text] = []
    for first, *others in rows:
        lines.append(Text.assemble((str(first), "bold")))
        lines += [
            Text.assemble("  ", (f"{name} ", "dim"), cell)
            for name, cell in zip(columns[1:], others, strict=True)
            if str(cell)
        ]
    for line in lines:
        if max(map(cell_len, line.plain.split()), default=0) > console.width:
            line.no_wrap, line.overflow = True, "ignore"
    return Group(*lines)


def _width(cells: Iterable[Cell], *, broken: bool) -> int:
    """Return how wide a column has to be, its texts broken at spaces or not at all."""
    texts = [str(cell) for cell in cells]
    parts = [part for text in texts for part in (text.split() if broken else [text])]
    return max(map(cell_len, parts), default=0)
