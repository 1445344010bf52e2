"""What came of the newest replay Job, and which Jobs are not needed any more.

Its report is written once. Whoever looks finds the Job or its report, or finds neither and waits
for the next slot.
"""

from dataclasses import dataclass
from datetime import datetime

from clm_api.model_version import Phase
from clm_api.reasons import Reason
from clm_api.replay import ReplayReport
from clm_api.schedule_status import (
    LiveStatus,
    ProductionStatus,
    ReplayStatus,
)
from clm_api.timing import slot_time, whole_seconds
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.barriers import calm
from clm_operator.findings import CorruptReport, UnreadableReport
from clm_operator.jobs.failures import Failure, explain
from clm_operator.jobs.waiting import (
    held_up,
    interrupted,
    left_until,
    lingering,
    missing_since,
    overdue,
)
from clm_operator.mirror.objects import Job, ScheduleObject
from clm_operator.names import replay_slot
from clm_operator.view import Snapshot, Withheld

PENDING = Phase.PENDING


@dataclass(frozen=True)
class NewestReplay:
    """What a round knows of the newest replay.

    Parameters
    ----------
    report
        Of a replay that ends in this round.
    """

    status: ReplayStatus | None = None
    report: ReplayReport | None = None

    @property
    def runs(self) -> bool:
        """Whether its Job has not ended yet."""
        return self.status is not None and self.status.phase is Phase.RUNNING


def newest(schedule: ScheduleObject, jobs: dict[str, Job]) -> ReplayStatus | None:
    """Return the newest replay: the recorded one, or one whose Job was just made."""
    known = schedule.status.replay
    for name, job in jobs.items():
        if (slot := _slot(job)) is None:
            continue
        wanted = known is not None and known.phase is PENDING and known.slot == slot
        if known is None or slot > known.slot or wanted:
            known = ReplayStatus(name=name, slot=slot, phase=Phase.RUNNING)
    return known


def _slot(job: Job) -> datetime | None:
    """Return the slot that a Job's label names; None where somebody has changed it."""
    try:
        return slot_time(int(replay_slot(job.raw["metadata"]["labels"]) or ""))
    except (ValueError, OverflowError):
        return None


def to_read(schedule: ScheduleObject, jobs: dict[str, Job]) -> ReplayStatus | None:
    """Return the newest replay if its report is to be read: its Job has ended or is gone."""
    status = newest(schedule, jobs)
    if status is None or status.phase is not Phase.RUNNING:
        return None
    job = jobs.get(status.name)
    return status if job is None or job.finished or job.trainer_ended else None


def look(snapshot: Snapshot, schedule: ScheduleObject) -> NewestReplay:
    """Return what became of the newest replay."""
    status = newest(schedule, snapshot.replays)
    if status is None or status.phase is not Phase.RUNNING:
        return NewestReplay(status)
    job, found = snapshot.replays.get(status.name), snapshot.replay
    if isinstance(found, ReplayReport):
        return NewestReplay(_ended(status, snapshot.now, *_found(found)), found)
    if isinstance(found, CorruptReport):
        why = Failure(Reason.ARTIFACT_CORRUPT, found.message)
        return NewestReplay(failed(status, why, snapshot.now))
    if isinstance(found, UnreadableReport) and (job is None or job.condition("Complete")):
        return NewestReplay(waiting(status, found))
    if job is not None:
        status = _told(status, job, snapshot.withheld.get(status.name), snapshot.now)
    missing = status.pod_missing_since
    if (why_ := _lost(job, schedule.spec, missing, snapshot.now)) is not None:
        return NewestReplay(failed(status, why_, snapshot.now))
    return NewestReplay(status)


def _told(status: ReplayStatus, job: Job, keys: Withheld | None, now: datetime) -> ReplayStatus:
    """Say what keeps its pod from beginning, or from working on."""
    before = status.message
    status = status.having(pod_missing_since=missing_since(job, status.pod_missing_since, now))
    begun = bool(job.pods) and job.pods[-1].phase != "Pending"
    if not (job.finished or begun) and keys is not None:
        return waiting(status, keys)
    found = None if job.finished else interrupted(job) if begun else held_up(job)
    if found is None or not found.words:
        return status.having(reason="", message="")
    told = status.having(reason=found.reason, message=found.words)
    return told if begun else calm(told, before)


