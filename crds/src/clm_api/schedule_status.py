"""``TrainingSchedule.status``: what the operator knows about a schedule."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from clm_api import former
from clm_api.base import Cut, Exact, Instant, Name, Rounded, StatusModel, Text, Word
from clm_api.conditions import SpecCondition
from clm_api.drift import DriftStatus
from clm_api.execution import ExecutionStatus
from clm_api.happening import Untold
from clm_api.lifecycle import Stage, UserName
from clm_api.model_version import Phase, TriggerType
from clm_api.performance import PerformanceStatus
from clm_api.queueing import QueueStatus
from clm_api.report import Sha256
from clm_api.restored import Restored
from clm_api.signal import Signal

KEPT_SKIPS = 20
KEPT_PERIODS = 20
KEPT_ACTIVE = 100
KEPT_COUNTED = 2000
KEPT_HELD = 8
"""The newest slot, and one run of each other trigger."""
MOST_ASKED = 20
"""Runs that messages asked for and that have not begun yet."""
KEPT_TOKENS = 200
"""Tokens of messages that are remembered once their run was made or refused."""
MOST_ACTIVE = 20
"""Runs of a schedule that may be active at once."""
TOKEN_CHARS = 256
"""What tells a value of clm.dev/run-now from others: its first characters."""


class ScheduleSeen(StatusModel):
    """When the present schedule was first seen: no slot up to then is due."""

    hash: Annotated[str, Field(max_length=16)]
    """Digest of schedule, interval, time zone."""
    since: Instant
    """First observation."""


class SkippedRange(StatusModel):
    """Slots that never ran."""

    from_: Annotated[Instant, Field(alias="from")]
    """First skipped slot."""
    to: Instant
    """Last skipped slot."""
    count: Annotated[int, Field(ge=1)]
    """Number of slots; a lower bound where the range is long."""
    reason: Word
    """Why they did not run."""
    message: Text = ""
    """Why they did not run, as a sentence."""
    at: Instant | None = None
    """When it was put on record."""


class HeldRun(StatusModel):
    """A run whose ModelVersion can't be made yet."""

    name: Name
    """Name that its ModelVersion will have."""
    slot: Instant
    """Its slot."""
    reason: Word
    """Why not, in one word."""
    message: Text = ""
    """Why not, in the words of who refuses it."""
    since: Instant
    """When it was refused first."""


class ActiveRun(StatusModel):
    """A run in progress."""

    name: Name
    """Name of its ModelVersion."""
    phase: Phase
    """Its phase."""


class LastRun(StatusModel):
    """The newest run."""

    name: Name
    """Name of its ModelVersion."""
    trigger: TriggerType
    """What started it."""
    phase: Phase
    """Its phase."""
    stage: Stage
    """Its stage."""
    reason: Word = ""
    """Why it is there."""
    start_time: Instant | None = None
    """When its pod started."""
    completion_time: Instant | None = None
    """When it ended."""


class TrialsStatus(StatusModel):
    """Versions ever judged on this schedule's symbols and timeframe; never reset."""

    total: Annotated[int, Field(ge=0)] = 0
    """How many."""
    measured: Annotated[int, Field(ge=0)] = 0
    """How many of them have a Sharpe ratio: one that never traded has none."""
    mean_sharpe: Rounded = 0.0
    """Mean of their annualised Sharpe ratios."""
    sharpe_variance: Annotated[Rounded, Field(ge=0)] = 0.0
    """Sample variance of their annualised Sharpe ratios."""
    counted: Annotated[list[Name], Field(max_length=KEPT_COUNTED)] = Field(default_factory=list)
    """Versions that still exist and are in the figures already, the newest of them."""
    counted_until: Instant | None = None
    """All that ended by then are in the figures too."""


class ArtifactRef(StatusModel):
    """A verified result, pinned."""

    uri: Exact
    """The manifest's address."""
    sha256: Sha256
    """The manifest's digest."""


class LiveStatus(StatusModel):
    """How the version in production has done since it came there, replayed on the bars since."""

    bars: Annotated[int, Field(ge=0)]
    """Bars since."""
    to: Instant
    """Open time of the last of them."""
    trades: Annotated[int, Field(ge=0)] = 0
    """Closed trades."""
    sharpe: Rounded | None = None
    """Annualised Sharpe ratio, net of costs."""
    total_return: Rounded | None = None
    """Equity at the end minus one."""
    max_drawdown: Rounded | None = None
    """Largest fall of equity from its running maximum, as a fraction."""


class ReplayStatus(StatusModel):
    """The newest replay Job."""

    name: Name
    """Name of the Job."""
    slot: Instant
    """Bars that have closed by then are used."""
    phase: Phase
    """Pending while the store lends no keys for its Job, or a quota forbids it; Running, Succeeded
    or Failed."""
    reason: Word = ""
    """Why it failed, or could not replay a version, in one word."""
    message: Text = ""
    """What it found, or why it failed, as a sentence."""
    pod_missing_since: Instant | None = None
    """Since when its Job has no pod; absent while it has one."""
    queue: QueueStatus | None = None
    """Where its Job stands in its queue; absent where it has none."""
    completion_time: Instant | None = None
    """When it ended."""


class ProductionStatus(StatusModel):
    """The version in production: written only with the resourceVersion that was read."""

    version: Name
    """Name of its ModelVersion."""
    since: Instant
    """When it came into production."""
    approved_by: UserName
    """Who asked for it."""
    reason: Text
    """Why, in the words of who asked."""
    artifact: ArtifactRef
    """What was verified and is to be used."""
    live: LiveStatus | None = None
    """How it has done since."""
    execution: ExecutionStatus | None = None
    """Whether the account's fills are what the version decided; only with data.ownTrades."""


