"""What a change of a status makes known, as happenings that are written along with it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

from clm_api.happening import Happening, bounded
from clm_api.lifecycle import Stage
from clm_api.model_version import ModelVersionStatus, Phase, ShadowVerdict
from clm_api.reasons import Reason
from clm_api.schedule_status import (
    HeldRun,
    ReplayStatus,
    SkippedRange,
    TrainingScheduleStatus,
)
from clm_operator.changes import Settled
from clm_operator.facts import Facts
from clm_operator.mirror.objects import ScheduleObject

Kind = Literal["Normal", "Warning"]


def announced(
    facts: Facts,
    versions: tuple[Settled, ...],
    status: TrainingScheduleStatus,
    skips: Iterable[SkippedRange],
) -> tuple[tuple[Settled, ...], TrainingScheduleStatus]:
    """Return next statuses with what each makes known.

    Parameters
    ----------
    skips
        Slots that this round decides to skip.
    """
    own = list(_of_schedule(facts.schedule, status, skips))
    theirs = [(one, list(_of_version(one))) for one in versions]
    told = list[Settled]()
    for one, happenings in theirs:
        if (untold := bounded(happenings)) == one.status.untold:
            told.append(one)
        else:
            told.append(replace(one, status=one.status.having(untold=untold)))
    return tuple(told), status.having(untold=bounded(own))


def _of_schedule(
    schedule: ScheduleObject, after: TrainingScheduleStatus, skips: Iterable[SkippedRange]
) -> Iterator[Happening]:
    yield from map(_skipped, skips)
    yield from _held(schedule, after.held)
    yield from _replay(schedule, after.replay)
    yield from _missing(schedule, after)
    yield from _halted(schedule, after)


def _of_version(settled: Settled) -> Iterator[Happening]:
    yield from _run(settled)
    yield from _moved(settled)


def _happening(kind: Kind, reason: str, message: str, key: str) -> Happening:
    """Return a happening.

    Parameters
    ----------
    key
        Tells it from others of the same object: telling twice makes one.
    """
    return Happening(id=key, type=kind, reason=str(reason), message=message)


def _skipped(skipped: SkippedRange) -> Happening:
    """Every skipped range is worth a warning."""
    begin, end = skipped.from_, skipped.to
    text = f"{skipped.count} slot(s) {begin:%Y-%m-%dT%H:%MZ} to {end:%Y-%m-%dT%H:%MZ} skipped: "
    key = f"{skipped.reason}-{begin.timestamp():.0f}-{end.timestamp():.0f}"
    return _happening("Warning", skipped.reason, text + skipped.message, key)


HELD = (
    Reason.QUOTA_PENDING,
    Reason.ADMISSION_DENIED,
    Reason.ADMISSION_UNAVAILABLE,
    Reason.COLLECTION_PENDING,
    Reason.STORAGE_DENIED,
    Reason.STORAGE_UNAVAILABLE,
)
"""Why a run waits that could begin."""


def _held(schedule: ScheduleObject, after: Iterable[HeldRun]) -> Iterator[Happening]:
    """A slot or a token whose version can't be made yet, once for each reason."""
    known = {(held.name, held.reason) for held in schedule.status.held}
    for held in after:
        if (held.name, held.reason) not in known:
            text = f"{held.name} is held back and tried again: {held.message}"
            yield _happening("Warning", held.reason, text, f"held-{held.name}-{held.reason}")


def _run(settled: Settled) -> Iterator[Happening]:
    """A run's steps: its Job, what holds it back, its start, its end."""
    before, after = settled.version.status, settled.status
    if before.job_ref is None and after.job_ref is not None:
        yield _happening("Normal", Reason.RUN_SCHEDULED, "its Job was created", "scheduled")
    if after.phase is Phase.PENDING and after.reason in HELD and after.reason != before.reason:
        text = f"held back: {after.message}"
        yield _happening("Warning", after.reason, text, f"held-{after.reason}")
    if before.phase is not Phase.RUNNING and after.phase is Phase.RUNNING:
        yield _happening("Normal", Reason.TRAINING_STARTED, "the pod is working", "started")
    if settled.ends:
        kind: Kind = "Normal" if after.phase is Phase.SUCCEEDED else "Warning"
        yield _happening(kind, after.reason, f"{after.stage}: {after.message}", "ended")


def _moved(settled: Settled) -> Iterator[Happening]:
    """Every move of an ended version, every verdict, every request that was refused."""
    version, after = settled.version, settled.status
    before, decision = version.status, after.promotion
    if after.reason == Reason.DATA_BEHIND != before.reason:
        yield _happening("Warning", after.reason, after.message, "data-behind")
    if version.terminal and after.stage is not before.stage:
        key = f"{after.stage}-{after.history[-1].at.timestamp():.0f}"
        emptied = after.reason in (Reason.HALTED, Reason.STOOD_DOWN)
        kind: Kind = "Warning" if after.stage is Stage.REJECTED or emptied else "Normal"
        yield _happening(kind, after.reason, after.message, key)
        if after.stage is Stage.PRODUCTION and not version.is_significant:
            text = "went into production although its Sharpe ratio may be luck"
            yield _happening("Warning", Reason.NOT_SIGNIFICANT, text, f"luck-{key}")
    elif _passed(after) and not _passed(before):
        key = f"shadow-passed-{after.message}"
        yield _happening("Normal", Reason.SHADOW_PASSED, after.message, key)
    elif decision is not None and decision != before.promotion:
        text = f"{decision.stage} for {decision.by} refused: {decision.message}"
        yield _happening("Warning", decision.outcome, text, f"refused-{version.generation}")


def _passed(status: ModelVersionStatus) -> bool:
    return status.shadow is not None and status.shadow.verdict is ShadowVerdict.PASSED


def _missing(schedule: ScheduleObject, after: TrainingScheduleStatus) -> Iterator[Happening]:
    """The version in production was deleted."""
    reason, production = Reason.PRODUCTION_VERSION_MISSING, after.production
    if production is None or any(c.type == reason for c in schedule.status.conditions):
        return
    key = f"missing-{production.since.timestamp():.0f}"
    for said in after.conditions:
        if said.type == reason:
            yield _happening("Warning", reason, said.message, key)


def _halted(schedule: ScheduleObject, after: TrainingScheduleStatus) -> Iterator[Happening]:
    """Production was emptied."""
    halted = after.halted
    if halted is None or halted == schedule.status.halted:
        return
    for said in after.conditions:
        if said.type == "Halted":
            key = f"halted-{halted.since.timestamp():.0f}"
            yield _happening("Warning", said.reason, said.message, key)


def _replay(schedule: ScheduleObject, after: ReplayStatus | None) -> Iterator[Happening]:
    """A replay that is held back, failed, or could not replay a version."""
    before = schedule.status.replay
    if after is None or after == before:
        return
    if after.completion_time is not None:
        if after.reason != Reason.REPLAYED:
            text = f"replay {after.name}: {after.message}"
            yield _happening("Warning", after.reason, text, f"replay-{after.name}")
        return
    known = before is not None and (before.name, before.reason) == (after.name, after.reason)
    if after.reason in HELD and not known:
        text = f"replay {after.name} is held back: {after.message}"
        yield _happening("Warning", after.reason, text, f"replay-{after.name}-{after.reason}")
