"""What the store said of results and of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from clm_api.model_version import Phase
from clm_api.reasons import Reason
from clm_api.replay import ReplayReport
from clm_api.report import FoldMetrics, Manifest, MetricsFile, Progress
from clm_api.schedule_status import LiveStatus, ReplayStatus


@dataclass(frozen=True)
class Report:
    """A verified result."""

    manifest: Manifest
    manifest_sha256: str
    metrics: MetricsFile
    folds: tuple[FoldMetrics, ...]
    size_bytes: int


@dataclass(frozen=True)
class CorruptReport:
    """A result whose files contradict its manifest."""

    message: str


@dataclass(frozen=True)
class UnreadableReport:
    """The store did not say whether there is a result."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class Latest:
    """The newest replay as a round leaves it.

    Parameters
    ----------
    report
        Of one that ends in this round.
    live
        What that report says of the version in production.
    """

    status: ReplayStatus | None = None
    report: ReplayReport | None = None
    live: LiveStatus | None = None

    @property
    def runs(self) -> bool:
        """Whether its Job has not ended yet."""
        return self.status is not None and self.status.phase is Phase.RUNNING


@dataclass(frozen=True)
class StoreSeen:
    """Whether the store can be used, and why not."""

    ready: bool
    reason: Reason
    message: str


ReportRead = Report | CorruptReport | UnreadableReport | None
"""None: the store answered that there is no manifest."""


ReplayRead = ReplayReport | CorruptReport | UnreadableReport | None
"""None: the store answered that there is no report."""


@dataclass(frozen=True)
class Findings:
    """What a round found in the store, of all that it needs from there."""

    reports: Mapping[str, ReportRead] = field(default_factory=dict)
    """Results by version; only of runs whose Job has ended or is gone."""
    progress: Mapping[str, Progress] = field(default_factory=dict)
    """What the newest pod of an active run says, by version."""
    verified: Mapping[str, ReportRead] = field(default_factory=dict)
    """Results digested anew, by version; only of those that are to go into production."""
    replay: ReplayRead = None
    """Report of the newest replay, once its Job has ended or is gone."""
