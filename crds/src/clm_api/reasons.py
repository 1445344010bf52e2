"""Every reason that CLM writes into a status, an event or a termination message."""

from enum import StrEnum


class Reason(StrEnum):
    """A reason in CamelCase; the trainer's exit code, where it has one, is in ``EXIT_CODES``."""

    SPEC_INVALID = "SpecInvalid"
    """A field has a value that can't work; the message names the field."""
    SYMBOL_UNKNOWN = "SymbolUnknown"
    """The exchange or the bar cache doesn't know the symbol."""
    DATA_GAP = "DataGap"
    """A hole in the bars is longer than ``spec.data.maxGapBars``."""
    DATA_INVALID = "DataInvalid"
    """Bars contradict each other or themselves."""
    INSUFFICIENT_DATA = "InsufficientData"
    """Too little history to train and to evaluate."""
    METRICS_REJECTED = "MetricsRejected"
    """A metric isn't a finite number, or a check of the evaluation failed."""
    DEVICE_UNAVAILABLE = "DeviceUnavailable"
    """A GPU was asked for and none is visible."""
    STORAGE_DENIED = "StorageDenied"
    """The object store refused the credentials or the bucket."""
    EXCHANGE_DENIED = "ExchangeDenied"
    """The exchange refuses this address, region or key."""
    DATA_UNAVAILABLE = "DataUnavailable"
    """No bars, or none fresh enough, and no exchange that answers."""
    EXCHANGE_BANNED = "ExchangeBanned"
    """The exchange has banned this address for a while."""
    STORAGE_UNAVAILABLE = "StorageUnavailable"
    """The object store doesn't answer."""
    INTERRUPTED = "Interrupted"
    """The run was told to stop (SIGTERM) and stopped cleanly."""
    TRAINING_FAILED = "TrainingFailed"
    """The training process ended with an error that has no reason of its own."""

    RUN_SCHEDULED = "RunScheduled"
    """A slot is due and its model version was created."""
    MISSED_SLOT = "MissedSlot"
    """A slot passed while nothing could run it, and a newer one is due."""
    STARTING_DEADLINE_EXCEEDED = "StartingDeadlineExceeded"
    """A slot was noticed later than ``spec.startingDeadlineSeconds`` allows."""
    CONCURRENCY_FORBIDDEN = "ConcurrencyForbidden"
    """A slot came due while a run was active and the policy is Forbid."""
    REPLACED = "Replaced"
    """A newer slot took the place of this run (policy Replace)."""
    NAME_COLLISION = "NameCollision"
    """An object with the run's name exists and belongs to something else."""
    JOB_CREATED = "JobCreated"
    """The run's Job exists and waits for its pod."""
    TRAINING_STARTED = "TrainingStarted"
    """The run's pod is working."""
    UNSCHEDULABLE = "Unschedulable"
    """No node could take the run's pod within ``pendingDeadlineSeconds``."""
    QUOTA_PENDING = "QuotaPending"
    """A queue or quota holds the run back."""
    ADMISSION_DENIED = "AdmissionDenied"
    """An admission webhook or policy, or the operator's rights are against it; tried again."""
    ADMISSION_UNAVAILABLE = "AdmissionUnavailable"
    """The API server, or a webhook that it asks, gives no answer; tried again."""
    COLLECTION_PENDING = "CollectionPending"
    """An object of the run's name, of a schedule that is gone, is being removed; tried again."""
    TOO_MANY_RUNS = "TooManyRuns"
    """As many runs of the schedule are active as there may be at once."""
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    """The run took longer than ``activeDeadlineSeconds``."""
    OOM_KILLED = "OOMKilled"
    """The run's container used more memory than its limit."""
    JOB_LOST = "JobLost"
    """The run's Job vanished before it had stored a result."""
    ARTIFACT_CORRUPT = "ArtifactCorrupt"
    """A stored file differs from its manifest, or the manifest from the pinned digest."""
    NO_TRADES = "NoTrades"
    """The model never traded out of sample, so its Sharpe ratio is undefined."""
    TOO_FEW_TRADES = "TooFewTrades"
    """Fewer closed trades than the criterion asks for."""
    CRITERIA_PASSED = "CriteriaPassed"
    """All promotion criteria passed."""
    CRITERIA_FAILED = "CriteriaFailed"
    """At least one promotion criterion or gate failed."""
    SIGNIFICANT = "Significant"
    """The deflated Sharpe ratio says that luck alone is unlikely."""
    NOT_SIGNIFICANT = "NotSignificant"
    """The Sharpe ratio may well be luck, given its length and the number of trials."""
    NO_SHARPE = "NoSharpe"
    """There is no Sharpe ratio whose significance could be told."""
    SHADOW_STARTED = "ShadowStarted"
    """The version is tested on the bars after its training."""
    SHADOW_PASSED = "ShadowPassed"
    """The shadow test ended well: the version may go into production."""
    SHADOW_FAILED = "ShadowFailed"
    """The version did worse than the one in production, or its positions could not be repeated."""
    INCONCLUSIVE = "Inconclusive"
    """The shadow test ended without enough evidence."""
    EVALUATED = "Evaluated"
    """The published versions were replayed on the newest bars."""
    PROMOTED = "Promoted"
    """The version was asked into production, or passed its shadow test, and is there."""
    PROMOTION_REFUSED = "PromotionRefused"
    """A request was refused: the version's stage or its schedule does not allow the move."""
    PROMOTION_CONFLICT = "PromotionConflict"
    """Another version is in production than the one that the request says it replaces."""
    ROLLED_BACK = "RolledBack"
    """A version that had been in production before is there again."""
    PRODUCTION_VERSION_MISSING = "ProductionVersionMissing"
    """The version in production was deleted: there is nothing to look at, and no evaluation."""
    ARCHIVED = "Archived"
    """The version was replaced in production, superseded as a candidate, or withdrawn."""

    SCHEDULED = "Scheduled"
    """The schedule is valid and its next slot is armed."""
    SUSPENDED = "Suspended"
    """``spec.suspend`` is true: no slot is due."""
    RUN_ACTIVE = "RunActive"
    """At least one run is in progress."""
    IDLE = "Idle"
    """No run is in progress."""
    STORE_READY = "StoreReady"
    """The object store answers, and writes on conditions."""
    DATA_READY = "DataReady"
    """The last run got the bars it asked for."""


EXIT_CODES: dict[Reason, int] = {
    Reason.SPEC_INVALID: 64,
    Reason.SYMBOL_UNKNOWN: 64,
    Reason.DATA_GAP: 65,
    Reason.DATA_INVALID: 65,
    Reason.INSUFFICIENT_DATA: 65,
    Reason.METRICS_REJECTED: 66,
    Reason.DEVICE_UNAVAILABLE: 68,
    Reason.STORAGE_DENIED: 68,
    Reason.EXCHANGE_DENIED: 68,
    Reason.DATA_UNAVAILABLE: 69,
    Reason.EXCHANGE_BANNED: 69,
    Reason.STORAGE_UNAVAILABLE: 73,
    Reason.INTERRUPTED: 75,
    Reason.TRAINING_FAILED: 70,
}
"""Exit codes of the trainer. 64 to 68 end the Job at once, the others are retried and counted."""

FINAL_EXIT_CODES: tuple[int, ...] = (64, 65, 66, 68)
"""Codes that a retry can't change: the Job's podFailurePolicy fails it at once."""