class HaltedStatus(StatusModel):
    """Why production is empty: bots hold nothing."""

    version: Name
    """The version that was in production until then."""
    since: Instant
    """Since when."""
    by: UserName
    """Who emptied it: a person, or clm-operator by spec.monitoring.performance. Only a person's
    promotion ends what a person began."""
    reason: Text
    """Why."""


class AskedRun(StatusModel):
    """A run that a message asked for and that has not begun yet."""

    token: Annotated[str, Field(min_length=1, max_length=TOKEN_CHARS)]
    """What tells the message from others: the same token is one run."""
    reason: Annotated[str, Cut(512)] = ""
    """Why, in the words of the message."""
    at: Instant
    """When it was taken."""


class Emptied(StatusModel):
    """What ended a time in production where no other version came."""

    by: UserName
    """Who emptied production: a person, or clm-operator by spec.monitoring.performance."""
    reason: Text
    """Why."""


class ProductionPeriod(StatusModel):
    """A version that was in production."""

    version: Name
    """Name of its ModelVersion."""
    from_: Annotated[Instant, Field(alias="from")]
    """When it came into production."""
    to: Instant
    """When the next one came, or production was emptied."""
    by: UserName
    """Who asked for it."""
    reason: Text
    """Why, in the words of who asked."""
    emptied: Emptied | None = None
    """Who emptied production at its end; absent where the next version replaced it."""


class TrainingScheduleStatus(StatusModel):
    """What the operator observed."""

    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """Generation of the spec that the status speaks of; -1 before the operator has seen it."""
    conditions: Annotated[
        list[SpecCondition],
        Field(
            max_length=16,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
        ),
    ] = Field(default_factory=list)
    """Ready, ScheduleValid, DataAvailable, StoreReady, Progressing; Stalled while the spec is
    invalid; Drifted, Degraded, Stale, Executed while something is in production and they are looked
    at; ProductionVersionMissing while the version in production is gone; Halted while production is
    empty because somebody or a rule emptied it."""
    schedule_seen: ScheduleSeen | None = None
    """When the present schedule was first seen."""
    schedule_text: Annotated[str, Field(max_length=160)] | None = None
    """The schedule as one text: the cron expression, or "every 6h"."""
    schedule_notes: Annotated[list[Text], Field(max_length=4)] = Field(default_factory=list)
    """What is to be known of when its slots fall: double readings, the next clock change."""
    last_schedule_time: Instant | None = None
    """Newest slot that was run or skipped."""
    next_schedule_time: Instant | None = None
    """Next slot."""
    last_successful_time: Instant | None = None
    """When the newest successful run ended."""
    last_run_token: Annotated[str, Field(max_length=TOKEN_CHARS)] | None = None
    """Last value of annotation clm.dev/run-now that started a run."""
    skipped: Annotated[list[SkippedRange], Field(max_length=KEPT_SKIPS)] = Field(
        default_factory=list
    )
    """Slots that never ran, newest last."""
    held: Annotated[list[HeldRun], Field(max_length=KEPT_HELD)] = Field(default_factory=list)
    """Runs that an admission rule, a quota or a name holds back: the newest slot's, and one
    of each other trigger."""
    active: Annotated[list[ActiveRun], Field(max_length=KEPT_ACTIVE)] = Field(default_factory=list)
    """Runs in progress, the newest of them."""
    last_run: LastRun | None = None
    """The newest run."""
    trials: TrialsStatus = Field(default_factory=TrialsStatus)
    """Versions ever judged on these symbols and timeframe."""
    candidate: Name | None = None
    """The newest version that passed all criteria and waits for a decision; one whose bars end
    before those of another is passed over."""
    shadow: Name | None = None
    """The version in its shadow test."""
    replay: ReplayStatus | None = None
    """The newest replay Job."""
    evaluation: ReplayStatus | None = None
    """Former name of ``replay``: read, never written."""
    production: ProductionStatus | None = None
    """The version in production: the truth that stages and the store's pointer follow."""
    halted: HaltedStatus | None = None
    """Why production was emptied; absent while a version is there, or none ever was."""
    drift: DriftStatus | None = None
    """Whether the market has changed since the version in production was trained."""
    performance: PerformanceStatus | None = None
    """Whether the version in production earns what its backtest promised."""
    retrained: Instant | None = None
    """When monitoring last asked for a run, whatever for: the next one waits for its cooldown."""
    signal: Signal | None = None
    """The newest positions of what is in production."""
    asked: Annotated[list[AskedRun], Field(max_length=MOST_ASKED)] = Field(default_factory=list)
    """Runs that messages asked for and that have not begun yet, oldest first."""
    settled_tokens: Annotated[
        list[Annotated[str, Field(max_length=16)]], Field(max_length=KEPT_TOKENS)
    ] = Field(default_factory=list)
    """Digests of the newest messages' tokens whose run was made or refused."""
    restored: Restored | None = None
    """The schedule in whose place this one stands; absent where none was restored."""
    previous: Annotated[list[ProductionPeriod], Field(max_length=KEPT_PERIODS)] = Field(
        default_factory=list
    )
    """Who was in production before, newest last."""
    untold: Untold = Field(default_factory=list)
    """Events that are still to be told."""

    @model_validator(mode="before")
    @classmethod
    def _in_words_of_today(cls, stored: Any) -> Any:
        return former.renamed(stored)
