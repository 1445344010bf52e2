"""What a change of a version's status makes known: its run, its moves, its requests."""

from collections.abc import Iterator

from clm_api.events import (
    RequestRefused,
    RunAdmitted,
    RunEnded,
    RunHeld,
    RunPreempted,
    RunScheduled,
    RunStarted,
    ShadowPassed,
    VersionMoved,
    VersionNoted,
)
from clm_api.happening import Happening
from clm_api.lifecycle import Decision, Stage
from clm_api.model_version import ModelVersionStatus, Phase, ShadowVerdict
from clm_api.queueing import QueueState, QueueStatus
from clm_api.reasons import Reason
from clm_operator.changes import Settled
from clm_operator.mirror.objects import Version
from clm_operator.telling.happenings import Kind, happening

HELD = (
    Reason.QUEUED,
    Reason.NOT_ADMISSIBLE,
    Reason.QUOTA_PENDING,
    Reason.ADMISSION_DENIED,
    Reason.ADMISSION_UNAVAILABLE,
    Reason.COLLECTION_PENDING,
    Reason.STORAGE_DENIED,
    Reason.STORAGE_UNAVAILABLE,
)
"""Why a run waits that could begin."""


def of_version(settled: Settled) -> Iterator[Happening]:
    """Yield what a version's next status makes known."""
    yield from _run(settled)
    yield from _moved(settled)


def _run(settled: Settled) -> Iterator[Happening]:
    """A run's steps: its Job, what holds it back, its start, its end."""
    version, before, after = settled.version, settled.version.status, settled.status
    if before.job_ref is None and after.job_ref is not None and version.spec is not None:
        made = RunScheduled(
            reason=Reason.RUN_SCHEDULED,
            message="its Job was created",
            trigger=version.spec.trigger.type,
            slot=version.spec.slot,
        )
        yield happening("Normal", "scheduled", made)
    yield from _queued(before, after)
    if after.phase is Phase.PENDING and after.reason in HELD and after.reason != before.reason:
        held = RunHeld(
            reason=after.reason, message=f"held back: {after.message}", name=version.name
        )
        waits: Kind = "Normal" if after.reason == Reason.QUEUED else "Warning"
        yield happening(waits, f"held-{after.reason}{_turn(after.queue)}", held)
    if before.phase is not Phase.RUNNING and after.phase is Phase.RUNNING:
        works = RunStarted(reason=Reason.TRAINING_STARTED, message="the pod is working")
        yield happening("Normal", "started", works)
    if settled.ends:
        kind: Kind = "Normal" if after.phase is Phase.SUCCEEDED else "Warning"
        yield happening(kind, "ended", _ended(version, after))


def _turn(queue: QueueStatus | None) -> str:
    """Return what tells one wait in a queue from the next."""
    return "" if queue is None else f"-{queue.since.timestamp():.0f}"


def _queued(before: ModelVersionStatus, after: ModelVersionStatus) -> Iterator[Happening]:
    """A place in a queue that was lost, or given after a wait."""
    was, now = before.queue, after.queue
    if was is None or now is None:
        return
    again = now.preemptions > was.preemptions
    if again:
        lost = RunPreempted(
            reason=Reason.PREEMPTED,
            message=f"lost its place in queue {now.name}: {now.message or 'nobody says why'}",
            queue=now.name,
            preemptions=now.preemptions,
        )
        yield happening("Warning", f"preempted-{now.preemptions}", lost)
    if now.state is QueueState.ADMITTED and (again or was.state is not QueueState.ADMITTED):
        place = f" by ClusterQueue {now.cluster_queue}" if now.cluster_queue else ""
        let = RunAdmitted(
            reason=Reason.ADMITTED,
            message=f"admitted from queue {now.name}{place}",
            queue=now.name,
            cluster_queue=now.cluster_queue,
        )
        yield happening("Normal", f"admitted{_turn(now)}", let)


def _ended(version: Version, after: ModelVersionStatus) -> RunEnded:
    said = RunEnded(
        reason=after.reason,
        message=f"{after.stage}: {after.message}",
        trigger=None if version.spec is None else version.spec.trigger.type,
        phase=after.phase,
        stage=after.stage,
        sha256=None if after.artifact is None else after.artifact.sha256,
    )
    if (found := after.metrics) is None:
        return said
    return said.having(
        sharpe=found.sharpe,
        win_rate=found.win_rate,
        profit_factor=found.profit_factor,
        max_drawdown=found.max_drawdown,
        trades=found.trades,
    )


def _moved(settled: Settled) -> Iterator[Happening]:
    """Every move of an ended version, every verdict, every request that was refused."""
    version, after = settled.version, settled.status
    before, decision = version.status, after.promotion
    if after.reason == Reason.DATA_BEHIND != before.reason:
        behind = VersionNoted(reason=after.reason, message=after.message, stage=after.stage)
        yield happening("Warning", "data-behind", behind)
    if version.terminal and after.stage is not before.stage:
        key = f"{after.stage}-{after.history[-1].at.timestamp():.0f}"
        emptied = after.reason in (Reason.HALTED, Reason.STOOD_DOWN)
        kind: Kind = "Warning" if after.stage is Stage.REJECTED or emptied else "Normal"
        yield happening(kind, key, _move(after))
        if after.stage is Stage.PRODUCTION and not version.is_significant:
            luck = VersionNoted(
                reason=Reason.NOT_SIGNIFICANT,
                message="went into production although its Sharpe ratio may be luck",
                stage=after.stage,
            )
            yield happening("Warning", f"luck-{key}", luck)
    elif _passed(after) and not _passed(before):
        passed = ShadowPassed(reason=Reason.SHADOW_PASSED, message=after.message)
        yield happening("Normal", f"shadow-passed-{after.message}", passed)
    elif decision is not None and decision != before.promotion:
        yield happening("Warning", f"refused-{version.generation}", _refused(decision))


def _move(after: ModelVersionStatus) -> VersionMoved:
    made, arrives = after.promotion, after.stage is Stage.PRODUCTION
    return VersionMoved(
        reason=after.reason,
        message=after.message,
        stage=after.stage,
        by=after.history[-1].by,
        replaced=made.replaced if arrives and made is not None else None,
    )


def _refused(decision: Decision) -> RequestRefused:
    return RequestRefused(
        reason=decision.outcome,
        message=f"{decision.stage} for {decision.by} refused: {decision.message}",
        stage=Stage(decision.stage),
        by=decision.by,
    )


def _passed(status: ModelVersionStatus) -> bool:
    return status.shadow is not None and status.shadow.verdict is ShadowVerdict.PASSED
