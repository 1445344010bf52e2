"""What came of the newest replay Job.

Its report is written once. Whoever looks finds the Job or its report, or finds neither and waits
for the next slot.
"""

from collections.abc import Mapping
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
from clm_operator.facts import Facts
from clm_operator.findings import CorruptReport, Findings, Latest, UnreadableReport
from clm_operator.jobs.failures import Failure, explain
from clm_operator.jobs.waiting import (
    held_up,
    interrupted,
    lingering,
    missing_since,
    overdue,
)
from clm_operator.mirror.objects import Job, ScheduleObject
from clm_operator.names import LABEL_REPLAY
from clm_operator.view import Withheld
from clm_operator.words import same_words


def newest(schedule: ScheduleObject, jobs: Mapping[str, Job]) -> ReplayStatus | None:
    """Return the newest replay: the recorded one, or one whose Job was just made."""
    known = schedule.status.replay
    for name, job in jobs.items():
        if (slot := _slot(job)) is None:
            continue
        wanted = known is not None and known.phase is Phase.PENDING and known.slot == slot
        if known is None or slot > known.slot or wanted:
            known = ReplayStatus(name=name, slot=slot, phase=Phase.RUNNING)
    return known


def _slot(job: Job) -> datetime | None:
    """Return the slot that a Job's label names; None where somebody has changed it."""
    try:
        return slot_time(int(job.raw["metadata"]["labels"][LABEL_REPLAY]))
    except (ValueError, OverflowError):
        return None


def look(facts: Facts, findings: Findings) -> Latest:
    """Return what became of the newest replay.

    While stages have to catch up with the pointer nothing is concluded.
    """
    if facts.lagging:
        return Latest(facts.schedule.status.replay)
    status, now = facts.newest, facts.now
    if status is None or status.phase is not Phase.RUNNING:
        return Latest(status)
    job, found = facts.replays.get(status.name), findings.replay
    if isinstance(found, ReplayReport):
        return Latest(_ended(status, now, *_found(found)), found)
    if isinstance(found, CorruptReport):
        return Latest(failed(status, Failure(Reason.ARTIFACT_CORRUPT, found.message), now))
    if isinstance(found, UnreadableReport) and (job is None or job.condition("Complete")):
        return Latest(waiting(status, found))
    if job is not None:
        status = _told(status, job, facts.barred.get(status.name), now)
    lost = _lost(job, facts.schedule.spec, status.pod_missing_since, now)
    return Latest(status if lost is None else failed(status, lost, now))


def _told(status: ReplayStatus, job: Job, keys: Withheld | None, now: datetime) -> ReplayStatus:
    """Say what keeps its pod from beginning, or from working on."""
    missing = {"pod_missing_since": missing_since(job, status.pod_missing_since, now)}
    begun = bool(job.pods) and job.pods[-1].phase != "Pending"
    if not (job.finished or begun) and keys is not None:
        return waiting(status.model_copy(update=missing), keys)
    found = None if job.finished else interrupted(job) if begun else held_up(job)
    says = {"reason": "", "message": ""}
    if found is not None and found.words:
        text = found.words[:1024] if begun else same_words(status.message, found.words[:1024])
        says = {"reason": found.reason[:64], "message": text}
    return status.model_copy(update=missing | says)


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
    message = same_words(status.message, why.message[:1024])
    return status.model_copy(update={"reason": str(why.reason), "message": message})


def _found(report: ReplayReport) -> tuple[Reason | str, str]:
    if report.problems:
        first = report.problems[0]
        return first.reason, f"{first.version}: {first.message}"
    replays = [r for r in (report.live, report.shadow) if r is not None]
    told = ", ".join(f"{r.version} replayed on {r.bars} bars" for r in replays)
    return Reason.REPLAYED, " \u00b7 ".join([told, *report.notes])


def _ended(status: ReplayStatus, now: datetime, reason: str, text: str) -> ReplayStatus:
    update = {"phase": Phase.SUCCEEDED, "reason": str(reason)[:64], "message": text[:1024]}
    over = {"completion_time": whole_seconds(now), "pod_missing_since": None}
    return status.model_copy(update=update | over)


def failed(status: ReplayStatus, why: Failure, now: datetime) -> ReplayStatus:
    """End a replay without a report."""
    ended = _ended(status, now, why.reason, why.message)
    return ended.model_copy(update={"phase": Phase.FAILED})


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
    return production.model_copy(update={"live": figures})
