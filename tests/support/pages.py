"""The pages that people read: their prose, the code in it, and the commands that they show."""

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

from tests.support.repository import ROOT

PAGES = sorted(
    page
    for pattern in (
        "*.md",
        "docs/*.md",
        "docs/runbooks/*.md",
        "*/README.md",
        "charts/clm/README.md",
    )
    for page in ROOT.glob(pattern)
    if page.name != "CHANGELOG.md"
)
"""What describes the code of today; the changelog and the decisions tell of former days too."""

_FENCE = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)


def name(page: Path) -> str:
    """Return a page's path as a test's id."""
    return str(page.relative_to(ROOT))


def prose(text: str) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", text)


def code(text: str) -> list[str]:
    """Return what stands between backticks in a page's prose."""
    return [found.strip() for found in re.findall(r"`([^`]+)`", prose(text))]


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return [
        dedent(found.group()).partition("\n")[2].rpartition("\n")[0]
        for found in _FENCE.finditer(text)
        if found.group().lstrip().partition("\n")[0] == f"```{language}"
    ]


def links(text: str) -> list[str]:
    """Return the targets of a page's links that lead into the repository."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(text))
    return [target for target in found if "://" not in target]


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in headings}


def commands(text: str, program: str) -> Iterator[list[str]]:
    """Yield the words after a program's name wherever a page calls it."""
    blocks = "\n".join(found.group() for found in _FENCE.finditer(text))
    for line in [*blocks.splitlines(), *code(text)]:
        for part in re.split(r"&&|\|\||[|;(]|(?:^|\s)#", line):
            words = part.replace("\\", " ").split()
            called = words[1:] if words[:1] == ["$"] else words
            if called and called[0].rpartition("/")[2] == program:
                yield called[1:]
