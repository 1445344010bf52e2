"""How a simulation tells how far it is."""

import io

from rich.console import Console

from clm_cli.simulate import progress


def test_without_a_terminal_each_finished_version_is_a_line() -> None:
    out = io.StringIO()
    with progress(Console(file=out)) as tell:
        tell(0, 2)
        tell(1, 2)
        assert out.getvalue() == "0 of 2 versions\n1 of 2 versions\n"


def test_on_a_terminal_a_bar_is_drawn() -> None:
    out = io.StringIO()
    with progress(Console(file=out, force_terminal=True, width=60)) as tell:
        tell(1, 2)
    assert "1/2" in out.getvalue()
