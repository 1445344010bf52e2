"""Tables at the width of a terminal: what is shown stays whole."""

import pytest
from rich.console import Console
from rich.text import Text

import clm_cli.tables
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


def test_what_can_not_fit_is_seen_to_be_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(width=12)
    monkeypatch.setattr(clm_cli.tables, "console", console)
    with console.capture() as capture:
        console.print(table_of(("version",), [("btc-eth-29410920",)]))
    assert "btc-eth-294…" in capture.get()


def test_no_rows_are_a_head() -> None:
    assert [column.header for column in table_of(("a", "b"), ()).columns] == ["a", "b"]
