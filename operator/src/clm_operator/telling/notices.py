"""What a change of a status makes known, as happenings that are written along with it."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from clm_api.events import (
    ProductionHalted,
    ProductionMissing,
    ReplayFailed,
    RunHeld,
    SlotSkipped,
)
from clm_api.happening import Happening
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
from clm_operator.telling.happenings import bounded, happening
from clm_operator.telling.version_notices import HELD, of_version
from clm_operator.telling.watch_notices import watched


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
    theirs = [(one, list(of_version(one))) for one in versions]
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
    yield from watched(schedule.status, after)


def _skipped(skipped: SkippedRange) -> Happening:
    """Every skipped range is worth a warning."""
    begin, end = skipped.from_, skipped.to
    text = f"{skipped.count} slot(s) {begin:%Y-%m-%dT%H:%MZ} to {end:%Y-%m-%dT%H:%MZ} skipped: "
    said = hashlib.sha256(skipped.message.encode()).hexdigest()[:8]  # of two tokens in one minute
    key = f"{skipped.reason}-{begin.timestamp():.0f}-{end.timestamp():.0f}-{said}"
    data = SlotSkipped(
        reason=skipped.reason,
        message=text + skipped.message,
        from_=begin,
        to=end,
        count=skipped.count,
    )
    return happening("Warning", key, data)


def _held(schedule: ScheduleObject, after: Iterable[HeldRun]) -> Iterator[Happening]:
    """A slot or a token whose version can't be made yet, once for each reason."""
    known = {(held.name, held.reason) for held in schedule.status.held}
    for held in after:
        if (held.name, held.reason) not in known:
            text = f"{held.name} is held back and tried again: {held.message}"
            data = RunHeld(reason=held.reason, message=text, name=held.name)
            yield happening("Warning", f"held-{held.name}-{held.reason}", data)


def _missing(schedule: ScheduleObject, after: TrainingScheduleStatus) -> Iterator[Happening]:
    """The version in production was deleted."""
    reason, production = Reason.PRODUCTION_VERSION_MISSING, after.production
    if production is None or any(c.type == reason for c in schedule.status.conditions):
        return
    key = f"missing-{production.since.timestamp():.0f}"
    for said in after.conditions:
        if said.type == reason:
            data = ProductionMissing(
                reason=reason, message=said.message, version=production.version
            )
            yield happening("Warning", key, data)


def _halted(schedule: ScheduleObject, after: TrainingScheduleStatus) -> Iterator[Happening]:
    """Production was emptied."""
    halted = after.halted
    if halted is None or halted == schedule.status.halted:
        return
    for said in after.conditions:
        if said.type == "Halted":
            data = ProductionHalted(
                reason=said.reason, message=said.message, by=halted.by, version=halted.version
            )
            yield happening("Warning", f"halted-{halted.since.timestamp():.0f}", data)


def _replay(schedule: ScheduleObject, after: ReplayStatus | None) -> Iterator[Happening]:
    """A replay that is held back, failed, or could not replay a version."""
    before = schedule.status.replay
    if after is None or after == before:
        return
    if after.completion_time is not None:
        if after.reason != Reason.REPLAYED:
            text = f"replay {after.name}: {after.message}"
            failed = ReplayFailed(reason=after.reason, message=text, name=after.name)
            yield happening("Warning", f"replay-{after.name}", failed)
        return
    known = before is not None and (before.name, before.reason) == (after.name, after.reason)
    if after.reason in HELD and not known:
        text = f"replay {after.name} is held back: {after.message}"
        held = RunHeld(reason=after.reason, message=text, name=after.name)
        yield happening("Warning", f"replay-{after.name}-{after.reason}", held)
