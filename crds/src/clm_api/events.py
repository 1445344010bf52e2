"""The CloudEvents that CLM sends: one type each, and its data.

A type is ``dev.clm.<EVENT>.v1``. The data of each has a JSON schema in ``crds/events/``, which is
generated from these models. A field that is not known is absent; a later release may add fields.
"""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from clm_api.base import Exact, Instant, Name, Rounded, StatusModel, Text, Word
from clm_api.drift import FeatureDrift, MarketFault
from clm_api.happening import MOST_DATA
from clm_api.lifecycle import Stage, UserName
from clm_api.model_version import Phase, TriggerType
from clm_api.performance import DegradedBy
from clm_api.report import Sha256
from clm_api.signal import SymbolPosition

PREFIX = "dev.clm."
SUFFIX = ".v1"
"""A field that changes its meaning makes a type of another version."""
SCHEMAS = "https://clm.dev/events/"
"""Where the schemas' names begin."""


class EventData(StatusModel):
    """What every event says."""

    event: ClassVar[str]
    """``run.ended``, say."""

    reason: Word
    """Why, in one word."""
    message: Text = ""
    """Why, as a sentence."""

    @property
    def text(self) -> str:
        """As JSON; a list that is too long for a status loses its last items."""
        said = self
        while len(found := said.model_dump_json(by_alias=True, exclude_none=True)) > MOST_DATA:
            lists = {name: value for name, value in said if isinstance(value, list)}
            name = max(lists, key=lambda name: len(lists[name]))
            said = said.model_validate(dict(said) | {name: lists[name][:-1]})
        return found


def type_of(event: str) -> str:
    """Return the CloudEvent's type: ``dev.clm.run.ended.v1`` of ``run.ended``."""
    return f"{PREFIX}{event}{SUFFIX}"


def schema_of(event: str) -> str:
    """Return the name of the schema that an event's data follow: it need not lead anywhere."""
    return f"{SCHEMAS}{type_of(event)}.json"


class RunScheduled(EventData):
    """A run's version and Job were made."""

    event: ClassVar[str] = "run.scheduled"

    trigger: TriggerType
    """What started it."""
    slot: Instant
    """Its slot."""


class RunStarted(EventData):
    """A run's pod is working."""

    event: ClassVar[str] = "run.started"


class RunHeld(EventData):
    """Something keeps a run or a replay from beginning; it is tried again."""

    event: ClassVar[str] = "run.held"

    name: Name
    """Of the version, or of the replay's Job, that waits."""


class RunAdmitted(EventData):
    """A queue lets a run begin, or go on after it had lost its place."""

    event: ClassVar[str] = "run.admitted"

    queue: Name
    """The LocalQueue."""
    cluster_queue: Exact | None = None
    """The ClusterQueue; absent where nobody says."""


class RunPreempted(EventData):
    """A run has lost its place in a queue to another: its pod goes, and it waits again."""

    event: ClassVar[str] = "run.preempted"

    queue: Name
    """The LocalQueue."""
    preemptions: Annotated[int, Field(ge=1)]
    """How often it has lost its place so far."""


class RunEnded(EventData):
    """A run has ended and was judged."""

    event: ClassVar[str] = "run.ended"

    trigger: TriggerType | None = None
    """What started it; absent of a version that can't be read."""
    phase: Phase
    """Succeeded or Failed."""
    stage: Stage
    """CANDIDATE, REJECTED or FAILED."""
    sharpe: Rounded | None = None
    """Annualised Sharpe ratio out of sample, net of costs."""
    win_rate: Rounded | None = None
    """Share of closed trades with a net profit."""
    profit_factor: Rounded | None = None
    """Sum of wins over sum of losses, net."""
    max_drawdown: Rounded | None = None
    """Largest fall of equity from its running maximum, as a fraction."""
    trades: Annotated[int, Field(ge=0)] | None = None
    """Closed trades."""
    sha256: Sha256 | None = None
    """Digest of the manifest."""


class SlotSkipped(EventData):
    """Slots never ran."""

    event: ClassVar[str] = "slot.skipped"

    from_: Annotated[Instant, Field(alias="from")]
    """First of them."""
    to: Instant
    """Last of them."""
    count: Annotated[int, Field(ge=1)]
    """How many."""


class VersionMoved(EventData):
    """A version went from one stage to another."""

    event: ClassVar[str] = "version.moved"

    stage: Stage
    """Where it stands now."""
    by: UserName
    """Who moved it: a person, or clm-operator."""
    replaced: Name | None = None
    """The version that was in production until then."""


class ShadowPassed(EventData):
    """A version passed its shadow test and may go into production."""

    event: ClassVar[str] = "shadow.passed"


