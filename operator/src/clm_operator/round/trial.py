"""A round's view with what the newest evaluation says laid over the version on trial."""

from dataclasses import replace

from clm_operator.mirror.objects import ScheduleObject, Version
from clm_operator.replays import outcome
from clm_operator.replays.outcome import Evaluation
from clm_operator.stages import shadow
from clm_operator.stages.following import following
from clm_operator.view import Snapshot


def look(snapshot: Snapshot, schedule: ScheduleObject) -> tuple[Snapshot, Evaluation]:
    """Return the view with the statuses that follow from an evaluation and from time alone.

    While stages have to catch up with the pointer nothing is concluded.
    """
    ended = [v for v in snapshot.versions if v.terminal]
    if following(schedule.status, ended):
        return snapshot, Evaluation(schedule.status.evaluation)
    evaluation = outcome.look(snapshot, schedule)
    versions = (_concluded(v, snapshot, schedule, evaluation) for v in snapshot.versions)
    return replace(snapshot, versions=tuple(versions)), evaluation


def _concluded(
    version: Version, snapshot: Snapshot, schedule: ScheduleObject, evaluation: Evaluation
) -> Version:
    production, now = schedule.status.production, snapshot.now
    version = replace(version, status=shadow.reopened(version, production))
    if (report := evaluation.report) is not None:
        status = shadow.evaluated(version, report, production, now)
        version = replace(version, status=status)
    return replace(version, status=shadow.timed_out(version, evaluation.status, now))
