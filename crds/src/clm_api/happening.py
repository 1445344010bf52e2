"""What happened, kept beside what it made true until it is told."""

from typing import Annotated, Literal

from pydantic import Field

from clm_api.base import Cut, StatusModel, Text, Word

MOST_UNTOLD = 32


class Happening(StatusModel):
    """One event of an object, written with the change that it tells of and removed once told."""

    id: Annotated[str, Cut(253)]
    """Made of stored facts: the same happening has the same id after a crash."""
    type: Literal["Normal", "Warning"]
    """As of a Kubernetes event."""
    reason: Word
    """One word."""
    message: Text
    """A sentence."""


Untold = Annotated[list[Happening], Field(max_length=MOST_UNTOLD)]
"""Oldest first; empty while nothing happens."""
