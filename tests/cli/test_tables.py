"""Tables at the width of a terminal: what is shown stays whole."""

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

import clm_cli.output
import clm_cli.tables
from clm_cli.output import HarmlessConsole, show
from clm_cli.tables import Cell, table_of

COLUMNS = ("version", "schedule", "stage", "why")
ROWS: list[tuple[Cell, ...]] = [
    ("btc-eth-29410920", "btc-eth", Text("PRODUCTION", "bold green"), "fewer losses by far"),
    ("btc-eth-29410921", "btc-eth", "REJECTED", ""),
]
WIDE = """\
version           schedule  stage       why
btc-eth-29410920  btc-eth   PRODUCTION  fewer losses by far
btc-eth-29410921  btc-eth   REJECTED
"""
WRAPPED = """\
version           schedule  stage       why
btc-eth-29410920  btc-eth   PRODUCTION  fewer
                                        losses
                                        by far
btc-eth-29410921  btc-eth   REJECTED
"""
WITHOUT_SCHEDULE = """\
version           stage       why
btc-eth-29410920  PRODUCTION  fewer
                              losses
                              by far
btc-eth-29410921  REJECTED
"""
BARELY_WITHOUT_SCHEDULE = """\
version           stage       why
btc-eth-29410920  PRODUCTION  fewer losses by
                              far
btc-eth-29410921  REJECTED
"""
WITHOUT_STAGE = """\
version           why
btc-eth-29410920  fewer
                  losses
                  by far
btc-eth-29410921
"""


@pytest.mark.parametrize(
    ("width", "shown"),
    [(200, WIDE), (59, WIDE), (46, WRAPPED), (45, BARELY_WITHOUT_SCHEDULE),
     (36, WITHOUT_SCHEDULE), (24, WITHOUT_STAGE)],
)  # fmt: skip
def test_what_fits(width: int, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(width=width)
    monkeypatch.setattr(clm_cli.tables, "console", console)
    with console.capture() as capture:
        console.print(table_of(COLUMNS, ROWS, prose=("why",), expendable=("schedule", "stage")))
    lines = capture.get().splitlines()
    assert [line.rstrip() for line in lines] == shown.splitlines()


RECORDS = """\
btc-eth-29410920
  stage PRODUCTION
  why fewer losses by far
btc-eth-29410921
  stage REJECTED
"""


@pytest.mark.parametrize("width", [9, 20])
def test_what_can_not_fit_becomes_lines_with_whole_names(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = HarmlessConsole(width=width)
    for module in (clm_cli.tables, clm_cli.output):
        monkeypatch.setattr(module, "console", console)
    rows = [(name, stage, why) for name, _, stage, why in ROWS]
    with console.capture() as capture:
        show(table_of(("version", "stage", "why"), rows))
    said = capture.get()
    assert all(word in said.split() for word in RECORDS.split())
    lines = [line.rstrip() for line in said.splitlines()]
    wrapped = RECORDS.replace("fewer losses by far", "fewer losses\nby far").splitlines()
    assert width < 20 or lines == wrapped


def test_no_rows_are_a_head() -> None:
    table = table_of(("a", "b"), ())
    assert isinstance(table, Table)
    assert [column.header for column in table.columns] == ["a", "b"]
