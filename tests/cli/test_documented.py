"""Every ``clm`` command line on the pages names a command and options that exist."""

from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from clm_cli.__main__ import command_line
from tests.support import pages
from tests.support.pages import PAGES

PLACEHOLDERS = ("…", "...")


@pytest.fixture(scope="module")
def clm() -> Any:
    """The whole command line."""
    return get_command(command_line())


def unknown(words: list[str], command: Any) -> str:
    """Return the first word of a command line that its command does not know, or nothing."""
    for word in words:
        choices = getattr(command, "commands", {})
        if word.startswith("-"):
            known = {opt for one in command.params for opt in one.opts} | {"-h", "--help"}
            if (option := word.partition("=")[0]) not in known:
                return option
        elif choices:
            if word in PLACEHOLDERS:
                return ""
            if word not in choices:
                return word
            command = choices[word]
    return ""


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_every_command_line_on_a_page_is_understood(page: Path, clm: Any) -> None:
    called = list(pages.commands(page.read_text(), "clm"))
    assert [(words, bad) for words in called if (bad := unknown(words, clm))] == []


@pytest.mark.parametrize(
    ("words", "bad"),
    [("promote v --shadow", ""), ("promot v", "promot"), ("data prune --orphan", "--orphan")],
    ids=["a command that exists", "no such command", "no such option"],
)
def test_what_no_command_understands_is_told(words: str, bad: str, clm: Any) -> None:
    assert unknown(words.split(), clm) == bad
