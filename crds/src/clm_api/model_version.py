"""``ModelVersion``: one run and what came of it. Created and updated by the operator only."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field

from clm_api.base import Cut, Exact, Instant, Model, Name, Rounded, StatusModel, Text, Word
from clm_api.conditions import Condition
from clm_api.happening import Untold
from clm_api.lifecycle import KEPT_CHANGES, Decision, Stage, StageChange, StageRequest
from clm_api.promotion import CriterionVerdict
from clm_api.queueing import QueueStatus
from clm_api.report import FoldMetrics, Metrics, Progress, Sha256
from clm_api.restored import Restored
from clm_api.rules import Rule, Unchanging
from clm_api.run import RunSpec

_IMMUTABLE = Unchanging("a ModelVersion's spec never changes: it records what was run")
_DECIDED_FIRST = Unchanging(
    "a request is waiting: the operator executes or refuses it, then ask again"
)


class Phase(StrEnum):
    """The run's phase."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


TERMINAL = (Phase.SUCCEEDED, Phase.FAILED)


class TriggerType(StrEnum):
    """What started a run."""

    INITIAL = "Initial"
    SCHEDULED = "Scheduled"
    MANUAL = "Manual"
    DRIFT = "Drift"
    PERFORMANCE = "Performance"
    STALE = "Stale"
    MESSAGE = "Message"


TAKES_A_SLOT = frozenset({TriggerType.INITIAL, TriggerType.SCHEDULED})
"""Triggers whose runs are those of the schedule's own slots."""


MONITORED = frozenset({TriggerType.DRIFT, TriggerType.PERFORMANCE, TriggerType.STALE})
"""Triggers of runs that monitoring asks for by itself."""


class ScheduleRef(Model):
    """The TrainingSchedule that the version belongs to."""

    name: Annotated[str, Field(max_length=52)]
    """Its name."""
    uid: Annotated[str, Field(max_length=36)]
    """Its uid: a schedule that was deleted and made again is another one."""


class Trigger(Model):
    """What started the run."""

    type: TriggerType
    """Initial, Scheduled, Manual, Drift, Performance, Stale or Message."""
    reason: Annotated[str, Cut(512)] = ""
    """Why, where somebody said."""


class ModelVersionSpec(Model):
    """What was asked for; immutable but for the request."""

    schedule_ref: Annotated[ScheduleRef, _IMMUTABLE]
    """The schedule that it belongs to."""
    slot: Annotated[Instant, _IMMUTABLE]
    """The scheduled instant."""
    trigger: Annotated[Trigger, _IMMUTABLE]
    """What started the run."""
    model_name: Annotated[str, Field(max_length=64), _IMMUTABLE]
    """Family, symbol or multi, and timeframe."""
    run: Annotated[RunSpec, _IMMUTABLE]
    """What the Job is told, fully resolved."""
    request: Annotated[StageRequest, _DECIDED_FIRST] | None = None
    """A person's wish to move the version; the operator decides it once and removes it."""


class JobRef(StatusModel):
    """The Job that carries out the run."""

    name: Name
    """Its name."""
    uid: Annotated[str, Field(max_length=36)]
    """Its uid."""


class DataStatus(StatusModel):
    """The bars that the run used."""

    from_: Annotated[Instant, Field(alias="from")]
    """First bar's open time."""
    to: Instant
    """End of the range, exclusive."""
    bars: Annotated[int, Field(ge=0)]
    """Bars of all symbols."""
    gaps: Annotated[int, Field(ge=0)]
    """Missing bars of all symbols."""
    sha256: Sha256
    """Digest of the exact training frame."""
    message: Text = ""
    """What else is to be said of them, by symbol: bars that nobody could trade or that were
    corrected later, an exchange that was away."""


class ArtifactStatus(StatusModel):
    """The verified result."""

    uri: Exact
    """The manifest's address."""
    sha256: Sha256
    """The manifest's digest, pinned when it was first read."""
    size_bytes: Annotated[int, Field(ge=0)]
    """Size of all files."""


class MetricsStatus(Metrics):
    """Metrics of the whole window and of each fold."""

    folds: Annotated[list[FoldMetrics], Field(max_length=50)] = Field(default_factory=list)
    """One row per fold."""


class ShadowVerdict(StrEnum):
    """The outcome of a shadow test."""

    PASSED = "Passed"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"


class ShadowStatus(StatusModel):
    """The test on bars after the training."""

    since: Instant
    """When it began."""
    champion: Name | None = None
    """The version that it is held against; absent where nothing is in production."""
    bars: Annotated[int, Field(ge=0)] = 0
    """Bars so far, from the first one after the training on."""
    trades: Annotated[int, Field(ge=0)] = 0
    """Closed trades on them."""
    sharpe: Rounded | None = None
    """Annualised Sharpe ratio on them."""
    champion_sharpe: Rounded | None = None
    """The champion's on the bars of the newest look."""
    p_value: Rounded | None = None
    """Of "worse than the champion by more than the margin", at the newest look: small ones pass."""
    replay_mismatch: Rounded | None = None
    """Largest difference between positions worked out bar by bar and all at once; must be 0."""
    verdict: ShadowVerdict | None = None
    """Passed, Failed or Inconclusive; absent while the test goes on."""
    verdict_slot: Instant | None = None
    """Slot of the replay that the verdict rests on; its report is kept."""
    message: Text = ""
    """What the newest replay found."""


