"""What follows from a view by itself: every derived fact once, read by all who decide."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from clm_api.lifecycle import RequestedStage, StageRequest
from clm_api.replay import Contender
from clm_api.schedule import Schedule
from clm_api.schedule_status import ReplayStatus, TrialsStatus
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.changes import Changes
from clm_operator.findings import StoreSeen
from clm_operator.jobs.state import JobState
from clm_operator.mirror.objects import Job, Key, ScheduleObject, Version
from clm_operator.settings import Settings
from clm_operator.view import Withheld


@dataclass(frozen=True)
class Want:
    """Where a version is wanted, by a person or by mode Automatic.

    Parameters
    ----------
    stage
        Where.
    request
        The person's; None where mode Automatic chose.
    behind
        Of a test that a person wants: whose bars end later, in words.
    """

    version: Version
    stage: RequestedStage
    by: str
    reason: str
    request: StageRequest | None = None
    behind: str = ""


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
    soon
        When to look again at what works.
    again
        When to look again at what can't be made yet, by name; others: soon.
    plausible, problem
        The spec as it can be followed; None, and what is wrong with it.
    versions, ended, active
        All of the schedule's, those whose run has ended, those whose run has not; oldest first.
    jobs, replays
        Jobs of runs and of replays, by name.
    states
        Jobs of active runs, and that of the newest replay while it runs, as they stand; by name.
    foreign
        Active versions whose Job belongs to something else.
    left_alone
        Jobs whose result was read and which have not ended, with the time at which they go.
    newest
        The newest replay: the recorded one, or one whose Job was just made.
    replay_slot, next_replay_at
        The newest slot of replays up to now; when to look for the next one, if there is anything
        to replay.
    first_look
        The slot of a replay for the sake of a version that has just come into production.
    champion, missing
        The version in production; whether its ModelVersion was deleted.
    lagging
        Moves by which stages catch up with the pointer; empty if they have.
    ranking
        Moves of candidates that a better one supersedes, and words about those that stay.
    wants, settled
        Where versions are wanted: by persons, else by mode Automatic. Versions whose request is
        decided and still there.
    in_test, on_trial
        Name of the version in its shadow test; that version while the verdict is open.
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
    key: Key
    settings: Settings
    soon: datetime
    again: Mapping[str, datetime]
    schedule: ScheduleObject
    plausible: Plausible | None
    problem: str
    versions: tuple[Version, ...]
    ended: tuple[Version, ...]
    active: tuple[Version, ...]
    jobs: Mapping[str, Job]
    replays: Mapping[str, Job]
    states: Mapping[str, JobState]
    foreign: frozenset[str]
    left_alone: Mapping[str, datetime]
    newest: ReplayStatus | None
    replay_slot: datetime | None
    first_look: datetime | None
    next_replay_at: datetime | None
    champion: Contender | None
    missing: bool
    lagging: Changes
    ranking: Changes
    wants: tuple[Want, ...]
    settled: tuple[Version, ...]
    in_test: str | None
    on_trial: Version | None
    rested_at: datetime
    barred: Mapping[str, Withheld]
    taken: frozenset[str]
    refused: Mapping[str, str]
    short_of_room: bool
    room_wanted: bool
    sibling_trials: tuple[TrialsStatus, ...]
    store: StoreSeen | None
