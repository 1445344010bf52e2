"""``TrainingSchedule``: what a user applies. Field docstrings become the CRD's descriptions."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from clm_api.base import (
    DURATION_PATTERN,
    Model,
)
from clm_api.data_spec import DataSpec
from clm_api.families import CLOSES_ALONE, UNLABELLED, FamilyParameters, learns_labels
from clm_api.job_spec import JobSpec
from clm_api.monitoring import MonitoringSpec
from clm_api.parameters.own import FeaturesSpec, OwnName, Params
from clm_api.promotion import (
    ChampionSpec,
    Criteria,
    PromotionMode,
    ShadowSpec,
    Significance,
)
from clm_api.rules import Rule, Ruled


class ConcurrencyPolicy(StrEnum):
    """What happens to a slot that comes due while a run is active."""

    ALLOW = "Allow"
    FORBID = "Forbid"
    REPLACE = "Replace"


class FundingCharge(StrEnum):
    """Which funding a perpetual's holder is charged."""

    HISTORICAL = "Historical"
    NONE = "None"


class Slippage(StrEnum):
    """Where the slippage that trades are charged comes from."""

    FIXED = "Fixed"
    FROM_OWN_TRADES = "FromOwnTrades"


class ModelSpec(FamilyParameters):
    """What to train."""

    seed: Annotated[int, Field(ge=0, le=2147483647)] = 7
    """Seed of everything random; the same seed and bars give the same model."""
    features: FeaturesSpec = Field(default_factory=FeaturesSpec)
    """What it is given: CLM's own features, or a set of another package."""


_NAME = "[a-z]([-a-z0-9]*[a-z0-9])?"
"""Names of schedules."""
Positions = Literal["longFlat", "longFlatShort"]

DEFAULT_ENTRY_PERCENTILE: dict[Positions, float] = {"longFlat": 0.75, "longFlatShort": 0.85}
"""``spec.target.entryPercentile`` when it is null."""

EntryPercentile = Annotated[float, Field(ge=0.5, le=0.999)]


class PositionRules(Model):
    """How scores become positions, the entry left out: a schedule may leave it open."""

    kind: OwnName = "return"
    """What is learned: return, sign, tripleBarrier, or an entry point of group clm.targets."""
    params: Params = Field(default={})
    """What the target is told; its own model checks them."""
    uniqueness_weights: bool = False
    """Weigh each label by how few others overlap it."""
    positions: Positions = "longFlat"
    """longFlat holds a symbol or nothing; longFlatShort also sells it short (market usdm only)."""
    horizon_bars: Annotated[int, Field(ge=1, le=500)] = 24
    """Bars ahead that the model predicts."""
    calibration_days: Annotated[int, Field(ge=14, le=365)] = 90
    """Length of the tail of the training span on which scores are ranked."""
    exit_percentile: Annotated[float, Field(ge=0.001, le=0.9)] = 0.5
    """Leave when the percentile is below this, after minHoldBars; a short when above 1 - this."""
    min_hold_bars: Annotated[int, Field(ge=0, le=1000)] = 12
    """Bars before a falling score may end a position."""
    take_profit_sigmas: Annotated[float, Field(ge=0.05, le=20)] = 1.0
    """Leave at this many sigma × √horizonBars of profit."""
    stop_loss_sigmas: Annotated[float, Field(ge=0.05, le=20)] = 1.5
    """Leave at this many sigma × √horizonBars of loss."""
    volatility_target: Annotated[float, Field(ge=0.01, le=5)] = 0.25
    """Annual volatility that a position's size aims at."""
    max_weight: Annotated[float, Field(ge=0.01, le=1)] = 1.0
    """Largest position as a fraction of the symbol's share of equity."""


class TargetSpec(PositionRules):
    """How scores become positions: rank on a calibration tail, enter, exit, size."""

    entry_percentile: EntryPercentile | None = None
    """Go long above this percentile, short below 1 - this; null: 0.75, longFlatShort 0.85."""

    @property
    def entry(self) -> float:
        """The percentile above which positions begin."""
        given = self.entry_percentile
        return DEFAULT_ENTRY_PERCENTILE[self.positions] if given is None else given


class EvaluationSpec(Model):
    """The out-of-sample window and how it is walked."""

    period_days: Annotated[int, Field(ge=7, le=730)] = 90
    """Length of the out-of-sample window, the newest days of the data."""
    folds: Annotated[int, Field(ge=1, le=50)] | None = None
    """Walk-forward folds; null takes 3 for boosting."""
    purge_bars: Annotated[int, Field(ge=0, le=10000)] | None = None
    """Bars dropped between training span and test block; null takes horizonBars + 1."""
    embargo_bars: Annotated[int, Field(ge=0, le=10000)] = 0
    """Further bars dropped there."""


