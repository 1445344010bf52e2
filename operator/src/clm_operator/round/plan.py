"""Facts and findings in, one plan out: the operator's only place of decision.

Four subjects decide side by side: stages, runs, slots, replays. What they say of an object is
laid together here, with what is to be told of it, and becomes acts.
"""

from collections.abc import Iterator
from dataclasses import replace

from clm_api.lifecycle import Stage
from clm_api.production import ProductionPointer
from clm_api.schedule_status import TrainingScheduleStatus
from clm_operator.facts import Facts
from clm_operator.findings import Findings
from clm_operator.replays.decide import Replays, replays_of
from clm_operator.replays.outcome import look
from clm_operator.round import acts
from clm_operator.round.acts import Act, Plan
from clm_operator.round.schedule_status import Parts, schedule_status
from clm_operator.round.tidying import finished_jobs, tidied_at
from clm_operator.round.version_status import settled
from clm_operator.runs.decide import Runs, runs_of
from clm_operator.runs.outcome import Outcome
from clm_operator.slots import tries
from clm_operator.slots.admit import Slots, slots_of
from clm_operator.stages.promotion import Promotions, promotions_of
from clm_operator.stages.retention import to_delete
from clm_operator.telling.notices import announced


def plan(facts: Facts, findings: Findings) -> Plan:
    """Decide what follows from what is known and what was found."""
    latest = look(facts, findings)
    moves = promotions_of(facts, findings, latest)
    begun = runs_of(facts, findings)
    outcomes = settled(begun.outcomes, moves, facts.now)
    after = [replace(o.version, status=o.status) for o in outcomes]
    own = tries.count(facts.schedule.status.trials, after)
    due = slots_of(facts, own)
    watch = replays_of(facts, latest, moving=moves.moving)
    parts = Parts(after, due, own, watch.status, latest.report, moves.promoted)
    status = schedule_status(facts, parts)
    outcomes, status = announced(facts, outcomes, status, due.skips)
    wakes = {*due.wakes, *moves.wakes, *begun.wakes, *watch.wakes, *tidied_at(facts, latest)}
    wake_at = min((at for at in wakes if at > facts.now), default=None)
    return Plan(
        acts=(
            *_creations(facts, due, begun, watch),
            *(acts.DeleteJob(job) for job in (*begun.superfluous, *watch.superfluous)),
            *(acts.DeleteJob(job) for job in finished_jobs(facts, latest)),
            *_writes(facts, outcomes, moves, status),
            *_tidying(facts, status),
        ),
        wake_at=wake_at,
        due=wake_at is not None and wake_at == due.next,
    )


def _creations(facts: Facts, due: Slots, begun: Runs, watch: Replays) -> Iterator[Act]:
    if facts.room_wanted:
        yield acts.MakeRoom()
    yield from map(acts.CreateVersion, due.manifests)
    yield from map(acts.CreateJob, begun.jobs)
    if watch.job is not None:
        yield acts.CreateJob(watch.job, of_version=False)
    yield from map(acts.Lend, (*begun.grants, *watch.grants))


def _writes(
    facts: Facts, outcomes: tuple[Outcome, ...], moves: Promotions, status: TrainingScheduleStatus
) -> Iterator[Act]:
    """Yield the writes: nobody arrives in production before all others have left."""
    changed = [o for o in outcomes if o.status != o.version.status]
    for outcome in sorted(changed, key=lambda o: o.status.stage is Stage.PRODUCTION):
        yield acts.WriteVersion(outcome.version, outcome.status)
    yield acts.WriteSchedule(facts.schedule, status)
    over = {v.name for v in moves.decided}
    for outcome in outcomes:
        if outcome.version.name in over and outcome.says_the_same:
            yield acts.RemoveRequest(outcome.version)


def _tidying(facts: Facts, status: TrainingScheduleStatus) -> Iterator[Act]:
    if (now := status.production) is not None:
        yield acts.Publish(
            ProductionPointer(
                schedule_uid=facts.schedule.uid,
                version=now.version,
                manifest=now.artifact.uri,
                sha256=now.artifact.sha256,
                since=now.since,
            )
        )
    if facts.plausible is not None:
        retention = facts.plausible.spec.retention
        yield from map(acts.Retire, to_delete(facts.versions, retention, status))
