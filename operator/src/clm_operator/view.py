"""What one round knows: everything that was read, and the time at which it was read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from clm_api.reasons import Reason
from clm_api.report import Progress
from clm_api.schedule_status import TrialsStatus
from clm_operator.findings import ReplayRead, ReportRead, StoreSeen
from clm_operator.mirror.objects import Job, Key, ScheduleObject, Version


@dataclass(frozen=True)
class Withheld:
    """Something can't be made for now: the store lends no keys, or the API server refuses it."""

    reason: Reason
    message: str
    until: datetime | None = None
    """When it is tried again; None: at the next look."""


@dataclass(frozen=True)
class Snapshot:
    """Everything one round decides on."""

    now: datetime
    key: Key
    schedule: ScheduleObject | None
    versions: tuple[Version, ...] = ()
    """Versions owned by this schedule, oldest first."""
    jobs: dict[str, Job] = field(default_factory=dict)
    """Jobs by name."""
    reports: dict[str, ReportRead] = field(default_factory=dict)
    """Results by version; only of runs whose Job has ended or is gone."""
    verified: dict[str, ReportRead] = field(default_factory=dict)
    """Results digested anew, by version; only of those that are to go into production."""
    replays: dict[str, Job] = field(default_factory=dict)
    """Replay Jobs by name."""
    replay: ReplayRead = None
    """Report of the newest replay, once its Job has ended or is gone."""
    quota_short: bool = False
    """Whether a quota refuses a Job, or the keys of one, of a schedule in the namespace."""
    progress: dict[str, Progress] = field(default_factory=dict)
    """What the newest pod of an active run says."""
    store: StoreSeen | None = None
    """What is known of the store; None before the first look."""
    sibling_trials: tuple[TrialsStatus, ...] = ()
    """Trials of other schedules on the same symbols and timeframe."""
    taken: frozenset[str] = frozenset()
    """Names that exist and belong to something else."""
    leaving: frozenset[str] = frozenset()
    """Those of objects that go away, for their owner is gone: they are free soon."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Why the API server says that a version or a Job can't exist, by name."""
    withheld: Mapping[str, Withheld] = field(default_factory=dict)
    """Why a version or a Job can't be made yet, by name."""
