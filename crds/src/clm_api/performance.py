"""What a replay finds of the results: whether the version earns what its backtest promised."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from clm_api.base import Instant, Name, StatusModel, Text
from clm_api.figures import Count, Shown


class PerformanceVerdict(StrEnum):
    """The outcome of one look."""

    AS_PROMISED = "AsPromised"
    DEGRADED = "Degraded"
    TOO_EARLY = "TooEarly"
    """The first look is not reached yet, and nothing else speaks against the version."""


class DegradedBy(StrEnum):
    """Which rule says that a version is degraded."""

    LOOK = "Look"
    """Its mean return at a look of fixed length is too low for what was promised."""
    CUSUM = "Cusum"
    """Its shortfall adds up faster than what was promised allows."""
    DRAWDOWN = "Drawdown"
    """It has lost more than ``spec.promotion.criteria.maxDrawdown`` from its peak."""


class PerformanceFinding(StatusModel):
    """Live replayed returns since the promotion against the backtest's."""

    version: Name
    """Whose results they are."""
    verdict: PerformanceVerdict
    """AsPromised, Degraded or TooEarly."""
    cause: DegradedBy | None = None
    """Which rule says so; absent unless Degraded."""
    from_: Annotated[Instant, Field(alias="from")]
    """Open time of the first bar since the promotion."""
    to: Instant
    """Open time of the last bar; before ``from`` if there is none yet."""
    bars: Count
    """Bars since the promotion."""
    sharpe: Shown | None = None
    """Annualised Sharpe ratio on them."""
    promised_sharpe: Shown | None = None
    """What the backtest promised, deflated for selection."""
    cusum: Shown | None = None
    """The shortfall that has added up."""
    cusum_limit: Shown | None = None
    """What it may be at most."""
    drawdown: Shown | None = None
    """Largest fall of live equity from its running maximum, as a fraction."""
    max_drawdown: Shown | None = None
    """What it may be at most."""
    message: Text = ""
    """What was found, as a sentence."""


class PerformanceStatus(PerformanceFinding):
    """The newest look, and what followed."""

    slot: Instant
    """Slot of the replay that found it."""
    since: Instant
    """Since when the verdict is this one."""
    retrained: Instant | None = None
    """When a run was last asked for because of it."""
