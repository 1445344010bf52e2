"""The newest positions of what is in production, for a bot in any language."""

from typing import Annotated

from pydantic import Field

from clm_api.base import Instant, Name, StatusModel
from clm_api.report import Sha256


class SymbolPosition(StatusModel):
    """What to hold of a symbol."""

    symbol: Annotated[str, Field(max_length=64)]
    """Its name."""
    position: Annotated[float, Field(ge=-1, le=1)]
    """Fraction of the symbol's sleeve (1/N of equity); below 0 is short."""


class Signal(StatusModel):
    """The newest decision of the version in production; of none, while production is empty."""

    version: Name | None = None
    """The version that decided; absent while production is empty: then all positions are 0."""
    sha256: Sha256 | None = None
    """Digest of its manifest."""
    bar: Instant | None = None
    """Open time of the bar at whose close it decided."""
    decided_at: Instant
    """When that bar closed, or production was emptied."""
    valid_until: Instant | None = None
    """When the next decision is due, and a bar's time after it; absent: until there is another."""
    positions: Annotated[list[SymbolPosition], Field(max_length=50)] = Field(default_factory=list)
    """One of each symbol."""


class SignalFile(Signal):
    """``signals/<namespace>/<schedule>.json``: follows ``status.signal``."""

    schema_version: Annotated[int, Field(ge=1)] = 1
    """Grows when a field changes its meaning. A bot holds to what it knows and refuses the rest."""
    schedule_uid: Annotated[str, Field(max_length=36)]
    """The schedule that wrote it: one that was made again is another one."""
    namespace: Annotated[str, Field(max_length=63)]
    """Of the schedule."""
    schedule: Annotated[str, Field(max_length=63)]
    """Its name."""
    since: Instant
    """When the version came into production, or production was emptied."""
