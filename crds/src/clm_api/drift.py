"""What a replay finds of the market: whether it is still the one that the version learned."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from clm_api.base import Instant, Name, StatusModel, Text
from clm_api.figures import Count, Shown

WORST = 5
"""Features that a finding names."""


class DriftVerdict(StrEnum):
    """The outcome of one look."""

    STEADY = "Steady"
    DRIFTED = "Drifted"
    TOO_EARLY = "TooEarly"
    """Not enough bars for the windows yet."""
    NO_REFERENCE = "NoReference"
    """The version was trained by a release that stored no reference."""


class MarketFaultKind(StrEnum):
    """What features can't show."""

    VOLUME_GONE = "VolumeGone"
    PRICES_FROZEN = "PricesFrozen"
    UNIT_CHANGED = "UnitChanged"
    SYMBOL_SILENT = "SymbolSilent"


class MarketFault(StatusModel):
    """A symbol whose bars can't be what they seem."""

    symbol: Annotated[str, Field(max_length=64)]
    """Its name."""
    kind: MarketFaultKind
    """What is wrong."""
    since: Instant
    """Open time of the first such bar."""
    message: Text = ""
    """What is wrong, as a sentence."""


class FeatureDrift(StatusModel):
    """How far one feature, or the model's score, has moved in the newest window."""

    name: Annotated[str, Field(max_length=64)]
    """The feature's name; ``score`` for the model's own."""
    psi: Shown
    """Population stability index over ten bins of the reference's quantiles."""
    ks: Shown
    """Two-sample Kolmogorov-Smirnov distance."""
    statistic: Shown
    """How unusual that is under this market's own history: what the decision compares."""


class DriftFinding(StatusModel):
    """One look at the newest windows."""

    version: Name
    """Whose training is the reference."""
    verdict: DriftVerdict
    """Steady, Drifted, TooEarly or NoReference."""
    from_: Annotated[Instant | None, Field(alias="from")] = None
    """Open time of the newest window's first bar."""
    to: Instant | None = None
    """Open time of its last bar."""
    window_bars: Count = 0
    """Bars of a window."""
    exceeded: Count = 0
    """Windows that differ, of the newest ones."""
    of: Count = 0
    """How many were looked at."""
    statistic: Shown | None = None
    """The largest statistic of the newest window."""
    limit: Shown | None = None
    """What it may be at most."""
    worst: Annotated[list[FeatureDrift], Field(max_length=WORST)] = Field(default_factory=list)
    """Features that moved furthest, the furthest first."""
    faults: Annotated[list[MarketFault], Field(max_length=50)] = Field(default_factory=list)
    """Symbols whose bars can't be what they seem: that alone is drift."""
    message: Text = ""
    """What was found, as a sentence."""


class DriftStatus(DriftFinding):
    """The newest look, and what followed."""

    slot: Instant
    """Slot of the replay that found it."""
    since: Instant
    """Since when the verdict is this one."""
    retrained: Instant | None = None
    """When a run was last asked for because of drift."""
