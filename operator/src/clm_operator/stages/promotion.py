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

from dataclasses import dataclass, field, replace
from datetime import datetime

from clm_api.lifecycle import MAX_REASON, RequestedStage, Stage
from clm_api.promotion import PromotionMode
from clm_api.timing import whole_seconds
from clm_operator.facts import Choice, Facts, Statuses
from clm_operator.findings import Findings, Latest, UnreadableReport
from clm_operator.mirror.objects import Version
from clm_operator.stages import answers, candidates, shadow
from clm_operator.stages.automatic import next_test
from clm_operator.stages.lifecycle import CANDIDATE_CORRUPT, OPERATOR, TESTED_CORRUPT, move
from clm_operator.stages.pointer import Promotion
from clm_operator.stages.requests import Ask, differing, refusal


@dataclass(frozen=True)
class Promotions:
    """What a round does about stages.

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
    first
        Whether this comes before all else: stages catch up with the pointer, or a test ends.
    """

    statuses: Statuses = field(default_factory=dict)
    promoted: Promotion | None = None
    decided: tuple[Version, ...] = ()
    unreadable: tuple[Version, ...] = ()
    first: bool = False
    wakes: tuple[datetime, ...] = ()
    """When to look again."""

    @property
    def moving(self) -> bool:
        """Whether what is in production or on trial is about to be another version."""
        return self.first or self.promoted is not None


def promotions_of(facts: Facts, findings: Findings, latest: Latest) -> Promotions:
    """Decide what follows from the pointer, a test, requests and mode: the first that moves.

    Persons come before mode Automatic, which acts in rounds in which nobody asks for anything.
    """
    moves = _decided(facts, findings, latest)
    return replace(moves, wakes=(facts.rested_at, *(facts.soon for _ in moves.unreadable)))


def _decided(facts: Facts, findings: Findings, latest: Latest) -> Promotions:
    if facts.lagging:
        settled = tuple(v for v in facts.settled if v.name not in facts.lagging)
        return Promotions(facts.lagging, decided=settled, first=True)
    if concluded := shadow.concluded(facts, latest):
        return Promotions(concluded, decided=facts.settled, first=True)
    if facts.asked:
        return _requested(facts, findings)
    return _automatic(facts, findings)


def _requested(facts: Facts, findings: Findings) -> Promotions:
    """Decide every request; of two that can both be met the older version's is met first."""
    now, spec, production = facts.now, facts.schedule.spec, facts.schedule.status.production
    statuses, promoted = dict(candidates.ranked(facts.ended, now)), None
    unreadable = list[Version]()
    judges_only = spec is not None and spec.promotion.mode is PromotionMode.DRY_RUN
    tested = next((v.name for v in facts.ended if v.status.stage is Stage.SHADOW), None)
    for version in facts.asked:
        request = version.spec.request if version.spec else None
        if request is None:
            continue
        found = findings.verified.get(version.name)
        no = refusal(Ask(version, request, production, judges_only, found, tested))
        if no is not None:
            statuses[version.name] = answers.refused(version, request, no, now)
        elif request.stage is RequestedStage.ARCHIVED:
            statuses[version.name] = answers.withdrawn(version, request, now)
            tested = None if tested == version.name else tested
        elif request.stage is RequestedStage.SHADOW:
            ahead = candidates.overtaken_by(version, facts.ended)
            statuses[version.name] = answers.tested(version, request, ahead, now)
            tested = version.name
        elif isinstance(found, UnreadableReport):
            unreadable.append(version)
            statuses[version.name] = answers.waiting(version, found, now)
        elif promoted is None:
            promoted = Promotion(version, request.by, request.reason)
    return Promotions(statuses, promoted, facts.settled, tuple(unreadable))


def _automatic(facts: Facts, findings: Findings) -> Promotions:
    """Rank the candidates; promote or test the one that mode Automatic chose."""
    statuses = candidates.ranked(facts.ended, facts.now)
    if facts.choice is not None:
        chosen = _chosen(facts, findings, facts.choice)
        return replace(chosen, statuses={**statuses, **chosen.statuses}, decided=facts.settled)
    if (choice := next_test(facts)) is not None:
        at, version = whole_seconds(facts.now), choice.version
        begun = shadow.begun(version, at=at, by=OPERATOR, reason=choice.reason)
        statuses = {**statuses, version.name: begun}
    return Promotions(statuses, decided=facts.settled)


def _chosen(facts: Facts, findings: Findings, choice: Choice) -> Promotions:
    """Promote what mode Automatic chose, once its files are known to be what was judged."""
    version, found = choice.version, findings.verified.get(choice.version.name)
    if isinstance(found, UnreadableReport):
        waits = answers.waiting(version, found, facts.now)
        return Promotions({version.name: waits}, unreadable=(version,))
    if (differ := differing(version, found)) is None:
        return Promotions(promoted=Promotion(version, OPERATOR, choice.reason[:MAX_REASON]))
    rule = CANDIDATE_CORRUPT if version.status.stage is Stage.CANDIDATE else TESTED_CORRUPT
    doubted, at = answers.doubted(version, differ, facts.now), whole_seconds(facts.now)
    status = move(doubted, rule, at=at, by=OPERATOR, reason=differ.message)
    return Promotions({version.name: status})
