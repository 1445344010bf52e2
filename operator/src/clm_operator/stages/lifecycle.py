"""The life of a version: every move is one of these, and nothing else moves it.

            run fails ─────> FAILED
  TRAINING ─criteria fail ─> REJECTED <──── test failed, or files differ ────┐
            criteria pass ─> CANDIDATE ─── by Automatic, or by request ──> SHADOW
                              │  │  ^ ──────── not enough evidence ────────┤ │
                              │  │                                         │ │
        superseded, withdrawn │  └─ by request, or Automatic without test ─┼─┤ passed and Automatic,
                              v                     withdrawn              │ │ or by request
                           ARCHIVED <──────────────────────────────────────┘ │
                              │  ^                                           v
                              │  └── replaced, halted, stood down ────── PRODUCTION
                              └─── rolled back to, or promoted by request ───> ^

Nothing leads out of ARCHIVED but a person's request, and a rule that goes back to the version
before a degraded one. So a version that was rolled back from, or that production was emptied of,
never comes back by itself; nor is one whose shadow test was inconclusive tested or promoted by
itself.
"""

from clm_api.lifecycle import KEPT_CHANGES, Stage, StageChange
from clm_api.model_version import ModelVersionStatus
from clm_api.reasons import Reason
from clm_operator.changes import Move, Said, Transition

OPERATOR = "clm-operator"
"""Who moved a version, where no person asked for it."""


RUN_FAILED = Transition("the run failed", Stage.TRAINING, Stage.FAILED)
CRITERIA_FAILED = Transition("a criterion failed", Stage.TRAINING, Stage.REJECTED)
CRITERIA_PASSED = Transition("all criteria passed", Stage.TRAINING, Stage.CANDIDATE)
SUPERSEDED = Transition(
    "superseded by a newer candidate", Stage.CANDIDATE, Stage.ARCHIVED, Reason.ARCHIVED
)
WITHDRAWN = Transition("withdrawn by request", Stage.CANDIDATE, Stage.ARCHIVED, Reason.ARCHIVED)
TESTED = Transition("its shadow test begins", Stage.CANDIDATE, Stage.SHADOW, Reason.SHADOW_STARTED)
TEST_FAILED = Transition(
    "its shadow test failed", Stage.SHADOW, Stage.REJECTED, Reason.SHADOW_FAILED
)
TEST_INCONCLUSIVE = Transition(
    "its shadow test ended without enough evidence",
    Stage.SHADOW,
    Stage.CANDIDATE,
    Reason.INCONCLUSIVE,
)
TEST_WITHDRAWN = Transition(
    "withdrawn from its shadow test by request", Stage.SHADOW, Stage.ARCHIVED, Reason.ARCHIVED
)
CANDIDATE_CORRUPT = Transition(
    "its files differ from what was judged",
    Stage.CANDIDATE,
    Stage.REJECTED,
    Reason.ARTIFACT_CORRUPT,
)
TESTED_CORRUPT = Transition(
    "its files differ from what was judged and tested",
    Stage.SHADOW,
    Stage.REJECTED,
    Reason.ARTIFACT_CORRUPT,
)
PROMOTED = Transition("promoted", Stage.CANDIDATE, Stage.PRODUCTION, Reason.PROMOTED)
PROMOTED_TESTED = Transition(
    "promoted out of its shadow test", Stage.SHADOW, Stage.PRODUCTION, Reason.PROMOTED
)
PROMOTED_LATE = Transition(
    "promoted by request out of the archive", Stage.ARCHIVED, Stage.PRODUCTION, Reason.PROMOTED
)
ROLLED_BACK = Transition("rolled back to", Stage.ARCHIVED, Stage.PRODUCTION, Reason.ROLLED_BACK)
RESUMED = Transition(
    "promoted again after a halt", Stage.ARCHIVED, Stage.PRODUCTION, Reason.PROMOTED
)
REPLACED = Transition("replaced in production", Stage.PRODUCTION, Stage.ARCHIVED, Reason.ARCHIVED)
HALTED = Transition("halted by request", Stage.PRODUCTION, Stage.ARCHIVED, Reason.HALTED)
STOOD_DOWN = Transition(
    "stood down because it was degraded", Stage.PRODUCTION, Stage.ARCHIVED, Reason.STOOD_DOWN
)

TRANSITIONS = (
    RUN_FAILED,
    CRITERIA_FAILED,
    CRITERIA_PASSED,
    SUPERSEDED,
    WITHDRAWN,
    TESTED,
    TEST_FAILED,
    TEST_INCONCLUSIVE,
    TEST_WITHDRAWN,
    CANDIDATE_CORRUPT,
    TESTED_CORRUPT,
    PROMOTED,
    PROMOTED_TESTED,
    PROMOTED_LATE,
    ROLLED_BACK,
    RESUMED,
    REPLACED,
    HALTED,
    STOOD_DOWN,
)


class IllegalMoveError(ValueError):
    """Code asked for a move that the picture does not have: a defect, never a state of objects."""


def was_in_production(status: ModelVersionStatus) -> bool:
    """Whether the version has been there before."""
    return any(change.stage is Stage.PRODUCTION for change in status.history)


def into_production(status: ModelVersionStatus) -> Transition | None:
    """Return the rule by which a version goes into production; None if none leads there."""
    if status.stage is Stage.ARCHIVED:
        return ROLLED_BACK if was_in_production(status) else PROMOTED_LATE
    direct = {Stage.CANDIDATE: PROMOTED, Stage.SHADOW: PROMOTED_TESTED}
    return direct.get(status.stage)


def moved(status: ModelVersionStatus, move: Move) -> ModelVersionStatus:
    """Move a version and write down when, by whom and why.

    Raises
    ------
    IllegalMoveError
        The version does not stand where the rule begins.
    """
    rule = move.rule
    if status.stage is not rule.source:
        raise IllegalMoveError(f"{rule.name}: from {status.stage}")
    change = StageChange(stage=rule.target, at=move.at, by=move.by, reason=move.reason)
    history = [*status.history, change][-KEPT_CHANGES:]
    if rule.reason is None:
        return status.having(stage=rule.target, history=history)
    text = f"{move.by}: {move.reason}"
    return status.having(stage=rule.target, history=history, reason=rule.reason, message=text)


def said_of(move: Move | None) -> tuple[Said, ...]:
    """Return the condition that a move into or out of production brings with it."""
    if move is None or Stage.PRODUCTION not in (move.rule.source, move.rule.target):
        return ()
    there = move.rule.target is Stage.PRODUCTION
    return (("InProduction", there, str(move.rule.reason), move.reason),)
