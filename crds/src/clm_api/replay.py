"""What a replay Job is told, and the report that it leaves: frozen models on later bars."""

from typing import Annotated, Literal

from pydantic import Field

from clm_api.base import Exact, Instant, Model, Name, Text
from clm_api.drift import DriftFinding
from clm_api.execution import ExecutionStatus
from clm_api.figures import Count, Figure, MetricValues, Undefined
from clm_api.monitoring import DriftSpec, PerformanceSpec
from clm_api.performance import PerformanceFinding
from clm_api.promotion import ChampionSpec, ShadowSpec
from clm_api.report import Sha256
from clm_api.signal import Signal

EXACT = 1e-9
"""Largest difference of two positions that counts as none."""


class Contender(Model):
    """A published version on trial."""

    version: Name
    """Name of its ModelVersion."""
    uri: Exact
    """Address of its manifest."""
    sha256: Sha256
    """Digest of the manifest."""
    since: Instant
    """When it came into production, or into its shadow test."""


class WatchTask(Model):
    """What a replay looks at beside the figures of the version in production."""

    drift: DriftSpec = Field(default_factory=DriftSpec)
    """Whether and how the market is looked at."""
    performance: PerformanceSpec = Field(default_factory=PerformanceSpec)
    """Whether the results are looked at."""
    max_drawdown: Annotated[float, Field(ge=0, le=1)]
    """Fall of live equity from its peak that it may have at most, as the schedule says now."""
    own_trades: bool = False
    """Whether the account's fills are held against the positions; the pod has the key then."""
    valid_until: Instant
    """Until when the newest positions are to be followed."""


class ReplayTask(Model):
    """One replay Job: whom to replay until when, and how far a shadow test looks."""

    slot: Instant
    """Bars that have closed by then are used, later ones are not."""
    champion: Contender | None = None
    """The version in production."""
    challenger: Contender | None = None
    """The version in its shadow test."""
    shadow: ShadowSpec = Field(default_factory=ShadowSpec)
    """Length of the shadow test, as the challenger's run froze it."""
    comparison: ChampionSpec = Field(default_factory=ChampionSpec)
    """How challenger and champion are compared, as the challenger's run froze it."""
    watch: WatchTask | None = None
    """What else is looked at; a trainer of another release is not told it."""

    @property
    def contenders(self) -> tuple[Contender, ...]:
        """Whom to replay, the one on trial first."""
        return tuple(c for c in (self.challenger, self.champion) if c is not None)


class Replay(Model):
    """What a version did on a stretch of bars; undefined numbers are absent."""

    version: Name
    """Name of its ModelVersion."""
    sha256: Sha256
    """Digest of the manifest that was replayed."""
    from_: Annotated[Instant, Field(alias="from")]
    """Open time of the first bar."""
    to: Instant
    """Open time of the last bar; before ``from`` if there is none yet."""
    bars: Count
    """How many bars."""
    metrics: MetricValues = Field(default_factory=dict)
    """Metrics by their name in the resource, unrounded; undefined ones absent."""
    undefined: Undefined = Field(default_factory=dict)
    """Why a metric is undefined, by its name."""


class Look(Model):
    """Challenger and champion on the first ``bars`` bars after both were trained.

    The lengths are fixed before the test begins: ``minBars``, then twice as many each time while
    they fit into ``maxDays``. A look that is reached never changes again.
    """

    bars: Annotated[Count, Field(ge=1)]
    """Length of the look."""
    metrics: MetricValues
    """The challenger's, by their name in the resource, unrounded; undefined ones absent."""
    undefined: Undefined = Field(default_factory=dict)
    """Why a metric is undefined, by its name."""
    champion_sharpe: Figure | None = None
    """The champion's annualised Sharpe ratio on the same bars."""
    p_not_worse: Annotated[float, Field(gt=0, le=1)] | None = None
    """p value of "the challenger is worse by more than the margin": small ones refute it."""
    p_worse: Annotated[float, Field(gt=0, le=1)] | None = None
    """p value of "the challenger is not worse by more than the margin": small ones refute it."""
    problem: Text = ""
    """Why there is no comparison with the champion."""


class ShadowReplay(Replay):
    """The challenger's shadow test so far."""

    champion: Name | None = None
    """The version that it is held against; absent where nothing is in production."""
    looks: Annotated[list[Look], Field(max_length=16)] = Field(default_factory=list)
    """Looks that were reached, the shortest first."""
    looks_planned: Annotated[int, Field(ge=1, le=16)] = 1
    """How many looks there will be at most: they share the risk of a wrong verdict."""
    replayed_bars: Count = 0
    """Bars on which the positions were worked out again from the bars known at their close.

    Fewer than ``bars`` where all would take too long: then the newest and a spread of the others.
    """
    replay_mismatch: Annotated[Figure, Field(ge=0)] = 0.0
    """Largest difference between those positions and the ones worked out from all bars."""
    mismatch_at: Instant | None = None
    """Open time of the first bar on which the two differ."""


class Problem(Model):
    """Why a version could not be replayed."""

    version: Name
    """Name of its ModelVersion."""
    reason: Annotated[str, Field(pattern=r"^[A-Za-z]{1,64}$")]
    """A reason of ``clm_api.reasons``."""
    message: Text
    """What happened and what to do."""


class ReplayReport(Model):
    """What a replay found; written once, never changed."""

    schema_version: Literal[1] = 1
    task: ReplayTask
    """What was asked for."""
    live: Replay | None = None
    """The champion since it came into production."""
    shadow: ShadowReplay | None = None
    """The challenger since its training."""
    drift: DriftFinding | None = None
    """The newest bars against the champion's training."""
    performance: PerformanceFinding | None = None
    """The champion's results against its backtest's."""
    execution: ExecutionStatus | None = None
    """The account's fills against the champion's positions."""
    signal: Signal | None = None
    """The champion's newest positions."""
    problems: Annotated[list[Problem], Field(max_length=16)] = Field(default_factory=list)
    """Versions that could not be replayed; the other one's figures stand."""
    notes: Annotated[list[Text], Field(max_length=256)] = Field(default_factory=list)
    """What is to be said of the bars."""
    code_revision: Exact
    """Version of the trainer."""
    created_at: Instant
    """When it was written."""
