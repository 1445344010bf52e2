"""Candidates beside each other and beside what stands: the one whose bars end later goes first.

A run may end on older bars than one before it: ``refresh: Never`` with a half-finished import, or a
store that was restored from an older backup. Its candidate takes nobody's place by itself; a
person may still ask for it.
"""

from collections.abc import Sequence
from datetime import datetime

from clm_api.lifecycle import RequestedStage, Stage
from clm_api.model_version import ModelVersionStatus
from clm_api.promotion import PromotionMode
from clm_api.reasons import Reason
from clm_api.run import RunPromotion
from clm_api.timing import TIMEFRAME_SECONDS, floor_to, whole_seconds
from clm_operator.changes import Change, Changes, Move
from clm_operator.mirror.objects import Version
from clm_operator.stages.lifecycle import OPERATOR, SUPERSEDED

_STANDING = (Stage.CANDIDATE, Stage.SHADOW, Stage.PRODUCTION)


def leading(candidates: Sequence[Version]) -> Version | None:
    """Return the newest candidate whose bars end before no other candidate's.

    Parameters
    ----------
    candidates
        Oldest first.
    """
    ahead = (v for v in reversed(candidates) if not any(is_behind(v, o) for o in candidates))
    return next(ahead, None)


def overtaken_by(version: Version, versions: Sequence[Version]) -> Version | None:
    """Return the candidate, tested or production version whose bars end last, if they end later."""
    later = [v for v in versions if v.status.stage in _STANDING and is_behind(version, v)]
    return max(later, key=lambda v: _end(v) or v.created, default=None)


def ranked(ended: Sequence[Version], now: datetime) -> Changes:
    """Archive superseded candidates; say of those that stay whether they are behind.

    One that somebody asks for is decided first.

    Parameters
    ----------
    ended
        Oldest first.
    """
    candidates = [v for v in ended if v.status.stage is Stage.CANDIDATE]
    changes = Changes()
    for index, version in enumerate(candidates):
        if version.spec is None or _asked_for(version) is not None:
            continue
        later = (v for v in candidates[index + 1 :] if not is_behind(v, version))
        newer = [v for v in later if _asked_for(v) is not RequestedStage.ARCHIVED]
        if newer:
            why = f"superseded by {newer[-1].name}"
            gone = Move(SUPERSEDED, whole_seconds(now), OPERATOR, why)
            changes[version.name] = Change(version.status, now, gone)
        elif (told := _told(version, overtaken_by(version, ended))) != version.status:
            changes[version.name] = Change(told, now)
    return changes


def _asked_for(version: Version) -> RequestedStage | None:
    """Return where somebody wants it; one that is to be withdrawn takes nobody's place."""
    request = version.spec.request if version.spec else None
    return None if request is None else request.stage


def is_behind(version: Version, other: Version) -> bool:
    """Whether the other one knows a whole bar more, of the length that this one is made of.

    Of a version without an account of its bars nobody can tell.
    """
    mine, theirs = _end(version), _end(other)
    if mine is None or theirs is None or version.spec is None:
        return False
    return mine < floor_to(theirs, TIMEFRAME_SECONDS[version.spec.run.data.timeframe])


def compared(version: Version, other: Version) -> str:
    """Return in words that a version is behind another one."""
    mine, theirs = (f"{_end(v):%Y-%m-%d %H:%M} UTC" for v in (version, other))
    return f"its bars end {mine}, before those of {other.name} ({theirs})"


def verdict_words(promotion: RunPromotion, stage: Stage, words: str) -> str:
    """Return what the criteria say of a version, and what DryRun would do with it."""
    if promotion.mode is not PromotionMode.DRY_RUN:
        return words
    if stage is not Stage.CANDIDATE:
        step = "do nothing with it either"
    elif promotion.shadow.enabled:
        step = "begin its shadow test"
    else:
        step = "put it into production"
    return f"{words} · DryRun: judged only; Automatic would {step}"


def _end(version: Version) -> datetime | None:
    """Return the end of the bars, exclusive; a result can't claim later ones than its run's."""
    data, spec = version.status.data, version.spec
    return None if data is None or spec is None else min(data.to, spec.run.data.to)


def _told(version: Version, ahead: Version | None) -> ModelVersionStatus:
    """Say that a candidate waits for a person, or that it does so no more."""
    status, spec = version.status, version.spec
    if spec is None or status.reason not in (Reason.CRITERIA_PASSED, Reason.DATA_BEHIND):
        return status
    if ahead is None and status.reason != Reason.DATA_BEHIND:
        return status
    words = next((c.message for c in status.conditions if c.type == "CriteriaMet"), "")
    reason, message = Reason.CRITERIA_PASSED, verdict_words(spec.run.promotion, status.stage, words)
    if ahead is not None:
        alone = "it takes nobody's place by itself; ask for SHADOW or PRODUCTION if you want it"
        reason, message = Reason.DATA_BEHIND, f"{compared(version, ahead)}: {alone} · {words}"
    return status.having(reason=reason, message=message)
