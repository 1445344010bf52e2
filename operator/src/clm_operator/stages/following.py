"""Stages follow the pointer: who lost production is archived, who won it stands there."""

from collections.abc import Sequence

from clm_api.lifecycle import Decision, RequestedStage, Stage
from clm_api.model_version import ModelVersionStatus
from clm_api.reasons import Reason
from clm_api.schedule_status import ProductionStatus, TrainingScheduleStatus
from clm_operator.conditions import stated
from clm_operator.facts import Statuses
from clm_operator.mirror.objects import Version
from clm_operator.stages.candidates import compared, is_behind, overtaken_by
from clm_operator.stages.lifecycle import (
    OPERATOR,
    REPLACED,
    ROLLED_BACK,
    Transition,
    into_production,
    move,
)
from clm_operator.stages.requests import names


def following(status: TrainingScheduleStatus, ended: Sequence[Version]) -> Statuses:
    """Return the moves by which stages catch up with ``status.production``; empty if they have.

    All that is written comes from the schedule's status, so a crash loses nothing.
    """
    production, statuses = status.production, dict[str, ModelVersionStatus]()
    for version in ended:
        there = production is not None and names(production, version)
        if version.status.stage is Stage.PRODUCTION and not there:
            statuses[version.name] = _replaced(version, production)
        elif production is not None and there and (rule := into_production(version.status)):
            ahead = _ahead(version, rule, status, ended)
            statuses[version.name] = _arrived(version, production, rule, _before(status), ahead)
    return statuses


def significant(version: Version) -> bool:
    """Whether the version's Sharpe ratio is more than luck, as far as its run can tell."""
    held = [c for c in version.status.conditions if c.type == "StatisticallySignificant"]
    return any(c.status == "True" for c in held)


def _before(status: TrainingScheduleStatus) -> str | None:
    """Return whom the present production version replaced."""
    last = status.previous[-1] if status.previous else None
    return last.version if last else None


def _ahead(
    version: Version, rule: Transition, status: TrainingScheduleStatus, ended: Sequence[Version]
) -> Version | None:
    """Return whose bars end later, the one that was replaced included; a way back is no news."""
    if rule is ROLLED_BACK:
        return None
    before = [v for v in ended if v.name == _before(status)]
    return overtaken_by(version, ended) or next((v for v in before if is_behind(version, v)), None)


def _replaced(version: Version, production: ProductionStatus | None) -> ModelVersionStatus:
    if production is None:
        at, by, why = version.created, OPERATOR, "its schedule names no production version"
    else:
        at, by = production.since, production.approved_by
        why = f"replaced by {production.version}: {production.reason}"
    return move(version.status, REPLACED, at=at, by=by, reason=why)


def _arrived(
    version: Version,
    production: ProductionStatus,
    rule: Transition,
    replaced: str | None,
    ahead: Version | None,
) -> ModelVersionStatus:
    moved = move(
        version.status,
        rule,
        at=production.since,
        by=production.approved_by,
        reason=production.reason,
    )
    request = version.spec.request if version.spec else None
    asked = (request.by, request.reason) if request else None
    this_one = asked == (production.approved_by, production.reason)
    message = f"in production, replaces {replaced or 'nothing'}"
    if not significant(version):
        message += "; its Sharpe ratio may be luck: see condition StatisticallySignificant"
    if ahead is not None:
        message += f"; {compared(version, ahead)}"
    decision = Decision(
        stage=RequestedStage.PRODUCTION,
        at=production.since,
        by=production.approved_by,
        reason=production.reason,
        replaced=replaced,
        outcome=rule.reason or Reason.PROMOTED,
        message=message,
        observed_generation=version.generation if this_one else 0,
    )
    text = "digested anew when it was asked into production"
    whole = ("ArtifactVerified", True, "DigestsMatch", text)
    moved = moved.model_copy(update={"promotion": decision})
    return stated(moved, production.since, whole)
