"""What follows where the version in production is degraded: the version before it, or nothing."""

from collections.abc import Iterable, Sequence

from clm_api.conditions import says
from clm_api.lifecycle import RequestedStage
from clm_api.monitoring import PerformanceMode
from clm_api.performance import PerformanceStatus, PerformanceVerdict
from clm_api.production import way_back
from clm_api.promotion import PromotionMode
from clm_api.reasons import Reason
from clm_api.schedule_status import TrainingScheduleStatus
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.facts import Want
from clm_operator.mirror.objects import ScheduleObject, Version
from clm_operator.stages.lifecycle import OPERATOR, into_production
from clm_operator.stages.requests import names


def wanted(schedule: ScheduleObject, ended: Sequence[Version]) -> Want | None:
    """Return what ``monitoring.performance.mode`` wants; mode DryRun moves nothing.

    Parameters
    ----------
    ended
        Versions whose run has ended.
    """
    spec = schedule.spec
    if spec is None or spec.promotion.mode is PromotionMode.DRY_RUN:
        return None
    return _wanted(schedule.status, spec.monitoring.performance.mode, ended)


def would(
    spec: TrainingScheduleSpec, status: TrainingScheduleStatus, ended: Sequence[Version]
) -> str:
    """Say what would follow but for mode DryRun; empty where nothing would."""
    if spec.promotion.mode is not PromotionMode.DRY_RUN:
        return ""
    want = _wanted(status, spec.monitoring.performance.mode, ended)
    if want is None:
        return ""
    if want.stage is RequestedStage.PRODUCTION:
        return f" · DryRun: nothing is done; else {want.version.name} would be rolled back to"
    return " · DryRun: nothing is done; else production would be emptied"


def degraded(status: TrainingScheduleStatus) -> PerformanceStatus | None:
    """Return the verdict that the version in production is degraded; of this time in production.

    One that is promoted again begins anew: a replay up to then says nothing of it.
    """
    found, production = status.performance, status.production
    if found is None or production is None or found.verdict is not PerformanceVerdict.DEGRADED:
        return None
    this = found.version == production.version and found.slot > production.since
    return found if this else None


def _wanted(
    status: TrainingScheduleStatus, mode: PerformanceMode, ended: Sequence[Version]
) -> Want | None:
    found, production = degraded(status), status.production
    there = (v for v in ended if production is not None and names(production, v))
    if found is None or (present := next(there, None)) is None:
        return None
    if mode is PerformanceMode.STAND_DOWN:
        return Want(present, RequestedStage.ARCHIVED, OPERATOR, _cause(found))
    if mode is not PerformanceMode.ROLLBACK:
        return None
    before = {v.name: v for v in ended}
    way = [before[name] for name in way_back(status) if name in before]
    sound = [v for v in way if not _is_corrupt(v)]
    why = "; ".join((_cause(found), *_passed_over(way, sound)))
    if target := next((v for v in sound if _can_return(v)), None):
        return Want(target, RequestedStage.PRODUCTION, OPERATOR, why)
    return Want(
        present, RequestedStage.ARCHIVED, OPERATOR, f"{why}; there is no version to go back to"
    )


def _can_return(version: Version) -> bool:
    return version.status.artifact is not None and into_production(version.status) is not None


def _is_corrupt(version: Version) -> bool:
    """Whether its files were found to differ; a person's promotion looks at them anew."""
    return says(version.status.conditions, "ArtifactVerified", "False", Reason.ARTIFACT_CORRUPT)


def _passed_over(way: Iterable[Version], sound: Iterable[Version]) -> tuple[str, ...]:
    left_out = ", ".join(v.name for v in way if v not in sound)
    return (f"passed over for files that differ: {left_out}",) if left_out else ()


def _cause(found: PerformanceStatus) -> str:
    """Say which rule speaks against a version, with its figures."""
    figures = (
        ("sharpe", found.sharpe, "promised", found.promised_sharpe),
        ("shortfall", found.cusum, "at most", found.cusum_limit),
        ("drawdown", found.drawdown, "at most", found.max_drawdown),
    )
    said = [
        f"{name} {value:z.3g}" + ("" if limit is None else f", {word} {limit:z.3g}")
        for name, value, word, limit in figures
        if value is not None
    ]
    by = f" ({found.cause})" if found.cause else ""
    return "; ".join((f"{found.version} is degraded{by} after {found.bars} bars", *said))
