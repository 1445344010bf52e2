"""Where the commands print; piped, there are neither colours nor broken lines."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

_UNBROKEN = 10_000
_COMMANDING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # what a terminal obeys
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"  # what turns or breaks a line
)


def harmless(text: str) -> str:
    """Return a text of others without what a terminal would obey: a mark stands in its place."""
    return _COMMANDING.sub("\N{REPLACEMENT CHARACTER}", text)


class HarmlessConsole(Console):
    """Prints texts of pods, people and files; the only colours are ours."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Clean what is not ours, whatever it is part of."""
        for part in super().render(renderable, options):
            yield part if part.control else Segment(harmless(part.text), part.style)


console = HarmlessConsole()
if not console.is_terminal:
    console.width = _UNBROKEN
errors = HarmlessConsole(stderr=True)


def print_document(document: Any) -> None:
    """Print JSON for programs: as it is, but for characters that a terminal would obey."""
    console.print_json(json.dumps(document, default=datetime.isoformat), ensure_ascii=True)


def show(renderable: RenderableType) -> None:
    """Print a screen without cutting what is wider."""
    console.print(renderable, crop=False)


class Output(StrEnum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"


class DocumentOutput(StrEnum):
    """How a result is printed that kubectl prints as YAML too."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="text for people, json for programs.")
]


def fail(message: str) -> None:
    """Print an error that is already a whole sentence."""
    errors.print("[bold red]error:[/] ", end="")
    errors.print(message, markup=False, highlight=False, soft_wrap=True)


def warn(message: str) -> None:
    """Print what somebody should know, and what stops nothing."""
    errors.print(message, style="yellow", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def waiting() -> Iterator[Callable[[str], None]]:
    """Say what is waited for: one line that is rewritten on a terminal, elsewhere one per news."""
    said = ""
    with errors.status("") as line:

        def say(text: str) -> None:
            nonlocal said
            line.update(Text(text))
            if not errors.is_terminal and text != said:
                errors.print(text, markup=False, highlight=False, soft_wrap=True)
            said = text

        yield say
