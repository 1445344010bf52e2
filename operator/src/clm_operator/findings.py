"""What the store said of results and of itself."""

from dataclasses import dataclass

from clm_api.reasons import Reason
from clm_api.replay import ReplayReport
from clm_api.report import FoldMetrics, Manifest, MetricsFile


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
class StoreSeen:
    """Whether the store can be used, and why not."""

    ready: bool
    reason: Reason
    message: str


ReportRead = Report | CorruptReport | UnreadableReport | None
"""None: the store answered that there is no manifest."""


ReplayRead = ReplayReport | CorruptReport | UnreadableReport | None
"""None: the store answered that there is no report."""
