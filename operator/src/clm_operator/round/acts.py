"""Acts: all that a round can do, as data, in the order in which it is done.

create: versions, Jobs, keys   what is made is looked at before anything else is written
delete: Jobs
write:  statuses               each with what it makes known; then requests that are decided go
tidy:   the store's pointer, versions beyond retention; only when nothing else is left
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from clm_api.model_version import ModelVersionStatus
from clm_api.production import ProductionPointer
from clm_api.schedule_status import TrainingScheduleStatus
from clm_api.signal import SignalFile
from clm_operator.mirror.objects import Job, ScheduleObject, Version
from clm_operator.replays.decide import Lacking
from clm_operator.replays.job import DueReplay
from clm_operator.runs.decide import Run
from clm_operator.slots.admit import Begin


@dataclass(frozen=True)
class MakeRoom:
    """Have the namespace's schedules give up finished Jobs: a quota keeps a pod from being made."""


@dataclass(frozen=True)
class CreateVersion:
    """Create the ModelVersion of a run that begins."""

    begin: Begin


@dataclass(frozen=True)
class CreateJob:
    """Create the Job of a version, with the keys that its pods wait for."""

    run: Run


@dataclass(frozen=True)
class CreateReplay:
    """Create the Job of a replay, with the keys that its pod waits for."""

    replay: DueReplay


@dataclass(frozen=True)
class LendRun:
    """Make the Secret that a crash or a refusal kept from a version's Job."""

    run: Run


@dataclass(frozen=True)
class LendReplay:
    """Make the Secret that a crash or a refusal kept from a replay's Job."""

    lacking: Lacking


@dataclass(frozen=True)
class DeleteJob:
    """Delete a Job with its pods and keys."""

    job: Job


@dataclass(frozen=True)
class WriteVersion:
    """Write a version's status, which holds what is to be told of it."""

    version: Version
    status: ModelVersionStatus


@dataclass(frozen=True)
class WriteSchedule:
    """Write the schedule's status, which holds what is to be told of it."""

    schedule: ScheduleObject
    status: TrainingScheduleStatus


@dataclass(frozen=True)
class RemoveRequest:
    """Take a decided request out of a version's spec."""

    version: Version


@dataclass(frozen=True)
class Publish:
    """Say in the store which version is in production."""

    pointer: ProductionPointer


@dataclass(frozen=True)
class PublishSignal:
    """Say in the store which positions are the newest."""

    signal: SignalFile


@dataclass(frozen=True)
class Retire:
    """Remove a version with its files."""

    version: Version


Create = CreateVersion | CreateJob | CreateReplay | LendRun | LendReplay
Write = WriteVersion | WriteSchedule | RemoveRequest
Tidy = Publish | PublishSignal | Retire
Act = MakeRoom | Create | DeleteJob | Write | Tidy


@dataclass(frozen=True)
class Plan:
    """What a round does, and when to look again if nothing happens before."""

    acts: tuple[Act, ...] = ()
    wake_at: datetime | None = None
    due: bool = False
    """Whether a slot is due then."""

    @property
    def creates(self) -> bool:
        """Whether it makes anything that the next round has to see."""
        return any(isinstance(act, CreateVersion | CreateJob | CreateReplay) for act in self.acts)

    @property
    def creations(self) -> Iterator[Create]:
        """Versions, Jobs and keys to make."""
        return (act for act in self.acts if isinstance(act, Create))

    @property
    def deletions(self) -> Iterator[DeleteJob]:
        """Jobs to delete."""
        return (act for act in self.acts if isinstance(act, DeleteJob))

    @property
    def writes(self) -> Iterator[Write]:
        """Statuses to write and requests to remove."""
        return (act for act in self.acts if isinstance(act, Write))

    @property
    def tidying(self) -> Iterator[Tidy]:
        """What is done when nothing else is left."""
        return (act for act in self.acts if isinstance(act, Tidy))
