"""What follows from a view by itself: every derived fact once, read by all who decide."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from clm_api.model_version import ModelVersionStatus
from clm_api.replay import Contender
from clm_api.schedule import Schedule
from clm_api.schedule_status import ReplayStatus, TrialsStatus
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.findings import StoreSeen
from clm_operator.mirror.objects import Job, ScheduleObject, Version
from clm_operator.settings import Settings
from clm_operator.view import Withheld

Statuses = Mapping[str, ModelVersionStatus]
"""Next statuses by version."""


@dataclass(frozen=True)
class Choice:
    """A version that nobody has to ask for, and why."""

    version: Version
    reason: str


@dataclass(frozen=True)
class Plausible:
    """A spec that can be followed, and its slots."""

    spec: TrainingScheduleSpec
    slots: Schedule


@dataclass(frozen=True)
class Facts:
    """One schedule as a round finds it; nothing in it is decided.

    Parameters
    ----------
    plausible, problem
        The spec as it can be followed; None, and what is wrong with it.
    versions, ended, active
        All of the schedule's, those whose run has ended, those whose run has not; oldest first.
    jobs, replays
        Jobs of runs and of replays, by name.
    newest
        The newest replay: the recorded one, or one whose Job was just made.
    champion
        The version in production.
    lagging
        Moves by which stages catch up with the pointer; empty if they have.
    asked, settled
        Versions whose request is open, and those whose request is decided and still there.
    on_trial
        The version in its shadow test, while the verdict is open.
    choice
        The version that mode Automatic puts into production next.
    rested_at
        From when on production may change by itself.
    barred
        What keeps a version or a Job from being made for now, by name.
    taken, refused
        Names that belong to something else; names of what the API server calls invalid, and why.
    short_of_room, room_wanted
        Whether a quota keeps Jobs or pods of the namespace from being made, and whether the
        schedules beside this one don't know it yet.
    sibling_trials
        Trials of other schedules on the same symbols and timeframe.
    store
        What is known of the store; None before the first look.
    """

    now: datetime
    settings: Settings
    schedule: ScheduleObject
    plausible: Plausible | None
    problem: str
    versions: tuple[Version, ...]
    ended: tuple[Version, ...]
    active: tuple[Version, ...]
    jobs: Mapping[str, Job]
    replays: Mapping[str, Job]
    newest: ReplayStatus | None
    champion: Contender | None
    lagging: Statuses
    asked: tuple[Version, ...]
    settled: tuple[Version, ...]
    on_trial: Version | None
    choice: Choice | None
    rested_at: datetime
    barred: Mapping[str, Withheld]
    taken: frozenset[str]
    refused: Mapping[str, str]
    short_of_room: bool
    room_wanted: bool
    sibling_trials: tuple[TrialsStatus, ...]
    store: StoreSeen | None

    @property
    def soon(self) -> datetime:
        """When to look again at what works."""
        return self.now + timedelta(seconds=self.settings.progress_poll_seconds)

    def again_at(self, name: str) -> datetime:
        """Return when to look again at what works, or can't be made yet.

        A wait that ended while the round was reading is over at the next look.
        """
        why = self.barred.get(name)
        return why.until if why and why.until and why.until > self.now else self.soon
