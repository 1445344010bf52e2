"""Mode Automatic: which candidate is tested next, and which version goes into production next."""

from collections.abc import Sequence
from datetime import datetime

from clm_api.lifecycle import Stage
from clm_api.model_version import ShadowVerdict
from clm_api.promotion import PromotionMode
from clm_api.timing import duration
from clm_operator.facts import Choice, Facts
from clm_operator.mirror.objects import ScheduleObject, Version
from clm_operator.stages.candidates import leading, overtaken_by


def is_automatic(schedule: ScheduleObject) -> bool:
    """Whether the schedule, as it is now, moves versions by itself."""
    spec = schedule.spec
    return spec is not None and spec.promotion.mode is PromotionMode.AUTOMATIC


def next_test(facts: Facts) -> Choice | None:
    """Return the candidate whose shadow test begins now: the newest one, if no other is tested."""
    tested = any(v.status.stage is Stage.SHADOW for v in facts.ended)
    if not is_automatic(facts.schedule) or tested:
        return None
    version = _newest_candidate(facts.ended)
    if version is None or not _tests(version):
        return None
    return Choice(version, "the newest candidate, and no other version is tested")


def next_promotion(
    schedule: ScheduleObject, versions: Sequence[Version], now: datetime
) -> Choice | None:
    """Return the version that goes into production, unless its files differ from what was judged.

    Production that has just changed, by whomever, is left alone for ``monitoring.cooldown``.

    Parameters
    ----------
    versions
        Ended ones, oldest first.
    """
    if not is_automatic(schedule) or now < rested_at(schedule, now):
        return None
    for version in versions:
        shadow = version.status.shadow
        if version.status.stage is not Stage.SHADOW or shadow is None or _asked_for(version):
            continue
        if shadow.verdict is ShadowVerdict.PASSED:
            return Choice(version, f"shadow test passed: {shadow.message}")
    newest = _newest_candidate(versions)
    if newest is None or _tests(newest):
        return None
    return Choice(newest, "all criteria passed, and spec.promotion.shadow.enabled is false")


def rested_at(schedule: ScheduleObject, now: datetime) -> datetime:
    """Return from when on production may change by itself."""
    production, spec = schedule.status.production, schedule.spec
    if production is None or spec is None:
        return now
    return production.since + duration(spec.monitoring.cooldown)


def _newest_candidate(versions: Sequence[Version]) -> Version | None:
    """Return the newest candidate that was never tested and nobody asks for.

    One that is older than the version in production, as a slow run may be where runs overlap, is
    left to a person; so is one whose bars end before those of a version that stands.
    """
    newest = leading([v for v in versions if v.status.stage is Stage.CANDIDATE])
    if newest is None or newest.status.shadow is not None or _asked_for(newest):
        return None
    if overtaken_by(newest, versions) is not None:
        return None
    there = [v for v in versions if v.status.stage is Stage.PRODUCTION]
    return None if any(v.created > newest.created for v in there) else newest


def _tests(version: Version) -> bool:
    return version.spec is not None and version.spec.run.promotion.shadow.enabled


def _asked_for(version: Version) -> bool:
    return version.spec is not None and version.spec.request is not None
