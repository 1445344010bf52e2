"""Which ended versions go: never a candidate, production, or where a person may go back to.

And which reports of replays: never one that a verdict rests on.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from clm_api.lifecycle import Stage
from clm_api.production import way_back
from clm_api.schedule_status import TrainingScheduleStatus
from clm_api.training_schedule import RetentionSpec
from clm_operator.mirror.objects import Version

_JUDGED = (Stage.REJECTED, Stage.ARCHIVED)
KEPT_REPORTS = 200
TOLD_WITHIN = timedelta(days=3)
MOST_TELLING = 100
"""Versions of a schedule that stay only until a sink knows what became of them."""


def to_delete(
    versions: Sequence[Version],
    retention: RetentionSpec,
    status: TrainingScheduleStatus,
    now: datetime,
) -> tuple[Version, ...]:
    """Return the versions beyond the limits, oldest first.

    A version that somebody asks for stays until the request is decided. One of which a sink does
    not know everything stays until it does, for three days: the newest hundred of them.

    Parameters
    ----------
    versions
        Oldest first.
    status
        The schedule's: names production, or the version that it was emptied of, and the way back.
    """
    last = status.production or status.halted
    kept = {*way_back(status), last.version if last else None}
    removable = [
        v for v in versions if v.terminal and v.name not in kept and not (v.spec and v.spec.request)
    ]
    judged = [v for v in removable if v.status.stage in _JUDGED]
    failed = [v for v in removable if v.status.stage is Stage.FAILED]
    surplus = (
        judged[: max(len(judged) - retention.successful_runs, 0)],
        failed[: max(len(failed) - retention.failed_runs, 0)],
    )
    over = {v.name: v for group in surplus for v in group}
    stay = [v.name for v in versions if v.name in over and _tells(v, now)][-MOST_TELLING:]
    return tuple(v for name, v in over.items() if name not in stay)


def _tells(version: Version, now: datetime) -> bool:
    """Whether a sink is still to be told something of a version that is news."""
    waits = (one for one in version.status.untold if set(one.to) - set(one.told))
    return any(one.at is not None and now - one.at < TOLD_WITHIN for one in waits)


def reports_to_remove(
    slots: Collection[datetime], versions: Iterable[Version]
) -> tuple[datetime, ...]:
    """Return the slots whose reports nobody needs: all but the newest, and those of a verdict.

    Parameters
    ----------
    slots
        Of the reports in the store.
    versions
        Of their schedule.
    """
    judged = {v.status.shadow.verdict_slot for v in versions if v.status.shadow is not None}
    return tuple(slot for slot in sorted(slots)[:-KEPT_REPORTS] if slot not in judged)
