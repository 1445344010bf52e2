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
from dataclasses import dataclass, field, replace
from datetime import datetime

from clm_api.lifecycle import RequestedStage, Stage
from clm_api.promotion import PromotionMode
from clm_api.timing import whole_seconds
from clm_operator.findings import UnreadableReport
from clm_operator.mirror.objects import ScheduleObject, Version
from clm_operator.stages import answers, candidates, shadow
from clm_operator.stages.automatic import Choice, next_promotion, next_test
from clm_operator.stages.following import Statuses, following
from clm_operator.stages.lifecycle import CANDIDATE_CORRUPT, OPERATOR, TESTED_CORRUPT, move
from clm_operator.stages.pointer import Promotion
from clm_operator.stages.requests import (
    Ask,
    decided,
    differing,
    refusal,
    undecided,
    wants_verification,
)
from clm_operator.view import Snapshot


@dataclass(frozen=True)
class Promotions:
    """What a round does about production.

    Parameters
    ----------
    statuses
        Of the versions that move or whose request is decided.
    promoted
        Where the pointer goes.
    decided
        Versions whose request is to be removed.
    unreadable
        Versions that wait for the store.
    lagging
        Whether stages only catch up with the pointer: all else waits for the next round.
    """

    statuses: Statuses = field(default_factory=dict)
    promoted: Promotion | None = None
    decided: tuple[Version, ...] = ()
    unreadable: tuple[Version, ...] = ()
    lagging: bool = False

    @property
    def moving(self) -> bool:
        """Whether production is about to be, or not yet everywhere, another version."""
        return self.lagging or self.promoted is not None


def to_verify(
    schedule: ScheduleObject, versions: Sequence[Version], now: datetime
) -> tuple[Version, ...]:
    """Return the versions whose files a round has to digest anew before it decides."""
    chosen = next_promotion(schedule, [v for v in versions if v.terminal], now)
    return tuple(
        version
        for version in versions
        if wants_verification(version, schedule.status.production)
        or (chosen is not None and chosen.version is version)
    )


def decide(snapshot: Snapshot) -> Promotions:
    """Decide what follows from requests, mode and pointer; looks at what is stored, nothing else.

    Persons come first: mode Automatic acts in rounds in which nobody asks for production.
    """
    schedule = snapshot.schedule
    if schedule is None:
        return Promotions()
    ended = [v for v in snapshot.versions if v.terminal]
    settled = tuple(v for v in snapshot.versions if decided(v))
    if lagging := following(schedule.status, ended):
        found = tuple(v for v in settled if v.name not in lagging)
        return Promotions(lagging, decided=found, lagging=True)
    asked = [v for v in snapshot.versions if undecided(v)]
    if asked:
        return _requested(snapshot, schedule, ended, asked, settled)
    statuses = candidates.ranked(ended, snapshot.now)
    if (choice := next_promotion(schedule, ended, snapshot.now)) is not None:
        chosen = _chosen(snapshot, choice)
        return replace(chosen, statuses=statuses | chosen.statuses, decided=settled)
    if (choice := next_test(schedule, ended)) is not None:
        begun = shadow.begun(
            choice.version, at=whole_seconds(snapshot.now), by=OPERATOR, reason=choice.reason
        )
        statuses[choice.version.name] = begun
    return Promotions(statuses, decided=settled)


def _requested(
    snapshot: Snapshot,
    schedule: ScheduleObject,
    ended: Sequence[Version],
    asked: Sequence[Version],
    settled: tuple[Version, ...],
) -> Promotions:
    """Decide every request; of two that can both be met the older version's is met first."""
    statuses, promoted = candidates.ranked(ended, snapshot.now), None
    unreadable = list[Version]()
    judges_only = (
        schedule.spec is not None and schedule.spec.promotion.mode is PromotionMode.DRY_RUN
    )
    production = schedule.status.production
    tested = next((v.name for v in ended if v.status.stage is Stage.SHADOW), None)
    for version in asked:
        request = undecided(version)
        if request is None:
            continue
        found = snapshot.verified.get(version.name)
        no = refusal(Ask(version, request, production, judges_only, found, tested))
        if no is not None:
            statuses[version.name] = answers.refused(version, request, no, snapshot.now)
        elif request.stage is RequestedStage.ARCHIVED:
            statuses[version.name] = answers.withdrawn(version, request, snapshot.now)
            tested = None if tested == version.name else tested
        elif request.stage is RequestedStage.SHADOW:
            ahead = candidates.overtaken_by(version, ended)
            statuses[version.name] = answers.tested(version, request, ahead, snapshot.now)
            tested = version.name
        elif isinstance(found, UnreadableReport):
            unreadable.append(version)
            statuses[version.name] = answers.waiting(version, found, snapshot.now)
        elif promoted is None:
            promoted = Promotion(version, request.by, request.reason)
    return Promotions(statuses, promoted, settled, tuple(unreadable))


def _chosen(snapshot: Snapshot, choice: Choice) -> Promotions:
    """Promote what mode Automatic chose, once its files are known to be what was judged."""
    version, found = choice.version, snapshot.verified.get(choice.version.name)
    if version.name not in snapshot.verified:
        return Promotions()
    if isinstance(found, UnreadableReport):
        waits = answers.waiting(version, found, snapshot.now)
        return Promotions({version.name: waits}, unreadable=(version,))
    if (differ := differing(version, found)) is None:
        return Promotions(promoted=Promotion(version, OPERATOR, choice.reason))
    rule = CANDIDATE_CORRUPT if version.status.stage is Stage.CANDIDATE else TESTED_CORRUPT
    status = move(
        answers.doubted(version, differ, snapshot.now),
        rule,
        at=whole_seconds(snapshot.now),
        by=OPERATOR,
        reason=differ.message,
    )
    return Promotions({version.name: status})
