"""``Simulation``: would a schedule and its gate have made money. A user applies it."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from clm_api.base import Cut, Exact, Instant, Model, Name, Rounded, StatusModel, Text, Word
from clm_api.conditions import Condition
from clm_api.happening import Untold
from clm_api.model_version import ArtifactStatus, JobRef, Phase
from clm_api.queueing import QueueStatus
from clm_api.report import Sha256
from clm_api.rules import BROKEN, Rule, Ruled, Unchanging
from clm_api.training_schedule import TrainingScheduleSpec

MAX_VARIANTS = 100
AS_IS = "as-is"
"""Name of the one variant of a simulation that lists none."""
_NAME = "[a-z]([-a-z0-9]*[a-z0-9])?"
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Slots are counted from there on."""


class Variant(Model):
    """One way to change the schedule."""

    name: Annotated[str, Field(pattern=f"^{_NAME}$", max_length=40)]
    """What its results are called."""
    patch: Annotated[
        dict[str, Any],
        Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True}),
    ] = Field(default={})
    """A JSON merge patch (RFC 7386) over the schedule's spec."""


def _named_once(variants: list[Variant]) -> list[Variant]:
    names = [one.name for one in variants]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise PydanticCustomError(BROKEN, f"holds two variants named {twice}")
    return variants


class SimulationSpec(Ruled):
    """Which schedule to replay on which past, in which variants."""

    rules: "ClassVar[Sequence[Rule[SimulationSpec] | Unchanging]]" = (
        Unchanging("a Simulation never changes: delete it, or apply another one"),
        Rule(
            "has(self.schedule) != has(self.scheduleName)",
            "set exactly one of spec.schedule and spec.scheduleName",
            lambda s: (s.schedule is None) != (s.schedule_name is None),
        ),
        Rule(
            "self.from < self.to",
            "spec.from must be before spec.to",
            lambda s: s.from_ < s.to,
        ),
        Rule(
            "self.from >= timestamp('1970-01-01T00:00:00Z')",
            "spec.from must not be before 1970",
            lambda s: s.from_ >= _EARLIEST,
        ),
        Rule(
            "!has(self.variants) || self.variants.size() <= self.parallelism",
            "spec.parallelism must be at least the number of spec.variants: each has a Job of its "
            "own",
            lambda s: len(s.variants) <= s.parallelism,
        ),
    )

    schedule_name: Annotated[str, Field(min_length=1, max_length=52)] | None = None
    """A TrainingSchedule of the same namespace, taken as it is when the simulation begins; exactly
    one of schedule, scheduleName."""
    schedule: TrainingScheduleSpec | None = None
    """The spec of a TrainingSchedule; exactly one of schedule, scheduleName."""
    from_: Annotated[Instant, Field(alias="from")]
    """First slot, as if the schedule had been applied then."""
    to: Instant
    """End of the slots and of the bars, exclusive; not after now."""
    parallelism: Annotated[int, Field(ge=1, le=10000)] = 1
    """Pods at once, over all variants, which share them evenly; no variant has more than slots."""
    variants: Annotated[
        list[Variant],
        Field(
            max_length=MAX_VARIANTS,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
        ),
        AfterValidator(_named_once),
    ] = Field(default=[])
    """Changes of the schedule that are compared; none: the schedule as it is. List one with an
    empty patch to compare with the schedule as it is."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=31536000)] = 86400
    """Jobs and trained slots go so long after the end; the report stays."""

    @property
    def all_variants(self) -> Sequence[Variant]:
        """The variants, or the one that changes nothing."""
        return self.variants or [Variant(name=AS_IS)]


class SimulatedVariant(StatusModel):
    """How far one variant is, and what came of it."""

    name: Name
    """The variant's."""
    job_ref: JobRef | None = None
    """The Job that trains its slots."""
    phase: Phase = Phase.PENDING
    """Pending, Running, Succeeded once all slots are trained, or Failed."""
    slots: Annotated[int, Field(ge=0)] = 0
    """Versions to train."""
    trained: Annotated[int, Field(ge=0)] = 0
    """Versions that are trained, those whose run failed for a reason of their own too."""
    message: Text = ""
    """What holds it up, or why it failed."""
    queue: QueueStatus | None = None
    """Where its Job stands in a queue of Kueue; absent where none has a say, and once it is
    trained."""
    failed: Annotated[int, Field(ge=0)] | None = None
    """Versions whose run would have failed."""
    passed: Annotated[int, Field(ge=0)] | None = None
    """Versions that would have been candidates."""
    promotions: Annotated[int, Field(ge=0)] | None = None
    """Changes of the production model."""
    total_return: Rounded | None = None
    """Of whatever was in production, net of costs."""
    sharpe: Rounded | None = None
    """Of the same, annualised."""
    max_drawdown: Rounded | None = None
    """Of the same, positive fraction."""
    buy_and_hold: Rounded | None = None
    """Return of buying all symbols at the start and never selling."""