class CostsSpec(Model):
    """What a trade costs, charged on each fill's notional."""

    fee_bps: Annotated[float, Field(ge=0, le=1000)] | None = None
    """Exchange fee in basis points a side; null takes 10 for spot, 5 for usdm."""
    slippage_bps: Annotated[float, Field(ge=0, le=1000)] = 3.0
    """Slippage against the open in basis points a side."""
    slippage: Slippage = Slippage.FIXED
    """Fixed charges slippageBps; FromOwnTrades what 30 or more own fills paid, else slippageBps."""
    funding: FundingCharge = FundingCharge.HISTORICAL
    """Only for market usdm: Historical charges the funding that was paid, None charges none."""


class PromotionSpec(Model):
    """How a version is judged."""

    mode: PromotionMode = PromotionMode.MANUAL
    """Manual stops at CANDIDATE; Automatic goes on to SHADOW and PRODUCTION; DryRun only judges
    and says what Automatic would do."""
    criteria: Criteria = Field(default_factory=Criteria)
    """Thresholds that must all be met."""
    significance: Significance = Field(default_factory=Significance)
    """Extra gates: without them about 8 % to 11 % of pure noise passes the criteria."""
    shadow: ShadowSpec = Field(default_factory=ShadowSpec)
    """The test on later bars that comes before production."""
    champion: ChampionSpec = Field(default_factory=ChampionSpec)
    """How that test holds a candidate against the version in production."""


class RetentionSpec(Model):
    """How many ended versions are kept, besides candidates, production and the way back."""

    successful_runs: Annotated[int, Field(ge=1, le=1000)] = 10
    """Newest rejected and archived versions that are kept."""
    failed_runs: Annotated[int, Field(ge=0, le=1000)] = 3
    """Newest failed versions that are kept."""


class TrainingScheduleSpec(Ruled):
    """When to train which model on which bars, and how to judge it."""

    rules: "ClassVar[Sequence[Rule[TrainingScheduleSpec]]]" = (
        Rule(
            "has(self.schedule) != has(self.interval)",
            "set exactly one of spec.schedule and spec.interval",
            lambda s: (s.schedule is None) != (s.interval is None),
        ),
        Rule(
            "self.data.lookbackDays >= self.evaluation.periodDays + 180",
            "spec.data.lookbackDays must be at least "
            "spec.evaluation.periodDays + 180: 180 days are the least to train on",
            lambda s: s.data.lookback_days >= s.evaluation.period_days + 180,
        ),
        Rule(
            "(has(self.target.entryPercentile) ? self.target.entryPercentile : "
            "self.target.positions == 'longFlat' "
            f"? {DEFAULT_ENTRY_PERCENTILE['longFlat']} "
            f": {DEFAULT_ENTRY_PERCENTILE['longFlatShort']}) "
            "> self.target.exitPercentile",
            "spec.target.entryPercentile must be above exitPercentile: "
            "a position would end on the bar that opened it; null takes 0.75 for "
            "longFlat, 0.85 for longFlatShort",
            lambda s: s.target.entry > s.target.exit_percentile,
        ),
        Rule(
            "self.target.positions == 'longFlat' || self.data.market == 'usdm'",
            "spec.target.positions longFlatShort needs spec.data.market usdm: "
            "nothing can be sold short on spot",
            lambda s: s.target.positions == "longFlat" or s.data.market == "usdm",
        ),
        Rule(
            "self.costs.slippage == 'Fixed' || self.data.ownTrades",
            "spec.costs.slippage FromOwnTrades needs spec.data.ownTrades: true",
            lambda s: s.costs.slippage is Slippage.FIXED or s.data.own_trades,
        ),
        Rule(
            "self.monitoring.drift.windows <= self.monitoring.drift.of",
            "spec.monitoring.drift.windows must not be above spec.monitoring.drift.of: "
            "it says how many of them must differ",
            lambda s: s.monitoring.drift.windows <= s.monitoring.drift.of,
        ),
        Rule(
            f"self.target.kind == 'return' || {learns_labels('self.model')}",
            f"spec.target.kind must be return: of {', '.join(UNLABELLED)} each learns in its "
            "own way",
            lambda s: s.target.kind == "return" or s.model.learns == {"target"},
        ),
        Rule(
            f"!self.target.uniquenessWeights || {learns_labels('self.model')}",
            f"spec.target.uniquenessWeights weighs labels: of {', '.join(UNLABELLED)} each learns "
            "in its own way",
            lambda s: not s.target.uniqueness_weights or s.model.learns == {"target"},
        ),
        Rule(
            f"self.model.features.set == 'standard' || "
            f"!(self.model.family in [{', '.join(map(repr, CLOSES_ALONE))}])",
            f"spec.model.features.set must be standard: {', '.join(CLOSES_ALONE)} read closes "
            "alone",
            lambda s: s.model.features.set_ == "standard" or s.model.family.row.reads == "features",
        ),
    )

    schedule: (
        Annotated[
            str,
            Field(min_length=6, max_length=128),
            Rule[str](
                "!self.contains('TZ')",
                "a zone inside the schedule is refused: set spec.timeZone",
                lambda line: "TZ" not in line,
            ),
        ]
        | None
    ) = None
    """Cron line as a Kubernetes CronJob reads it, such as "0 */6 * * *" or "@daily"; exactly one of
    schedule, interval."""
    interval: Annotated[str, Field(pattern=DURATION_PATTERN, max_length=6)] | None = None
    """Time between runs, such as 6h; exactly one of schedule, interval."""
    time_zone: Annotated[str, Field(min_length=1, max_length=64)] = "Etc/UTC"
    """IANA time zone in which the cron expression is read."""
    suspend: bool = False
    """While true no slot is due and none is recorded."""
    concurrency_policy: ConcurrencyPolicy = ConcurrencyPolicy.FORBID
    """Allow runs both; Forbid skips the new slot for good; Replace ends the old run."""
    starting_deadline_seconds: Annotated[int, Field(ge=60, le=2592000)] = 3600
    """A slot noticed later than this is skipped and recorded."""
    run_on_create: bool = True
    """Train once when the schedule is new and has no history."""
    model: ModelSpec
    """What to train."""
    data: DataSpec
    """Which bars to train on."""
    target: TargetSpec = Field(default_factory=TargetSpec)
    """How scores become positions."""
    evaluation: EvaluationSpec = Field(default_factory=EvaluationSpec)
    """The out-of-sample window."""
    costs: CostsSpec = Field(default_factory=CostsSpec)
    """What a trade costs."""
    promotion: PromotionSpec = Field(default_factory=PromotionSpec)
    """How a version is judged."""
    monitoring: MonitoringSpec = Field(default_factory=MonitoringSpec)
    """How published versions are replayed on the newest bars, and what follows by itself."""
    retention: RetentionSpec = Field(default_factory=RetentionSpec)
    """How many ended versions are kept."""
    job: JobSpec = Field(default_factory=JobSpec)
    """How the training Job runs."""


