"""One row of the corpus, and the table of all of them in the documentation."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from clm_api.reasons import EXIT_CODES, Reason

GOES_ON = "goes on"
Outcome = Reason | str


class Named(Protocol):
    """What every row has."""

    @property
    def name(self) -> str:
        """What is wrong."""

    @property
    def outcome(self) -> Outcome:
        """A reason, or GOES_ON."""

    @property
    def said(self) -> str:
        """Part of the message, or what is made of it."""


@dataclass(frozen=True)
class Made:
    """What a good or broken input ended in."""

    outcome: Outcome
    message: str


def table(rows: Iterable[Named]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| input | ends in | exit code | the message says |", "|---|---|---|---|"]
    for row in rows:
        code = str(EXIT_CODES[row.outcome]) if isinstance(row.outcome, Reason) else ""
        said = row.said.replace("|", "\\|")
        lines.append(f"| {row.name} | {row.outcome} | {code} | {said} |")
    return "\n".join(lines) + "\n"
