"""What the subjects have decided, as acts in the order in which they are carried out."""

from collections.abc import Iterator
from dataclasses import dataclass

from clm_api.lifecycle import Stage
from clm_api.production import ProductionPointer
from clm_api.schedule_status import TrainingScheduleStatus
from clm_api.signal import SignalFile
from clm_operator.changes import Settled
from clm_operator.facts import Facts
from clm_operator.replays.decide import Replays
from clm_operator.replays.stale import staleness
from clm_operator.round import acts
from clm_operator.round.acts import Act, Plan
from clm_operator.round.tidying import Tidied
from clm_operator.runs.decide import Runs
from clm_operator.slots.admit import Slots
from clm_operator.stages.pointer import Promotions
from clm_operator.stages.retention import to_delete


@dataclass(frozen=True)
class Decided:
    """What a round has decided, by subject, and the statuses that follow."""

    runs: Runs
    replays: Replays
    moves: Promotions
    slots: Slots
    versions: tuple[Settled, ...]
    status: TrainingScheduleStatus
    tidied: Tidied


def in_order(facts: Facts, decided: Decided) -> Plan:
    """Return the plan."""
    age = staleness(facts, decided.status)
    ages = (age.wake_at,) if age is not None and age.wake_at is not None else ()
    rest = (facts.rested_at, *((facts.soon,) if decided.moves.unreadable else ()))
    wakes = {
        *decided.slots.wakes,
        *decided.runs.wakes,
        *decided.replays.wakes,
        *decided.tidied.wakes,
        *ages,
        *rest,
    }
    wake_at = min((at for at in wakes if at > facts.now), default=None)
    return Plan(
        acts=(
            *_creations(facts, decided),
            *_deletions(facts, decided),
            *_writes(facts, decided),
            *_tidying(facts, decided),
        ),
        wake_at=wake_at,
        due=wake_at is not None and wake_at == decided.status.next_schedule_time,
    )


def _creations(facts: Facts, decided: Decided) -> Iterator[Act]:
    if facts.room_wanted:
        yield acts.MakeRoom()
    yield from map(acts.CreateVersion, decided.slots.begin)
    yield from map(acts.CreateJob, decided.runs.begin)
    if (replay := decided.replays.begin) is not None:
        yield acts.CreateReplay(replay)
    yield from map(acts.LendRun, decided.runs.lend)
    if (lacking := decided.replays.lend) is not None:
        yield acts.LendReplay(lacking)


def _deletions(facts: Facts, decided: Decided) -> Iterator[Act]:
    yield from (acts.DeleteJob(facts.jobs[v.name]) for v in decided.runs.over)
    yield from map(acts.DeleteJob, decided.replays.over)
    yield from map(acts.DeleteJob, decided.tidied.over)


def _writes(facts: Facts, decided: Decided) -> Iterator[Act]:
    """Yield the writes: nobody arrives in production before all others have left."""
    changed = [one for one in decided.versions if one.status != one.version.status]
    for one in sorted(changed, key=lambda one: one.status.stage is Stage.PRODUCTION):
        yield acts.WriteVersion(one.version, one.status)
    yield acts.WriteSchedule(facts.schedule, decided.status)
    over = {v.name for v in decided.moves.decided}
    for one in decided.versions:
        if one.version.name in over and one.says_the_same:
            yield acts.RemoveRequest(one.version)


def _tidying(facts: Facts, decided: Decided) -> Iterator[Act]:
    if (pointer := _pointer(facts, decided.status)) is not None:
        yield acts.Publish(pointer)
    if (signal := _signal(facts, decided.status)) is not None:
        yield acts.PublishSignal(signal)
    if facts.plausible is not None:
        retention = facts.plausible.spec.retention
        yield from map(acts.Retire, to_delete(facts.versions, retention, decided.status, facts.now))


def _pointer(facts: Facts, status: TrainingScheduleStatus) -> ProductionPointer | None:
    """Return what the store is to say; None where nothing was ever in production."""
    now, halted, uid = status.production, status.halted, facts.schedule.uid
    if now is not None:
        return ProductionPointer(
            schedule_uid=uid,
            version=now.version,
            manifest=now.artifact.uri,
            sha256=now.artifact.sha256,
            since=now.since,
        )
    if halted is None:
        return None
    return ProductionPointer(
        schedule_uid=uid, version=None, manifest=None, sha256=None, since=halted.since
    )


def _signal(facts: Facts, status: TrainingScheduleStatus) -> SignalFile | None:
    """Return the newest positions as the store is to say them; None until there are some."""
    holder = status.production or status.halted
    if status.signal is None or holder is None:
        return None
    return SignalFile(
        **dict(status.signal),
        schedule_uid=facts.schedule.uid,
        namespace=facts.key.namespace,
        schedule=facts.key.name,
        since=holder.since,
    )
