"""What a run leaves in the store: metrics, progress, the manifest, its last words."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from clm_api.base import Exact, Instant, Model, Rounded, StatusModel, Text
from clm_api.figures import Count, Figure, MetricValues, Undefined
from clm_api.layout import LISTED, RunLayout

KEPT_ODDITIES = 50
"""Holes, and spikes, of a symbol that the manifest names."""
ShortText = Annotated[str, Field(max_length=128)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Metrics(StatusModel):
    """Out-of-sample metrics, net of costs. An undefined one is absent."""

    sharpe: Rounded | None = None
    """Mean over standard deviation of the bar returns, annualised."""
    win_rate: Rounded | None = None
    """Share of closed trades with a net profit."""
    win_rate_low: Rounded | None = None
    """Lower end of the win rate's 95 % Wilson interval."""
    win_rate_high: Rounded | None = None
    """Upper end of the win rate's 95 % Wilson interval."""
    profit_factor: Rounded | None = None
    """Sum of wins over sum of losses, net."""
    max_drawdown: Rounded | None = None
    """Largest fall of equity from its running maximum, positive fraction."""
    trades: Annotated[int, Field(ge=0)] | None = None
    """Closed trades."""
    total_return: Rounded | None = None
    """Equity at the end minus one."""
    sortino: Rounded | None = None
    """Mean over downside deviation of the bar returns, annualised."""
    turnover: Rounded | None = None
    """Traded notional over equity, per year."""
    exposure: Rounded | None = None
    """Mean share of equity in positions."""
    break_even_bps: Rounded | None = None
    """Cost in basis points a side at which the Sharpe ratio would be 0."""
    sharpe_at_double_cost: Rounded | None = None
    """Sharpe ratio of the same positions at twice the costs."""
    buy_and_hold_sharpe: Rounded | None = None
    """Sharpe ratio of buying all symbols at the start and never selling."""
    psr: Rounded | None = None
    """Probabilistic Sharpe ratio: probability that the true Sharpe ratio is above 0."""
    deflated_sharpe: Rounded | None = None
    """The same above what the best of all trials would reach by luck."""
    min_track_record_days: Rounded | None = None
    """Days of such returns that would make the Sharpe ratio significant at 95 %."""
    score: Rounded | None = None
    """Sharpe ratio minus ten times the drawdown: for sorting only, never a gate."""


class FoldMetrics(StatusModel):
    """One fold of the walk-forward."""

    fold: Annotated[int, Field(ge=0, le=50)]
    """Number of the fold, from 0."""
    train_from: Instant
    """First bar of the training span."""
    train_to: Instant
    """Last bar of the training span."""
    test_from: Instant
    """First bar of the test block."""
    test_to: Instant
    """Last bar of the test block."""
    sharpe: Rounded | None = None
    """Annualised Sharpe ratio of the test block."""
    total_return: Rounded | None = None
    """Return of the test block."""
    trades: Annotated[int, Field(ge=0)] = 0
    """Trades closed in the test block."""
    turnover: Rounded | None = None
    """Traded notional over equity in the test block, per year."""
    exposure: Rounded | None = None
    """Mean share of equity in positions in the test block."""
    break_even_bps: Rounded | None = None
    """Cost in basis points a side at which the test block's mean return would be 0."""
    sharpe_at_double_cost: Rounded | None = None
    """Annualised Sharpe ratio of the test block at twice the costs."""
    buy_and_hold_sharpe: Rounded | None = None
    """Annualised Sharpe ratio of buying at the window's start and holding, in the test block."""


class MetricsFile(Model):
    """``metrics.json``: unrounded, without times or uids, so that equal runs give equal bytes."""

    schema_version: Literal[1] = 1
    metrics: MetricValues
    """Metrics by their name in the resource; undefined ones absent."""
    undefined: Undefined = Field(default_factory=dict)
    """Why a metric is undefined, by its name."""
    sr_per_bar: Figure | None = None
    """Sharpe ratio per bar, not annualised."""
    bars: Count
    """Number of returns behind it."""
    skew: Figure | None = None
    """Skewness of the returns."""
    kurtosis: Figure | None = None
    """Pearson kurtosis of the returns (normal = 3)."""
    trained_until: Instant
    """Open time of the last bar that the artifact was fitted on."""


class FileFormat(StrEnum):
    """Formats that an attempt may hold. None of them can carry code."""

    JSON = "json"
    PARQUET = "parquet"
    UBJ = "ubj"
    TXT = "txt"
    SAFETENSORS = "safetensors"
    HTML = "html"
    SVG = "svg"


class ManifestFile(Model):
    """One file of an attempt."""

    path: Annotated[str, Field(pattern=LISTED, max_length=512)]
    """Path relative to the manifest."""
    size: Annotated[int, Field(ge=0, le=2147483648)]
    """Bytes."""
    sha256: Sha256
    """Digest of the content."""
    format: FileFormat
    """Format of the content."""


class HoleData(Model):
    """Missing bars in a row."""

    start: Instant
    """Open time of the first of them."""
    bars: Annotated[int, Field(ge=1)]
    """How many."""