class SimulationStatus(StatusModel):
    """How far the simulation is, and its answer."""

    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """Generation of the spec that the status speaks of; -1 before the operator has seen it."""
    phase: Phase = Phase.PENDING
    """Pending, Running, Succeeded or Failed."""
    reason: Word = ""
    """Why it stands there, in one word."""
    message: Annotated[str, Cut(4096)] = ""
    """Why it stands there, and what to do, as a sentence."""
    start_time: Instant | None = None
    """When its first pod began."""
    completion_time: Instant | None = None
    """When it ended."""
    estimated_completion_time: Instant | None = None
    """When it will have ended if it goes on as it did."""
    slots: Annotated[int, Field(ge=0)] = 0
    """Versions to train, over all variants."""
    trained: Annotated[int, Field(ge=0)] = 0
    """Versions that are trained."""
    percent: Annotated[int, Field(ge=0, le=100)] = 0
    """Share of them."""
    task_sha256: Sha256 | None = None
    """Digest of task.json in the simulation's folder: schedule and variants as they were frozen."""
    uri: Exact | None = None
    """Address of the simulation's folder in the store."""
    variants: Annotated[list[SimulatedVariant], Field(max_length=MAX_VARIANTS)] = Field(
        default_factory=list
    )
    """The variants, in the order of the spec."""
    reduce_job_ref: JobRef | None = None
    """The Job that writes the report."""
    reduce_queue: QueueStatus | None = None
    """Where that Job stands in a queue; absent where none has a say, and once it has ended."""
    best: Name | None = None
    """The variant with the highest Sharpe ratio of production."""
    total_return: Rounded | None = None
    """The best variant's, net of costs."""
    sharpe: Rounded | None = None
    """The best variant's: the highest of many tries, so too good; see overfittingProbability."""
    overfitting_probability: Rounded | None = None
    """Probability of backtest overfitting over versions and variants, all counted as trials."""
    artifact: ArtifactStatus | None = None
    """The verified result."""
    report_uri: Exact | None = None
    """Address of report.html."""
    untold: Untold = Field(default_factory=list)
    """Events that are still to be told."""
    conditions: Annotated[
        list[Condition],
        Field(
            max_length=8,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
        ),
    ] = Field(default_factory=list)
    """Ready once the report is verified; Reconciling while it goes on, Stalled if it failed."""


class SimulationResource:
    """Names, columns and root rules of the kind; the generator's input beside the models."""

    kind: ClassVar[str] = "Simulation"
    plural: ClassVar[str] = "simulations"
    short_names: ClassVar[list[str]] = ["sim"]
    description: ClassVar[str] = (
        "A Simulation replays a TrainingSchedule and its gate on history, on the whole cluster: "
        "at each past slot a version is trained on what was known then, judged, and traded."
    )
    rules: ClassVar[Sequence[Rule[Mapping[str, Any]]]] = (
        Rule(
            f"self.metadata.name.matches('^{_NAME}$') && self.metadata.name.size() <= 52",
            f"metadata.name of a Simulation must match ^{_NAME}$ and have at most 52 characters: "
            "names of Jobs are made from it",
            lambda resource: (
                re.fullmatch(_NAME, resource["metadata"]["name"]) is not None
                and len(resource["metadata"]["name"]) <= 52
            ),
        ),
    )
    columns: ClassVar[list[tuple[str, str, str, int]]] = [
        ("Schedule", "string", ".spec.scheduleName", 0),
        ("Phase", "string", ".status.phase", 0),
        ("Progress", "integer", ".status.percent", 0),
        ("ETA", "string", ".status.estimatedCompletionTime", 0),
        ("Slots", "integer", ".status.slots", 0),
        ("Best", "string", ".status.best", 0),
        ("Return", "number", ".status.totalReturn", 0),
        ("Sharpe", "number", ".status.sharpe", 0),
        ("PBO", "number", ".status.overfittingProbability", 0),
        ("Reason", "string", ".status.reason", 0),
        ("Age", "date", ".metadata.creationTimestamp", 0),
        ("From", "string", ".spec.from", 1),
        ("To", "string", ".spec.to", 1),
        ("Parallelism", "integer", ".spec.parallelism", 1),
    ]
    selectable_fields: ClassVar[list[str]] = [".status.phase"]