def _lost(
    job: Job | None, spec: TrainingScheduleSpec | None, missing: datetime | None, now: datetime
) -> Failure | None:
    """Return why a replay without a report will never have one; None while it may."""
    if job is None:
        return Failure(Reason.JOB_LOST, "its Job was deleted before it had stored a report")
    if job.condition("Complete"):
        return Failure(Reason.ARTIFACT_CORRUPT, "its Job completed but the store holds no report")
    if job.condition("Failed"):
        return explain(job)
    if job.trainer_ended is not None:
        return lingering(job, now)
    waits = not job.pods or job.pods[-1].phase == "Pending"
    if waits and spec is not None:
        return overdue(job, missing, spec.job.pending_deadline_seconds, now)
    return None


def waiting(status: ReplayStatus, why: UnreadableReport | Withheld) -> ReplayStatus:
    """Say what it waits for; once, for a store's words have times and counts in them."""
    if isinstance(why, UnreadableReport) and status.reason == why.reason:
        return status
    return calm(status.having(reason=why.reason, message=why.message), status.message)


def _found(report: ReplayReport) -> tuple[Reason | str, str]:
    if report.problems:
        first = report.problems[0]
        return first.reason, f"{first.version}: {first.message}"
    replays = [r for r in (report.live, report.shadow) if r is not None]
    told = ", ".join(f"{r.version} replayed on {r.bars} bars" for r in replays)
    return Reason.REPLAYED, " \u00b7 ".join([told, *report.notes])


def _ended(status: ReplayStatus, now: datetime, reason: str, text: str) -> ReplayStatus:
    return status.having(
        phase=Phase.SUCCEEDED,
        reason=reason,
        message=text,
        completion_time=whole_seconds(now),
        pod_missing_since=None,
    )


def failed(status: ReplayStatus, why: Failure, now: datetime) -> ReplayStatus:
    """End a replay without a report."""
    return _ended(status, now, why.reason, why.message).having(phase=Phase.FAILED)


def with_live(
    production: ProductionStatus | None, report: ReplayReport | None
) -> ProductionStatus | None:
    """Lay a replay over the production version that it is of."""
    live = report.live if report else None
    if production is None or live is None:
        return production
    if (live.version, live.sha256) != (production.version, production.artifact.sha256):
        return production
    figures = LiveStatus(
        bars=live.bars,
        to=live.to,
        trades=round(live.metrics.get("trades", 0)),
        sharpe=live.metrics.get("sharpe"),
        total_return=live.metrics.get("totalReturn"),
        max_drawdown=live.metrics.get("maxDrawdown"),
    )
    return production.having(live=figures)


def recorded(schedule: ScheduleObject, latest: NewestReplay) -> bool:
    """Whether what became of the newest replay is stored: no Job comes or goes before."""
    return latest.status == schedule.status.replay


def to_delete(
    snapshot: Snapshot, schedule: ScheduleObject, latest: NewestReplay
) -> tuple[Job, ...]:
    """Return the Jobs that nobody needs: all but the newest, and it if it works in vain."""
    if not recorded(schedule, latest):
        return ()
    status, goes = latest.status, goes_at(snapshot, latest)
    vain = goes is not None and goes <= snapshot.now
    return tuple(
        job
        for name, job in snapshot.replays.items()
        if status is None or name != status.name or vain
    )


def goes_at(snapshot: Snapshot, latest: NewestReplay) -> datetime | None:
    """Return when the Job of the newest replay goes if it has not ended; None if it has."""
    status = latest.status
    if status is None or status.completion_time is None:
        return None
    job = snapshot.replays.get(status.name)
    if job is None or job.finished:
        return None
    return left_until(status.completion_time, status.phase, status.reason)
