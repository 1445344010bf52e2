"""What a want comes to: a promotion, a halt, a test, the archive, or a reason why not.

Persons, the rule for degraded versions and mode Automatic are held against the same rules. Of two
moves of the pointer that could both be made a halt is made first, then the older version's; the
other one is looked at anew when it is.
"""

from datetime import datetime

from clm_api.conditions import says
from clm_api.lifecycle import Decision, RequestedStage, Stage
from clm_api.model_version import ModelVersionStatus, ShadowStatus
from clm_api.promotion import PromotionMode
from clm_api.reasons import Reason
from clm_api.schedule_status import Emptied
from clm_api.timing import whole_seconds
from clm_operator.changes import Change, Move
from clm_operator.facts import Facts, Want
from clm_operator.findings import Findings, UnreadableReport
from clm_operator.stages.lifecycle import (
    CANDIDATE_CORRUPT,
    TEST_WITHDRAWN,
    TESTED,
    TESTED_CORRUPT,
    WITHDRAWN,
)
from clm_operator.stages.pointer import Promotion, Promotions
from clm_operator.stages.requests import Ask, Refusal, halts, refusal
from clm_operator.stages.shadow import undecided

_CORRUPT = {Stage.CANDIDATE: CANDIDATE_CORRUPT, Stage.SHADOW: TESTED_CORRUPT}


def answered(facts: Facts, findings: Findings) -> Promotions:
    """Answer every want, beside what follows for candidates by themselves."""
    now, spec = facts.now, facts.schedule.spec
    judges_only = spec is not None and spec.promotion.mode is PromotionMode.DRY_RUN
    production = facts.schedule.status.production
    changes, tested = dict(facts.ranking), facts.in_test
    goes: Promotion | Emptied | None = None
    unreadable = False
    for want in sorted(facts.wants, key=lambda want: not halts(want, production)):
        name = want.version.name
        found = findings.verified.get(name)
        no = refusal(Ask(want, production, judges_only, found, tested))
        if no is not None:
            changes[name] = _refused(want, no, now)
        elif halts(want, production):
            goes = Emptied(by=want.by, reason=want.reason)
        elif want.stage is RequestedStage.ARCHIVED:
            changes[name] = _withdrawn(want, now)
            tested = None if tested == name else tested
        elif want.stage is RequestedStage.SHADOW:
            changes[name] = _tested(want, now)
            tested = name
        elif isinstance(found, UnreadableReport):
            changes[name], unreadable = _waiting(want, found, now), True
        elif goes is None:
            goes = Promotion(want.version, want.by, want.reason)
    return Promotions(changes, goes, facts.settled, unreadable=unreadable)


def _refused(want: Want, why: Refusal, now: datetime) -> Change:
    """Write down why not; files that differ are told by a condition too.

    A candidate of mode Automatic whose files differ is rejected: nobody asks for it again. One
    that a rollback passes over stays where it is.
    """
    status, at = want.version.status, whole_seconds(now)
    corrupt = why.reason is Reason.ARTIFACT_CORRUPT
    said = (("ArtifactVerified", False, why.reason, why.message),) if corrupt else ()
    if want.request is not None:
        return Change(_recorded(want, status, now, why.reason, why.message), now, said=said)
    rule = _CORRUPT.get(status.stage) if corrupt else None
    return Change(status, now, Move(rule, at, want.by, why.message) if rule else None, said)


def _withdrawn(want: Want, now: datetime) -> Change:
    """Archive a candidate, or the version on trial."""
    status = want.version.status
    rule = TEST_WITHDRAWN if status.stage is Stage.SHADOW else WITHDRAWN
    move = Move(rule, whole_seconds(now), want.by, want.reason)
    told = _recorded(want, status, now, Reason.ARCHIVED, "it is no candidate any more")
    return Change(told, now, move)


def _tested(want: Want, now: datetime) -> Change:
    """Begin a shadow test; what an earlier one found stands in the history."""
    status, at = want.version.status, whole_seconds(now)
    status = status.having(shadow=ShadowStatus(since=at), conditions=undecided(status))
    if want.request is not None:
        text = "its shadow test begins" + (f"; {want.behind}" if want.behind else "")
        status = _recorded(want, status, now, Reason.SHADOW_STARTED, text)
    return Change(status, now, Move(TESTED, at, want.by, want.reason))


def _waiting(want: Want, why: UnreadableReport, now: datetime) -> Change:
    """Say what a promotion waits for; once, for the store's words have times and counts in them."""
    status = want.version.status
    if says(status.conditions, "ArtifactVerified", "Unknown", why.reason):
        return Change(status, now)
    text = f"its promotion waits for the store: {why.message}"
    return Change(status, now, said=(("ArtifactVerified", None, why.reason, text),))


def _recorded(
    want: Want, status: ModelVersionStatus, now: datetime, outcome: Reason, message: str
) -> ModelVersionStatus:
    """Write down that this very request, told by its generation, was decided."""
    decision = Decision(
        stage=want.stage,
        at=whole_seconds(now),
        by=want.by,
        reason=want.reason,
        outcome=outcome,
        message=message,
        observed_generation=want.version.generation,
    )
    return status.having(promotion=decision)
