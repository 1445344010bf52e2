"""Who is in production: requests decided, the pointer moved, stages made to follow it.

A promotion is four guarded writes, each by a later round than the one before, and a crash between
two of them is finished by whoever looks next:

    1. TrainingSchedule.status.production   the truth; says who asked for what and why
    2. the old version → ARCHIVED, then the new one → PRODUCTION, with the request's generation
       in status.promotion: from here on the request counts as decided
    3. the request is removed from the new version's spec
    4. the store's object

No request is decided before all stages agree with the pointer (1 without 2 is finished first), and
one that is decided only gets removed (2 without 3): so none is executed twice. A refusal is write
2 and 3 alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from clm_api.conditions import condition, set_conditions
from clm_api.lifecycle import Decision, RequestedStage, Stage, StageRequest
from clm_api.model_version import ModelVersionStatus
from clm_api.reasons import Reason
from clm_api.schedule_status import (
    KEPT_PERIODS,
    ArtifactRef,
    ProductionPeriod,
    ProductionStatus,
    TrainingScheduleStatus,
)
from clm_operator.planning.following import Statuses, following
from clm_operator.planning.lifecycle import OPERATOR, SUPERSEDED, WITHDRAWN, move
from clm_operator.planning.requests import Ask, Refusal, decided, refusal, undecided
from clm_operator.snapshot import Snapshot, UnreadableReport, Version


@dataclass(frozen=True)
class Promotions:
    """What a round does about production.

    Parameters
    ----------
    statuses
        Of the versions that move or whose request is decided.
    promoted
        The version that the pointer goes to.
    decided
        Versions whose request is to be removed.
    unreadable
        Versions whose request waits for the store.
    """

    statuses: Statuses = field(default_factory=dict)
    promoted: Version | None = None
    decided: tuple[Version, ...] = ()
    unreadable: tuple[Version, ...] = ()


def decide(snapshot: Snapshot, *, judges_only: bool) -> Promotions:
    """Decide what follows from requests and pointer; looks at what is stored, nothing else."""
    if snapshot.schedule is None:
        return Promotions()
    ended = [v for v in snapshot.versions if v.terminal]
    settled = tuple(v for v in snapshot.versions if decided(v))
    if lagging := following(snapshot.schedule.status, ended):
        return Promotions(lagging, decided=tuple(v for v in settled if v.name not in lagging))
    statuses, promoted, unreadable = _superseded(ended, snapshot.now), None, list[Version]()
    for version in snapshot.versions:
        request = undecided(version)
        if request is None:
            continue
        found = snapshot.verified.get(version.name)
        production = snapshot.schedule.status.production
        refused = refusal(Ask(version, request, production, judges_only, found))
        if refused is not None:
            statuses[version.name] = _refused(version, request, refused, snapshot.now)
        elif request.stage is RequestedStage.ARCHIVED:
            statuses[version.name] = _withdrawn(version, request, snapshot.now)
        elif isinstance(found, UnreadableReport):
            unreadable.append(version)
            statuses[version.name] = _waiting(version, found, snapshot.now)
        elif promoted is None:
            promoted = version
    return Promotions(statuses, promoted, settled, tuple(unreadable))


def with_production(
    status: TrainingScheduleStatus, promoted: Version | None, now: datetime
) -> TrainingScheduleStatus:
    """Move the pointer; who was there before goes into the history."""
    request = promoted.spec.request if promoted and promoted.spec else None
    artifact = promoted.status.artifact if promoted else None
    if promoted is None or request is None or artifact is None:
        return status
    old, since = status.production, now.replace(microsecond=0)
    previous = list(status.previous)
    if old is not None:
        since = max(since, old.since)
        previous.append(
            ProductionPeriod(
                version=old.version,
                from_=old.since,
                to=since,
                by=old.approved_by,
                reason=old.reason,
            )
        )
    production = ProductionStatus(
        version=promoted.name,
        since=since,
        approved_by=request.by,
        reason=request.reason,
        artifact=ArtifactRef(uri=artifact.uri, sha256=artifact.sha256),
    )
    update = {"production": production, "previous": previous[-KEPT_PERIODS:]}
    return status.model_copy(update=update)


def _superseded(ended: Sequence[Version], now: datetime) -> Statuses:
    """Archive every candidate but the newest; one that somebody asks for is decided first."""
    candidates = [v for v in ended if v.status.stage is Stage.CANDIDATE]
    statuses = Statuses()
    for version in candidates[:-1]:
        if version.spec is not None and version.spec.request is None:
            statuses[version.name] = move(
                version.status,
                SUPERSEDED,
                at=now.replace(microsecond=0),
                by=OPERATOR,
                reason=f"superseded by {candidates[-1].name}",
                generation=version.generation,
            )
    return statuses


def _waiting(version: Version, why: UnreadableReport, now: datetime) -> ModelVersionStatus:
    """Say what a request waits for; once, for the store's words have times and counts in them."""
    said = {c.type: (c.status, c.reason) for c in version.status.conditions}
    if said.get("ArtifactVerified") == ("Unknown", why.reason):
        return version.status
    unknown = condition(
        "ArtifactVerified",
        holds=None,
        reason=str(why.reason),
        message=f"a request waits for the store: {why.message}"[:1024],
        generation=version.generation,
        now=now,
    )
    conditions = list(set_conditions(version.status.conditions, (unknown,)))
    return version.status.model_copy(update={"conditions": conditions})


def _withdrawn(version: Version, request: StageRequest, now: datetime) -> ModelVersionStatus:
    status = move(
        version.status,
        WITHDRAWN,
        at=now.replace(microsecond=0),
        by=request.by,
        reason=request.reason,
        generation=version.generation,
    )
    return _recorded(version, status, request, now, Reason.ARCHIVED, "it is no candidate any more")


def _refused(
    version: Version, request: StageRequest, why: Refusal, now: datetime
) -> ModelVersionStatus:
    status = version.status
    if why.reason is Reason.ARTIFACT_CORRUPT:
        broken = condition(
            "ArtifactVerified",
            holds=False,
            reason=str(why.reason),
            message=why.message[:1024],
            generation=version.generation,
            now=now,
        )
        update = {"conditions": list(set_conditions(status.conditions, (broken,)))}
        status = status.model_copy(update=update)
    return _recorded(version, status, request, now, why.reason, why.message)


def _recorded(
    version: Version,
    status: ModelVersionStatus,
    request: StageRequest,
    now: datetime,
    outcome: Reason,
    message: str,
) -> ModelVersionStatus:
    """Write down that this very request, told by its generation, was decided."""
    decision = Decision(
        stage=request.stage,
        at=now.replace(microsecond=0),
        by=request.by,
        reason=request.reason,
        outcome=outcome,
        message=message[:1024],
        observed_generation=version.generation,
    )
    return status.model_copy(update={"promotion": decision})
