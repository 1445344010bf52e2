"""What came of the newest replay Job.

Its report is written once. Whoever looks finds the Job or its report, or finds neither and waits
for the next slot.
"""

from collections.abc import Mapping
from datetime import datetime

from clm_api.model_version import Phase
from clm_api.reasons import Reason
from clm_api.replay import ReplayReport
from clm_api.schedule_status import LiveStatus, ReplayStatus
from clm_api.timing import slot_time, whole_seconds
from clm_operator.facts import Facts
from clm_operator.findings import CorruptReport, Findings, Latest, UnreadableReport
from clm_operator.jobs.failures import Failure
from clm_operator.jobs.state import JobState
from clm_operator.mirror.objects import Job, ScheduleObject
from clm_operator.names import replay_slot
from clm_operator.view import Withheld
from clm_operator.words import calm


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
        return slot_time(int(replay_slot(job.raw["metadata"]["labels"]) or ""))
    except (ValueError, OverflowError):
        return None


def latest_of(facts: Facts, findings: Findings) -> Latest:
    """Return what became of the newest replay.

    While stages have to catch up with the pointer nothing is concluded.
    """
    status, found = facts.newest, findings.replay
    if facts.lagging:
        return Latest(facts.schedule.status.replay)
    if status is None or status.phase is not Phase.RUNNING:
        return Latest(status)
    state = facts.states.get(status.name)
    if isinstance(found, ReplayReport):
        return Latest(ended(status, facts.now, *_found(found)), found, _live(facts, found))
    if isinstance(found, CorruptReport):
        return Latest(failed(status, Failure(Reason.ARTIFACT_CORRUPT, found.message), facts.now))
    if isinstance(found, UnreadableReport) and (state is None or state.completed):
        known = status.reason == found.reason
        return Latest(status if known else waiting(status, found.reason, found.message))
    if state is None:
        gone = "its Job was deleted before it had stored a report"
        return Latest(failed(status, Failure(Reason.JOB_LOST, gone), facts.now))
    if (lost := _lost(state)) is not None:
        return Latest(failed(status, lost, facts.now))
    return Latest(_told(status, state, facts.barred.get(status.name)))


def _lost(state: JobState) -> Failure | None:
    """Return why a replay without a report will never have one; None while it may."""
    if state.completed:
        return Failure(Reason.ARTIFACT_CORRUPT, "its Job completed but the store holds no report")
    return state.failure or state.lingering or state.overdue


def _told(status: ReplayStatus, state: JobState, keys: Withheld | None) -> ReplayStatus:
    """Say what keeps its pod from beginning, or from working on."""
    status = status.having(pod_missing_since=state.missing_since, queue=state.queue)
    if state.begun:
        found = state.interrupted
        reason, message = (found.reason, found.words) if found else ("", "")
        return status.having(reason=reason, message=message)
    if keys is not None:
        return waiting(status, keys.reason, keys.message)
    found = state.held_up
    return waiting(status, found.reason if found.words else "", found.words)


def _live(facts: Facts, report: ReplayReport) -> LiveStatus | None:
    """Return the figures of the production version; None where the replay is of another one."""
    live, champion = report.live, facts.champion
    if live is None or champion is None:
        return None
    if (live.version, live.sha256) != (champion.version, champion.sha256):
        return None
    return LiveStatus(
        bars=live.bars,
        to=live.to,
        trades=round(live.metrics.get("trades", 0)),
        sharpe=live.metrics.get("sharpe"),
        total_return=live.metrics.get("totalReturn"),
        max_drawdown=live.metrics.get("maxDrawdown"),
    )


def _found(report: ReplayReport) -> tuple[Reason | str, str]:
    if report.problems:
        first = report.problems[0]
        return first.reason, f"{first.version}: {first.message}"
    replays = [r for r in (report.live, report.shadow) if r is not None]
    told = ", ".join(f"{r.version} replayed on {r.bars} bars" for r in replays)
    return Reason.REPLAYED, " \u00b7 ".join([told, *report.notes])


def barred(status: ReplayStatus, why: Withheld | Failure, now: datetime) -> ReplayStatus:
    """Say why a Job can't be made, or not yet."""
    if isinstance(why, Failure):
        return failed(status, why, now)
    return waiting(status, why.reason, why.message)


def waiting(status: ReplayStatus, reason: str, words: str) -> ReplayStatus:
    """Say what it waits for; once, for the words have times and counts in them."""
    return calm(status.having(reason=str(reason), message=words), status.message)


def ended(status: ReplayStatus, now: datetime, reason: Reason | str, text: str) -> ReplayStatus:
    """End a replay with its report."""
    return status.having(
        phase=Phase.SUCCEEDED,
        reason=str(reason),
        message=text,
        completion_time=whole_seconds(now),
        pod_missing_since=None,
    )


def failed(status: ReplayStatus, why: Failure, now: datetime) -> ReplayStatus:
    """End a replay without a report."""
    return ended(status, now, why.reason, why.message).having(phase=Phase.FAILED)
