"""``RunSpec``: what one run is told, fully resolved and frozen when its version is created."""

from typing import Annotated, Literal

from pydantic import Field

from clm_api.base import Exact, Instant, LabelText, Model, Name
from clm_api.data_spec import MarketColumn, OnRevision, Refresh, SecretRef, SeriesSpec
from clm_api.families import FamilyParameters
from clm_api.job_spec import GpuSpec, ResourcesSpec, TolerationSpec
from clm_api.parameters.own import FeaturesSpec
from clm_api.promotion import (
    ChampionSpec,
    Criteria,
    PromotionMode,
    ShadowSpec,
    Significance,
)
from clm_api.symbols import Market, Symbol
from clm_api.training_schedule import EntryPercentile, FundingCharge, PositionRules, Slippage


class RunModel(FamilyParameters):
    """The model to train."""

    seed: Annotated[int, Field(ge=0, le=2147483647)]
    """Seed of everything random."""
    features: FeaturesSpec = Field(default_factory=FeaturesSpec)
    """What it is given."""


class RunData(Model):
    """The bars to use."""

    exchange: Annotated[str, Field(max_length=32)]
    """The exchange's ccxt id."""
    market: Market
    """spot, or usdm: linear perpetuals."""
    symbols: Annotated[list[Symbol], Field(min_length=1, max_length=50)]
    """Symbols pooled into one model; perpetuals by their full name, such as BTC/USDT:USDT."""
    timeframe: Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d"]
    """Length of a bar."""
    from_: Annotated[Instant, Field(alias="from")]
    """First bar's open time. With refresh Never the whole range moves back to the stored bars."""
    to: Instant
    """End of the range, exclusive."""
    refresh: Refresh
    """Whether the exchange may be asked."""
    max_gap_bars: Annotated[int, Field(ge=0, le=10000)]
    """Longest hole that is masked."""
    on_revision: OnRevision = OnRevision.KEEP
    """Whether stored rows that were corrected later are used or end the run."""
    sandbox: bool = False
    """Whether the exchange's testnet is asked."""
    own_trades: bool = False
    """Whether the account's own fills are read."""
    secret_ref: SecretRef | None = None
    """Secret with the exchange key; mounted as files."""
    columns: Annotated[list[MarketColumn], Field(max_length=6)] = Field(default=[])
    """What the exchange tells beside the bars."""
    series: Annotated[list[SeriesSpec], Field(max_length=20)] = Field(default=[])
    """Own series."""

    @property
    def venue(self) -> str:
        """Where the bars come from: a testnet has others than its exchange."""
        return f"{self.exchange}-sandbox" if self.sandbox else self.exchange


class RunTarget(PositionRules):
    """How scores become positions: rank on a calibration tail, enter, exit, size."""

    entry_percentile: EntryPercentile
    """Go long above this percentile, with longFlatShort short below 1 - this."""


class RunEvaluation(Model):
    """The out-of-sample window."""

    period_days: Annotated[int, Field(ge=1, le=730)]
    """Length of the out-of-sample window in days."""
    folds: Annotated[int, Field(ge=1, le=50)]
    """Walk-forward folds."""
    purge_bars: Annotated[int, Field(ge=0, le=10000)]
    """Bars dropped between training span and test block."""
    embargo_bars: Annotated[int, Field(ge=0, le=10000)]
    """Further bars dropped there."""


class RunCosts(Model):
    """What a trade costs."""

    fee_bps: Annotated[float, Field(ge=0, le=1000)]
    """Exchange fee in basis points a side."""
    slippage_bps: Annotated[float, Field(ge=0, le=1000)]
    """Slippage in basis points a side."""
    slippage: Slippage = Slippage.FIXED
    """Whether measured slippage takes its place."""
    funding: FundingCharge = FundingCharge.HISTORICAL
    """Only for market usdm: whether the funding that was paid is charged."""


class RunPromotion(Model):
    """How the version will be judged."""

    mode: PromotionMode
    """How far the version may go."""
    criteria: Criteria
    """Thresholds that must all be met."""
    significance: Significance = Field(default_factory=Significance)
    """Extra gates that were asked for."""
    shadow: ShadowSpec = Field(default_factory=ShadowSpec)
    """Length of its shadow test."""
    champion: ChampionSpec = Field(default_factory=ChampionSpec)
    """How it will be held against the version in production."""


class RunTrials(Model):
    """How many versions were judged on the same symbols and timeframe before this one."""

    count: Annotated[int, Field(ge=1, le=100000000)] = 1
    """Versions ever judged, this one included; a version of three seeds counts three times."""
    sharpe_variance: Annotated[float, Field(ge=0)] | None = None
    """Variance of their Sharpe ratios per bar; absent while fewer than two are known."""


class RunPod(Model):
    """The training pod, operator defaults and schedule merged."""

    image: Annotated[str, Field(min_length=1, max_length=512)]
    """Image of the training container."""
    fetch_image: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    """Image of CLM's own that fetches before an own image begins; absent where one image does
    both."""
    gpu: GpuSpec
    """GPUs."""
    resources: ResourcesSpec
    """CPU and memory."""
    node_selector: Annotated[dict[LabelText, Name], Field(max_length=20)] = Field(
        default_factory=dict
    )
    """Labels that the node must have."""
    tolerations: Annotated[list[TolerationSpec], Field(max_length=20)] = Field(default_factory=list)
    """Taints that the pod accepts."""
    priority_class_name: Exact | None = None
    """PriorityClass of the pod."""
    runtime_class_name: Exact | None = None
    """RuntimeClass of the pod."""
    queue_name: Name | None = None
    """Kueue's LocalQueue."""
    priority_class: Name | None = None
    """Kueue's WorkloadPriorityClass."""
    active_deadline_seconds: Annotated[int, Field(ge=30, le=604800)]
    """Longest run."""
    backoff_limit: Annotated[int, Field(ge=0, le=10)]
    """Retries of a run that failed for a reason that may pass."""
    pending_deadline_seconds: Annotated[int, Field(ge=10, le=604800)]
    """Longest wait for a node."""

    @property
    def own_image(self) -> str | None:
        """The image that is not CLM's; None where one of the operator's does all."""
        return None if self.fetch_image is None else self.image


class RunSpec(Model):
    """Everything a run depends on. Two runs of one RunSpec on the same bars give the same files."""

    model: RunModel
    """The model to train."""
    data: RunData
    """The bars to use."""
    target: RunTarget
    """How scores become positions."""
    evaluation: RunEvaluation
    """The out-of-sample window."""
    costs: RunCosts
    """What a trade costs."""
    promotion: RunPromotion
    """How the version will be judged."""
    trials: RunTrials
    """Versions judged before: deflates the Sharpe ratio."""
    pod: RunPod
    """The training pod."""

    @property
    def charges_funding(self) -> bool:
        """Whether positions pay and receive the funding of perpetuals."""
        return self.data.market == "usdm" and self.costs.funding is FundingCharge.HISTORICAL

    @property
    def cost_bps(self) -> float:
        """Fee and slippage a side, in basis points of notional."""
        return self.costs.fee_bps + self.costs.slippage_bps

    @property
    def shorts(self) -> bool:
        """Whether positions may be short."""
        return self.target.positions == "longFlatShort"
