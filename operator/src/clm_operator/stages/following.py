"""Stages follow the pointer: who lost production is archived, who won it stands there."""

from collections.abc import Sequence
from dataclasses import dataclass

from clm_api.lifecycle import Decision, RequestedStage, Stage
from clm_api.reasons import Reason
from clm_api.schedule_status import (
    HaltedStatus,
    ProductionStatus,
    TrainingScheduleStatus,
)
from clm_operator.changes import Change, Changes, Move, Transition
from clm_operator.mirror.objects import Version
from clm_operator.stages.candidates import compared, is_behind, overtaken_by
from clm_operator.stages.lifecycle import (
    HALTED,
    OPERATOR,
    REPLACED,
    RESUMED,
    ROLLED_BACK,
    STOOD_DOWN,
    into_production,
)
from clm_operator.stages.requests import names


def following(status: TrainingScheduleStatus, ended: Sequence[Version]) -> Changes:
    """Return the moves by which stages catch up with ``status.production``; empty if they have.

    All that is written comes from the schedule's status, so a crash loses nothing.
    """
    production, halted, changes = status.production, status.halted, Changes()
    for version in ended:
        there = production is not None and names(production, version)
        if version.status.stage is Stage.PRODUCTION and not there:
            left = halted is not None and halted.version == version.name
            gone = _halted(version, halted) if halted and left else _replaced(version, production)
            changes[version.name] = gone
        elif production is not None and there and (rule := into_production(version.status)):
            before = _before(status)
            arrival = Arrival(version, production, _resumed(status, version) or rule, before)
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
    """Return whom the present production version replaced; None where production was empty."""
    last = status.previous[-1] if status.previous else None
    return last.version if last and last.emptied is None else None


def _resumed(status: TrainingScheduleStatus, version: Version) -> Transition | None:
    """Return the rule by which the version that production was emptied of comes again."""
    last = status.previous[-1] if status.previous else None
    again = last is not None and last.emptied is not None and last.version == version.name
    return RESUMED if again and version.status.stage is Stage.ARCHIVED else None


def _ahead(arrival: Arrival, ended: Sequence[Version]) -> Version | None:
    """Return whose bars end later, the one that was replaced included; a way back is no news."""
    if arrival.rule in (ROLLED_BACK, RESUMED):
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


def _halted(version: Version, halted: HaltedStatus) -> Change:
    """Archive what was in production, and record the request that asked for it."""
    rule = STOOD_DOWN if halted.by == OPERATOR else HALTED
    decision = Decision(
        stage=RequestedStage.ARCHIVED,
        at=halted.since,
        by=halted.by,
        reason=halted.reason,
        replaced=version.name,
        outcome=rule.reason or Reason.HALTED,
        message="production is empty: bots hold nothing",
        observed_generation=_answers(version, halted.by, halted.reason),
    )
    status = version.status.having(promotion=decision)
    return Change(status, halted.since, Move(rule, halted.since, halted.by, halted.reason))


def _answers(version: Version, by: str, reason: str) -> int:
    """Return the generation of the request that asked for a move; 0 where it is another's."""
    request = version.spec.request if version.spec else None
    asked = request is not None and (request.by, request.reason) == (by, reason)
    return version.generation if asked else 0


def _arrived(arrival: Arrival, ahead: Version | None) -> Change:
    version, production, rule = arrival.version, arrival.production, arrival.rule
    at, by, reason = production.since, production.approved_by, production.reason
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
        observed_generation=_answers(version, by, reason),
    )
    text = "digested anew when it was asked into production"
    whole = ("ArtifactVerified", True, "DigestsMatch", text)
    status = version.status.having(promotion=decision)
    return Change(status, at, Move(rule, at, by, reason), (whole,))
