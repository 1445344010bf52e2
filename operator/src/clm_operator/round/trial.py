"""A round's view with what the newest replay says laid over the version on trial."""

from dataclasses import replace

from clm_operator.mirror.objects import ScheduleObject, Version
from clm_operator.replays import outcome
from clm_operator.replays.outcome import NewestReplay
from clm_operator.stages import shadow
from clm_operator.stages.following import following
from clm_operator.view import Snapshot


def look(snapshot: Snapshot, schedule: ScheduleObject) -> tuple[Snapshot, NewestReplay]:
    """Return the view with the statuses that follow from a replay and from time alone.

    While stages have to catch up with the pointer nothing is concluded.
    """
    ended = [v for v in snapshot.versions if v.terminal]
    if following(schedule.status, ended):
        return snapshot, NewestReplay(schedule.status.replay)
    replay = outcome.look(snapshot, schedule)
    versions = (_concluded(v, snapshot, schedule, replay) for v in snapshot.versions)
    return replace(snapshot, versions=tuple(versions)), replay


def _concluded(
    version: Version, snapshot: Snapshot, schedule: ScheduleObject, replay: NewestReplay
) -> Version:
    production, now = schedule.status.production, snapshot.now
    version = replace(version, status=shadow.reopened(version, production))
    if (report := replay.report) is not None:
        status = shadow.replayed(version, report, production, now)
        version = replace(version, status=status)
    return replace(version, status=shadow.timed_out(version, replay.status, now))