class TrainingScheduleResource:
    """Names, columns and root rules of the kind; the generator's input beside the models."""

    kind: ClassVar[str] = "TrainingSchedule"
    plural: ClassVar[str] = "trainingschedules"
    short_names: ClassVar[list[str]] = ["tsched"]
    description: ClassVar[str] = (
        "A TrainingSchedule trains a trading model again and again, judges every version out of "
        "sample and records the verdict in ModelVersions."
    )
    rules: ClassVar[Sequence[Rule[Mapping[str, Any]]]] = (
        Rule(
            f"self.metadata.name.matches('^{_NAME}$') && self.metadata.name.size() <= 52",
            f"metadata.name must match ^{_NAME}$ and have at most "
            "52 characters: names of versions and Jobs are made from it",
            lambda resource: (
                re.fullmatch(_NAME, resource["metadata"]["name"]) is not None
                and len(resource["metadata"]["name"]) <= 52
            ),
        ),
    )
    columns: ClassVar[list[tuple[str, str, str, int]]] = [
        ("Schedule", "string", ".status.scheduleText", 0),
        ("Suspend", "boolean", ".spec.suspend", 0),
        ("Family", "string", ".spec.model.family", 0),
        ("Production", "string", ".status.production.version", 0),
        ("Last-Run", "date", ".status.lastScheduleTime", 0),
        ("Last-Result", "string", ".status.lastRun.reason", 0),
        ("Next-Run", "string", ".status.nextScheduleTime", 0),
        ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
        ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', 0),
        ("Age", "date", ".metadata.creationTimestamp", 0),
        ("TimeZone", "string", ".spec.timeZone", 1),
        ("Symbols", "string", ".spec.data.symbols", 1),
        ("Trials", "integer", ".status.trials.total", 1),
        ("Candidate", "string", ".status.candidate", 1),
        ("Shadow", "string", ".status.shadow", 1),
        ("Drift", "string", ".status.drift.verdict", 1),
        ("Performance", "string", ".status.performance.verdict", 1),
    ]
    selectable_fields: ClassVar[list[str]] = []
