"""Mode Automatic: which candidate is tested next, and which version goes into production next."""

from collections.abc import Sequence
from datetime import datetime

from clm_api.lifecycle import RequestedStage, Stage
from clm_api.model_version import ShadowVerdict
from clm_api.promotion import PromotionMode
from clm_api.schedule_status import HaltedStatus
from clm_api.timing import duration
from clm_operator.facts import Want
from clm_operator.mirror.objects import ScheduleObject, Version
from clm_operator.stages.candidates import leading, overtaken_by
from clm_operator.stages.lifecycle import OPERATOR


def wanted(schedule: ScheduleObject, ended: Sequence[Version], now: datetime) -> Want | None:
    """Return what mode Automatic wants next: a promotion, else a test.

    Production that has just changed, by whomever, is left alone for ``monitoring.cooldown``. Where
    a person has emptied it, a person fills it again; versions are tested meanwhile.

    Parameters
    ----------
    ended
        Versions whose run has ended, oldest first.
    """
    spec = schedule.spec
    if spec is None or spec.promotion.mode is not PromotionMode.AUTOMATIC:
        return None
    rested = now >= rested_at(schedule, now) and not halted_by_a_person(schedule)
    if rested and (passed := _passed(ended)) is not None:
        return passed
    newest = _newest_candidate(ended, schedule.status.halted)
    if newest is None:
        return None
    if not _tests(newest):
        why = "all criteria passed, and spec.promotion.shadow.enabled is false"
        return _want(newest, RequestedStage.PRODUCTION, why) if rested else None
    if any(v.status.stage is Stage.SHADOW for v in ended):
        return None
    why = "the newest candidate, and no other version is tested"
    return _want(newest, RequestedStage.SHADOW, why)


def _want(version: Version, stage: RequestedStage, why: str) -> Want:
    return Want(version, stage, OPERATOR, why)


def _passed(ended: Sequence[Version]) -> Want | None:
    """Return the version that has passed its shadow test."""
    for version in ended:
        shadow = version.status.shadow
        if version.status.stage is not Stage.SHADOW or shadow is None or _asked_for(version):
            continue
        if shadow.verdict is ShadowVerdict.PASSED:
            why = f"shadow test passed: {shadow.message}"
            return _want(version, RequestedStage.PRODUCTION, why)
    return None


def rested_at(schedule: ScheduleObject, now: datetime) -> datetime:
    """Return from when on production may change by itself."""
    status, spec = schedule.status, schedule.spec
    last = status.production or status.halted
    if last is None or spec is None:
        return now
    return last.since + duration(spec.monitoring.cooldown)


def halted_by_a_person(schedule: ScheduleObject) -> bool:
    """Whether production is empty until a person promotes a version."""
    halted = schedule.status.halted
    return halted is not None and halted.by != OPERATOR


def _newest_candidate(versions: Sequence[Version], halted: HaltedStatus | None) -> Version | None:
    """Return the newest candidate that was never tested and nobody asks for.

    One that is older than the version in production, or than the one that production was emptied
    of, as a slow run may be where runs overlap, is left to a person; so is one whose bars end
    before those of a version that stands.
    """
    newest = leading([v for v in versions if v.status.stage is Stage.CANDIDATE])
    if newest is None or newest.status.shadow is not None or _asked_for(newest):
        return None
    if overtaken_by(newest, versions) is not None:
        return None
    last = halted.version if halted else None
    there = [v for v in versions if v.status.stage is Stage.PRODUCTION or v.name == last]
    return None if any(v.created > newest.created for v in there) else newest


def _tests(version: Version) -> bool:
    return version.spec is not None and version.spec.run.promotion.shadow.enabled


def _asked_for(version: Version) -> bool:
    return version.spec is not None and version.spec.request is not None
