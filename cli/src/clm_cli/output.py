"""Where the commands print; piped, there are neither colours nor broken lines."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

_UNBROKEN = 10_000
console = Console()
if not console.is_terminal:
    console.width = _UNBROKEN
errors = Console(stderr=True)


class Output(StrEnum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"


OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="text for people, json for programs.")
]


def fail(message: str) -> None:
    """Print an error that is already a whole sentence."""
    errors.print("[bold red]error:[/] ", end="")
    errors.print(message, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def waiting() -> Iterator[Callable[[str], None]]:
    """Say what is waited for: one line that is rewritten on a terminal, elsewhere one per news."""
    said = ""
    with errors.status("") as line:

        def say(text: str) -> None:
            nonlocal said
            line.update(text)
            if not errors.is_terminal and text != said:
                errors.print(text, markup=False, highlight=False, soft_wrap=True)
            said = text

        yield say