class RevisionData(Model):
    """One value of a stored row, and what was found for it later."""

    time: Instant
    """Time of the row."""
    column: Annotated[str, Field(max_length=64)]
    """Which of its values."""
    stored: Annotated[float, Field(allow_inf_nan=False)]
    """What is stored, and was used."""
    found: Annotated[float, Field(allow_inf_nan=False)]
    """What the exchange or a file said later."""


class SymbolData(Model):
    """How good one symbol's bars are."""

    symbol: Annotated[str, Field(max_length=64)]
    """Its name."""
    first: Instant
    """Open time of its first bar in the range."""
    last: Instant
    """Open time of its last bar."""
    bars: Count
    """Bars in the range."""
    missing: Count
    """Bars that the range lacks since the first one."""
    holes: Annotated[list[HoleData], Field(max_length=KEPT_ODDITIES)]
    """Where, the longest first."""
    spikes: Annotated[list[Instant], Field(max_length=KEPT_ODDITIES)]
    """Bars that moved far and back at once, the newest ones: reported, never repaired."""
    untraded: Count = 0
    """Bars of 24 hours or more in which nobody traded: masked like missing ones."""
    halts: Annotated[list[HoleData], Field(max_length=KEPT_ODDITIES)] = Field(default_factory=list)
    """Where, the longest first."""
    revised: Count = 0
    """Bars, and funding events, of which something else was found later; the stored ones stand."""
    revisions: Annotated[list[RevisionData], Field(max_length=KEPT_ODDITIES)] = Field(
        default_factory=list
    )
    """What differs, the newest ones."""


class SourceData(Model):
    """How good one series, or one column of the market, is over a run's bars."""

    name: Annotated[str, Field(max_length=256)]
    """SERIES.COLUMN of an own series; the column, and the symbol, of a market's."""
    rows: Count
    """Rows that were read."""
    missing: Count
    """Bars at whose close no value was known, or only one that is too old."""
    oldest_seconds: Annotated[int, Field(ge=0)]
    """Longest time between a value's becoming known and the close of a bar that used it."""
    sha256: Sha256
    """Digest of the values as the bars saw them."""


class PackageData(Model):
    """A package whose code helped to make a model."""

    version: ShortText
    """Its version."""
    sha256: Sha256
    """Digest of all its files."""


class ManifestData(Model):
    """The bars that a run really used."""

    from_: Annotated[Instant, Field(alias="from")]
    """First bar's open time."""
    to: Instant
    """End of the range, exclusive."""
    bars: Count
    """Bars of all symbols."""
    gaps: Count
    """Missing bars of all symbols."""
    sha256: Sha256
    """Digest of the exact training frame."""
    symbols: Annotated[list[SymbolData], Field(max_length=50)] = Field(default_factory=list)
    """How good each symbol's bars are."""
    sources: Annotated[list[SourceData], Field(max_length=1500)] = Field(default_factory=list)
    """How good what was read beside the bars is."""
    notes: Annotated[list[Text], Field(max_length=256)] = Field(default_factory=list)
    """What else is to be said of them: bars that nobody could trade or that were corrected later,
    an exchange that was away, a clock that is wrong."""


class Manifest(Model):
    """``manifest.json``: the commit point of a run, written last and only once."""

    schema_version: Literal[1] = 1
    attempt: Annotated[str, Field(max_length=63)]
    """The pod that wrote the files."""
    files: Annotated[list[ManifestFile], Field(min_length=1, max_length=64)]
    """Every file of the attempt."""
    image: Exact
    """Image that ran."""
    code_revision: Exact
    """Version of the trainer."""
    libraries: Annotated[dict[ShortText, ShortText], Field(max_length=64)]
    """Versions of the libraries that the numbers depend on."""
    packages: Annotated[dict[ShortText, PackageData], Field(max_length=16)] = Field(
        default_factory=dict
    )
    """Own packages whose features, target or family the model has."""
    seed: Annotated[int, Field(ge=-(2**63), le=2**64)]
    """Seed of everything random."""
    data: ManifestData
    """The bars that were used."""
    created_at: Instant
    """When the manifest was written."""

    def file(self, name: str) -> ManifestFile:
        """Return the file of that name, such as ``metrics.json``.

        Raises
        ------
        KeyError
            The manifest lists no such file.
        """
        return listed(self.files, self.attempt, name)


def listed(files: Sequence[ManifestFile], attempt: str, name: str) -> ManifestFile:
    """Return the file of that name of an attempt.

    Raises
    ------
    KeyError
        None of them has it.
    """
    for file in files:
        if file.path == RunLayout.relative_file(attempt, name):
            return file
    raise KeyError(name)


class Progress(StatusModel):
    """How far a run is."""

    stage: Annotated[str, Field(max_length=32)]
    """The step: fetch, features, train, backtest or report."""
    percent: Annotated[int, Field(ge=0, le=100)]
    """Share of the whole run that is done."""
    eta_seconds: Annotated[int, Field(ge=0, le=10**9)] | None = None
    """Seconds to go, estimated."""
    message: Text = ""
    """What it is doing."""
    last_updated_time: Instant
    """When the run last said so."""


class TerminationMessage(Model):
    """The last line of a failing trainer, at most 2 KB."""

    code: Annotated[int, Field(ge=1, le=255)]
    """Exit code."""
    reason: str
    """A reason of ``clm_api.reasons``."""
    message: str
    """What happened and what to do."""
