"""Stages follow the pointer: who lost production is archived, who won it stands there."""

from collections.abc import Sequence
from dataclasses import dataclass

from clm_api.lifecycle import Decision, RequestedStage, Stage
from clm_api.reasons import Reason
from clm_api.schedule_status import ProductionStatus, TrainingScheduleStatus
from clm_operator.changes import Change, Changes, Move, Transition
from clm_operator.mirror.objects import Version
from clm_operator.stages.candidates import compared, is_behind, overtaken_by
from clm_operator.stages.lifecycle import OPERATOR, REPLACED, ROLLED_BACK, into_production
from clm_operator.stages.requests import names


def following(status: TrainingScheduleStatus, ended: Sequence[Version]) -> Changes:
    """Return the moves by which stages catch up with ``status.production``; empty if they have.

    All that is written comes from the schedule's status, so a crash loses nothing.
    """
    production, changes = status.production, Changes()
    for version in ended:
        there = production is not None and names(production, version)
        if version.status.stage is Stage.PRODUCTION and not there:
            changes[version.name] = _replaced(version, production)
        elif production is not None and there and (rule := into_production(version.status)):
            arrival = Arrival(version, production, rule, _before(status))
            changes[version.name] = _arrived(arrival, _ahead(arrival, ended))
    return changes


@dataclass(frozen=True)
class Arrival:
    """A version that the pointer names and that does not stand there yet.

    Parameters
    ----------
    replaced
        Whom it replaced.
    """

    version: Version
    production: ProductionStatus
    rule: Transition
    replaced: str | None


def _before(status: TrainingScheduleStatus) -> str | None:
    """Return whom the present production version replaced."""
    last = status.previous[-1] if status.previous else None
    return last.version if last else None


def _ahead(arrival: Arrival, ended: Sequence[Version]) -> Version | None:
    """Return whose bars end later, the one that was replaced included; a way back is no news."""
    if arrival.rule is ROLLED_BACK:
        return None
    version, before = arrival.version, [v for v in ended if v.name == arrival.replaced]
    return overtaken_by(version, ended) or next((v for v in before if is_behind(version, v)), None)


def _replaced(version: Version, production: ProductionStatus | None) -> Change:
    if production is None:
        at, by, why = version.created, OPERATOR, "its schedule names no production version"
    else:
        at, by = production.since, production.approved_by
        why = f"replaced by {production.version}: {production.reason}"
    return Change(version.status, at, Move(REPLACED, at, by, why))


def _arrived(arrival: Arrival, ahead: Version | None) -> Change:
    version, production, rule = arrival.version, arrival.production, arrival.rule
    at, by, reason = production.since, production.approved_by, production.reason
    request = version.spec.request if version.spec else None
    asked = (request.by, request.reason) if request else None
    message = f"in production, replaces {arrival.replaced or 'nothing'}"
    if not version.is_significant:
        message += "; its Sharpe ratio may be luck: see condition StatisticallySignificant"
    if ahead is not None:
        message += f"; {compared(version, ahead)}"
    decision = Decision(
        stage=RequestedStage.PRODUCTION,
        at=at,
        by=by,
        reason=reason,
        replaced=arrival.replaced,
        outcome=rule.reason or Reason.PROMOTED,
        message=message,
        observed_generation=version.generation if asked == (by, reason) else 0,
    )
    text = "digested anew when it was asked into production"
    whole = ("ArtifactVerified", True, "DigestsMatch", text)
    status = version.status.having(promotion=decision)
    return Change(status, at, Move(rule, at, by, reason), (whole,))