class VersionNoted(EventData):
    """Something is to be known of a version that stays where it is."""

    event: ClassVar[str] = "version.noted"

    stage: Stage
    """Where it stands."""


class RequestRefused(EventData):
    """A person's request was refused."""

    event: ClassVar[str] = "request.refused"

    stage: Stage
    """Where the version was to go."""
    by: UserName
    """Who asked."""


class ProductionHalted(EventData):
    """Production was emptied: bots hold nothing."""

    event: ClassVar[str] = "production.halted"

    version: Name
    """The version that was in production until then."""
    by: UserName
    """Who emptied it: a person, or clm-operator."""


class ProductionMissing(EventData):
    """The version in production was deleted."""

    event: ClassVar[str] = "production.missing"

    version: Name
    """Its name."""


class ReplayFailed(EventData):
    """A replay failed, or could not replay a version."""

    event: ClassVar[str] = "replay.failed"

    name: Name
    """Of its Job."""


class DriftChanged(EventData):
    """Whether the market has changed is said anew."""

    event: ClassVar[str] = "drift.changed"

    version: Name | None = None
    """The version in production."""
    drifted: bool
    """Whether it has."""
    from_: Annotated[Instant | None, Field(alias="from")] = None
    """Open time of the newest window's first bar."""
    to: Instant | None = None
    """Open time of its last bar."""
    worst: Annotated[list[FeatureDrift], Field(max_length=5)] = Field(default_factory=list)
    """Features that moved furthest."""
    faults: Annotated[list[MarketFault], Field(max_length=50)] = Field(default_factory=list)
    """Symbols whose bars can't be what they seem."""


class PerformanceChanged(EventData):
    """Whether the version in production earns what was promised is said anew."""

    event: ClassVar[str] = "performance.changed"

    version: Name | None = None
    """The version in production."""
    degraded: bool
    """Whether it does not."""
    cause: DegradedBy | None = None
    """Which rule says so."""
    sharpe: Rounded | None = None
    """Annualised Sharpe ratio since the promotion."""
    promised_sharpe: Rounded | None = None
    """What the backtest promised, deflated for selection."""
    drawdown: Rounded | None = None
    """Largest fall of live equity from its running maximum, as a fraction."""


class StaleChanged(EventData):
    """Whether the version in production is too old, or its bars have stopped, is said anew."""

    event: ClassVar[str] = "stale.changed"

    version: Name | None = None
    """The version in production."""
    stale: bool
    """Whether it is."""


class ExecutionChanged(EventData):
    """Whether the account's fills are what the model decided is said anew."""

    event: ClassVar[str] = "execution.changed"

    version: Name | None = None
    """The version in production."""
    short: bool
    """Whether they are not."""
    unexplained: Annotated[int, Field(ge=0)]
    """Fills that no decision explains."""
    missed: Annotated[int, Field(ge=0)]
    """Decisions without a fill."""
    shortfall_bps: Rounded | None = None
    """How much worse the fills were than their bars' opens, in basis points."""


class SignalMade(EventData):
    """What is in production has decided anew, or production is empty."""

    event: ClassVar[str] = "signal"

    version: Name | None = None
    """The version that decided; absent while production is empty: all positions are 0."""
    sha256: Sha256 | None = None
    """Digest of its manifest."""
    bar: Instant | None = None
    """Open time of the bar at whose close it decided."""
    decided_at: Instant
    """When that was."""
    valid_until: Instant | None = None
    """When the next decision is due, and a bar's time after it."""
    positions: Annotated[list[SymbolPosition], Field(max_length=50)]
    """One of each symbol."""


class EventsMerged(EventData):
    """One event stands for the oldest of those that wait to be told."""

    event: ClassVar[str] = "events.merged"

    count: Annotated[int, Field(ge=2)]
    """How many it stands for."""


EVENTS: tuple[type[EventData], ...] = (
    RunScheduled,
    RunStarted,
    RunHeld,
    RunAdmitted,
    RunPreempted,
    RunEnded,
    SlotSkipped,
    VersionMoved,
    ShadowPassed,
    VersionNoted,
    RequestRefused,
    ProductionHalted,
    ProductionMissing,
    ReplayFailed,
    DriftChanged,
    PerformanceChanged,
    StaleChanged,
    ExecutionChanged,
    SignalMade,
    EventsMerged,
)
"""All types, in the order in which docs list them."""


def schema(data: type[EventData]) -> dict[str, Any]:
    """Return the JSON schema of an event's data."""
    made = data.model_json_schema(by_alias=True)
    about = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_of(data.event),
        "title": type_of(data.event),
    }
    return about | {name: value for name, value in made.items() if name != "title"}