class ModelVersionStatus(StatusModel):
    """What came of the run."""

    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """Generation of the spec that the status speaks of; -1 before the operator has seen it."""
    phase: Phase = Phase.PENDING
    """The run's phase."""
    stage: Stage = Stage.TRAINING
    """Where the version stands."""
    reason: Word = ""
    """Why it stands there, in one word."""
    message: Annotated[str, Cut(4096)] = ""
    """Why it stands there, and what to do, as a sentence."""
    start_time: Instant | None = None
    """When the first pod started."""
    completion_time: Instant | None = None
    """When the run ended."""
    duration: Annotated[str, Field(max_length=16)] | None = None
    """Time between the two."""
    job_ref: JobRef | None = None
    """The Job that carries out the run."""
    attempt: Annotated[int, Field(ge=0)] = 0
    """Pods that were made."""
    pod_uid: Annotated[str, Field(max_length=36)] | None = None
    """The newest of them; its files lie under attempts/ in the run's folder."""
    pod_missing_since: Instant | None = None
    """Since when its Job has lost its pod; absent while it has one."""
    queue: QueueStatus | None = None
    """Where its Job stands in its queue; absent where it has none."""
    run_uri: Exact | None = None
    """Address of the run's folder; a pod's log is attempts/<its uid>/log.jsonl in it."""
    progress: Progress | None = None
    """How far the run is."""
    data: DataStatus | None = None
    """The bars that the run used."""
    trained_until: Instant | None = None
    """Open time of the last bar that the artifact was fitted on."""
    metrics: MetricsStatus | None = None
    """Out-of-sample metrics."""
    criteria: Annotated[list[CriterionVerdict], Field(max_length=16)] = Field(default_factory=list)
    """One verdict per promotion criterion."""
    artifact: ArtifactStatus | None = None
    """The verified result."""
    report_uri: Exact | None = None
    """Address of the tear sheet."""
    shadow: ShadowStatus | None = None
    """The test on bars after the training."""
    promotion: Decision | None = None
    """What became of the newest request."""
    restored: Restored | None = None
    """The version in whose place this one stands; absent where none was restored."""
    history: Annotated[list[StageChange], Field(max_length=KEPT_CHANGES)] = Field(
        default_factory=list
    )
    """Moves of the version, newest last."""
    untold: Untold = Field(default_factory=list)
    """Events that are still to be told."""
    conditions: Annotated[
        list[Condition],
        Field(
            max_length=16,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
        ),
    ] = Field(default_factory=list)
    """Ready, JobSucceeded, ArtifactVerified, CriteriaMet, StatisticallySignificant, ShadowPassed,
    InProduction; Reconciling while the run goes on, Stalled if it failed."""


class ModelVersionResource:
    """Names, columns and root rules of the kind; the generator's input beside the models."""

    kind: ClassVar[str] = "ModelVersion"
    plural: ClassVar[str] = "modelversions"
    short_names: ClassVar[list[str]] = ["mv"]
    description: ClassVar[str] = (
        "A ModelVersion is one training run: what was asked for, how far it is, how good the "
        "model is out of sample, and where its artifacts lie. Only the operator creates them."
    )
    rules: ClassVar[Sequence[Rule[Any]]] = ()
    columns: ClassVar[list[tuple[str, str, str, int]]] = [
        ("Schedule", "string", ".spec.scheduleRef.name", 0),
        ("Family", "string", ".spec.run.model.family", 0),
        ("Phase", "string", ".status.phase", 0),
        ("Progress", "integer", ".status.progress.percent", 0),
        ("Stage", "string", ".status.stage", 0),
        ("Sharpe", "number", ".status.metrics.sharpe", 0),
        ("WinRate", "number", ".status.metrics.winRate", 0),
        ("PF", "number", ".status.metrics.profitFactor", 0),
        ("MaxDD", "number", ".status.metrics.maxDrawdown", 0),
        ("Trades", "integer", ".status.metrics.trades", 0),
        ("Reason", "string", ".status.reason", 0),
        ("Age", "date", ".metadata.creationTimestamp", 0),
        ("Trigger", "string", ".spec.trigger.type", 1),
        ("PSR", "number", ".status.metrics.psr", 1),
        ("DSR", "number", ".status.metrics.deflatedSharpe", 1),
        ("Trained-Until", "date", ".status.trainedUntil", 1),
        ("Duration", "string", ".status.duration", 1),
        ("Queue", "string", ".status.queue.state", 1),
    ]
    selectable_fields: ClassVar[list[str]] = [
        ".status.stage",
        ".status.phase",
        ".spec.scheduleRef.name",
    ]
