"""What the mirror shows of one schedule, and the time at which it was looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from clm_api.reasons import Reason
from clm_api.schedule_status import TrialsStatus
from clm_operator.findings import StoreSeen
from clm_operator.mirror.objects import Job, Key, ScheduleObject, Version


@dataclass(frozen=True)
class Withheld:
    """Something can't be made for now: the store lends no keys, or the API server refuses it."""

    reason: Reason
    message: str
    until: datetime | None = None
    """When it is tried again; None: at the next look."""


@dataclass(frozen=True)
class View:
    """A schedule with its versions and Jobs, and what is known without asking anybody."""

    now: datetime
    key: Key
    schedule: ScheduleObject | None
    versions: tuple[Version, ...] = ()
    """Versions owned by this schedule, oldest first."""
    jobs: Mapping[str, Job] = field(default_factory=dict)
    """Jobs of runs, by name."""
    replays: Mapping[str, Job] = field(default_factory=dict)
    """Replay Jobs by name."""
    quota_short: bool = False
    """Whether a quota refuses a Job, or the keys of one, of a schedule in the namespace."""
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
