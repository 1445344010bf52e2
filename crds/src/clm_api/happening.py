"""What happened, kept beside what it made true until it is told."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from clm_api.base import Cut, Instant, StatusModel, Text, Word

MOST_UNTOLD = 200
MOST_DATA = 32768
"""Characters of an event's data."""
Sink = Literal["events", "http", "nats"]
"""Whom it is told: Kubernetes events, an HTTP endpoint, NATS JetStream."""


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
    at: Instant | None = None
    """When it became true; unknown where an operator of before has written it."""
    event: Annotated[str, Field(pattern=r"^[a-z]+(\.[a-z]+){0,2}$", max_length=64)] | None = None
    """As a CloudEvent: ``run.ended`` is type dev.clm.run.ended.v1; none: it is no CloudEvent."""
    data: Annotated[str, Field(max_length=MOST_DATA)] | None = None
    """The CloudEvent's data as JSON text; its schema lies in crds/events."""
    told: Annotated[list[Sink], Field(max_length=8)] = Field(default_factory=list)
    """Who knows it already; it goes once all that are to know it do."""
    to: Annotated[list[Sink], Field(max_length=8)] = Field(default_factory=list)
    """Who is to know it beside Kubernetes events: the sinks of the time at which it happened."""
    count: Annotated[int, Field(ge=2)] | None = None
    """How many events it stands for, where too many waited to be told; none: it is one."""

    def dated(self, at: datetime) -> "Happening":
        """Return it with its time; one that has a time keeps it."""
        return self if self.at is not None else self.having(at=at)


Untold = Annotated[list[Happening], Field(max_length=MOST_UNTOLD)]
"""Oldest first; empty while nothing happens."""
