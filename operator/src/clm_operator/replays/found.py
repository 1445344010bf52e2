"""What the newest replay found of the version in production, laid into its schedule's status.

It counts for the very stay in production that the replay was told of. What a report does not say,
for its trainer is of another release, stays as it is.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, TypeVar

from clm_api.drift import DriftFinding, DriftStatus
from clm_api.model_version import MONITORED, TriggerType
from clm_api.monitoring import DriftMode, PerformanceMode
from clm_api.performance import PerformanceFinding, PerformanceStatus
from clm_api.replay import Contender, ReplayReport
from clm_api.schedule_status import HaltedStatus, ProductionStatus, TrainingScheduleStatus
from clm_api.signal import Signal, SymbolPosition
from clm_api.symbols import canonical
from clm_api.timing import floor_to
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.facts import Facts

_MOST_POSITIONS = 50
"""Of a signal."""
_S = TypeVar("_S", DriftStatus, PerformanceStatus)


def found(
    facts: Facts, after: TrainingScheduleStatus, report: ReplayReport | None
) -> Mapping[str, Any]:
    """Return fields of the schedule's next status.

    Parameters
    ----------
    after
        That status but for these fields.
    report
        Of a replay that ends in this round.
    """
    retrained = {"retrained": _retrained(facts, MONITORED, after.retrained)}
    production, spec = after.production, facts.schedule.spec
    if production is None:
        signal = _flat(facts, after.halted)
        return retrained | {"drift": None, "performance": None, "signal": signal}
    if not _is_the_same(facts.champion, production):
        return retrained | {"drift": None, "performance": None, "signal": None}
    if spec is None:
        return retrained
    told = report if report is not None and report.task.champion == facts.champion else None
    return retrained | {
        "drift": _drift(facts, spec, told.drift if told else None, production),
        "performance": _performance(facts, spec, told.performance if told else None, production),
        "signal": _signal(facts, told) or facts.schedule.status.signal,
        "production": _executed(spec, production, told),
    }


def _is_the_same(champion: Contender | None, production: ProductionStatus) -> bool:
    """Whether no other version comes into production in this round."""
    there = (production.version, production.since)
    return champion is not None and (champion.version, champion.since) == there


def _drift(
    facts: Facts,
    spec: TrainingScheduleSpec,
    finding: DriftFinding | None,
    production: ProductionStatus,
) -> DriftStatus | None:
    if spec.monitoring.drift.mode is DriftMode.OFF:
        return None
    known = facts.schedule.status.drift
    return _laid(facts, production, TriggerType.DRIFT, known, finding, DriftStatus)


def _performance(
    facts: Facts,
    spec: TrainingScheduleSpec,
    finding: PerformanceFinding | None,
    production: ProductionStatus,
) -> PerformanceStatus | None:
    if spec.monitoring.performance.mode is PerformanceMode.OFF:
        return None
    known = facts.schedule.status.performance
    return _laid(facts, production, TriggerType.PERFORMANCE, known, finding, PerformanceStatus)


def _laid(
    facts: Facts,
    production: ProductionStatus,
    trigger: TriggerType,
    known: _S | None,
    finding: DriftFinding | PerformanceFinding | None,
    kind: type[_S],
) -> _S | None:
    """Lay a finding over what is known; ``since`` stays while the verdict does.

    Parameters
    ----------
    trigger
        Of the runs that such a finding asks for.
    """
    newest = facts.newest
    if finding is not None and newest is not None and finding.version == production.version:
        stays = known is not None and known.verdict is finding.verdict
        since = known.since if known is not None and stays else newest.slot
        before = known.retrained if known else None
        known = kind(**dict(finding), slot=newest.slot, since=since, retrained=before)
    if known is None:
        return None
    asked = _retrained(facts, (trigger,), known.retrained, production.since)
    return known.having(retrained=asked)


def _executed(
    spec: TrainingScheduleSpec, production: ProductionStatus, told: ReplayReport | None
) -> ProductionStatus:
    if not spec.data.own_trades:
        return production.having(execution=None)
    if told is None or told.execution is None:
        return production
    return production.having(execution=told.execution)


def _signal(facts: Facts, told: ReplayReport | None) -> Signal | None:
    """Return the champion's newest positions, unless they claim to be of a time to come."""
    champion, newest = facts.champion, facts.newest
    made = told.signal if told else None
    if made is None or champion is None or newest is None:
        return None
    if (made.version, made.sha256) != (champion.version, champion.sha256):
        return None
    return made if made.decided_at <= newest.slot else None


def _flat(facts: Facts, halted: HaltedStatus | None) -> Signal | None:
    """Return what bots hold while production is empty: nothing; None where it was never filled."""
    if halted is None:
        return None
    known, spec = facts.schedule.status.signal, facts.schedule.spec
    if known is not None and (known.version, known.decided_at) == (None, halted.since):
        return known
    # What was to be held is named whatever the schedule trades by now, and as a version names it.
    held = [p.symbol for p in known.positions] if known else []
    traded = [canonical(s, spec.data.market) for s in spec.data.symbols] if spec else []
    symbols = list(dict.fromkeys([*held, *traded]))[:_MOST_POSITIONS]
    flat = [SymbolPosition(symbol=symbol, position=0) for symbol in symbols]
    return Signal(decided_at=halted.since, positions=flat)


def _retrained(
    facts: Facts,
    triggers: Collection[TriggerType],
    known: datetime | None,
    since: datetime | None = None,
) -> datetime | None:
    """Return when a run was last asked for by one of some triggers: versions tell it too."""
    specs = (v.spec for v in facts.versions if v.spec is not None)
    asked = (s.slot for s in specs if s.trigger.type in triggers)
    begun = (at for at in asked if since is None or at >= floor_to(since, 60))
    return max(filter(None, (known, *begun)), default=None)
