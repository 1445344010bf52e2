"""Runs that monitoring asks for: at most one a cooldown, whatever for, and none beside another.

Such a run waits while another one is active. None is asked for while the schedule is suspended, or
while a version that knows the trouble waits as CANDIDATE or SHADOW: its bars reach it, or it was
made since. Of bars that have stopped no run would see more.
"""

from dataclasses import dataclass
from datetime import datetime

from clm_api.drift import DriftStatus, DriftVerdict
from clm_api.lifecycle import Stage
from clm_api.model_version import MONITORED, Trigger, TriggerType
from clm_api.monitoring import DriftMode, PerformanceMode, StaleMode
from clm_api.performance import PerformanceVerdict
from clm_api.reasons import Reason
from clm_api.timing import TIMEFRAME_SECONDS, duration, floor_to
from clm_operator.facts import Facts, Plausible
from clm_operator.mirror.objects import Version
from clm_operator.names import monitored_version
from clm_operator.slots.ask import Ask, Asked

_WAITING = (Stage.CANDIDATE, Stage.SHADOW)


@dataclass(frozen=True)
class Trouble:
    """What a new version is wanted for.

    Parameters
    ----------
    since
        Since when.
    """

    trigger: TriggerType
    since: datetime
    reason: str


def the_market_has_drifted(facts: Facts, plausible: Plausible) -> Asked:
    """Drift asks for a run where spec.monitoring.drift.mode is Retrain."""
    drift = facts.schedule.status.drift
    wanted = plausible.spec.monitoring.drift.mode is DriftMode.RETRAIN
    if not wanted or drift is None or drift.verdict is not DriftVerdict.DRIFTED:
        return Asked()
    return _asked(facts, plausible, Trouble(TriggerType.DRIFT, drift.since, drift_words(drift)))


def results_are_degraded(facts: Facts, plausible: Plausible) -> Asked:
    """Results ask for a run where spec.monitoring.performance.mode is Retrain."""
    found = facts.schedule.status.performance
    wanted = plausible.spec.monitoring.performance.mode is PerformanceMode.RETRAIN
    if not wanted or found is None or found.verdict is not PerformanceVerdict.DEGRADED:
        return Asked()
    words = f"{found.version} is degraded ({found.cause or 'its results'}): {found.message}"
    return _asked(facts, plausible, Trouble(TriggerType.PERFORMANCE, found.since, words))


def production_is_stale(facts: Facts, plausible: Plausible) -> Asked:
    """Age, or bars that stopped, ask for a run where spec.monitoring.onStale is Retrain."""
    said = next((c for c in facts.schedule.status.conditions if c.type == "Stale"), None)
    wanted = plausible.spec.monitoring.on_stale is StaleMode.RETRAIN
    if not wanted or said is None or (said.status, said.reason) != ("True", Reason.STALE):
        return Asked()
    trouble = Trouble(TriggerType.STALE, said.last_transition_time, said.message)
    return _asked(facts, plausible, trouble)


def drift_words(drift: DriftStatus) -> str:
    """Return what has drifted: the window, and the worst features with their figures."""
    window = (
        f", the newest {drift.from_:%Y-%m-%d %H:%M} to {drift.to:%Y-%m-%d %H:%M} UTC"
        if drift.from_ and drift.to
        else ""
    )
    words = [f"{fault.symbol}: {fault.kind}" for fault in drift.faults[:3]]
    if drift.of:
        counts = f"{drift.exceeded} of {drift.of} windows of {drift.window_bars} bars"
        words.append(f"{counts} differ{window}")
    if drift.statistic is not None and drift.limit is not None:
        words.append(f"statistic {drift.statistic:.3g}, limit {drift.limit:.3g}")
    words += [
        f"{one.name} {one.statistic:.3g} (psi {one.psi:.3g}, ks {one.ks:.3g})"
        for one in drift.worst
    ]
    return f"{drift.version} does not know this market: " + "; ".join(words)


def _asked(facts: Facts, plausible: Plausible, trouble: Trouble) -> Asked:
    """Ask for a run, or say when it may be asked for."""
    spec, status = plausible.spec, facts.schedule.status
    if spec.suspend or facts.champion is None or _is_known(facts, trouble):
        return Asked()
    last = max(filter(None, (status.retrained, _newest(facts))), default=None)
    due = trouble.since
    if last is not None:
        due = max(due, last + duration(spec.monitoring.cooldown))
    if due > facts.now:
        return Asked(wake_at=due)
    slot = floor_to(facts.now, 60)
    name = monitored_version(facts.schedule.name, trouble.trigger, due)
    trigger = Trigger(type=trouble.trigger, reason=trouble.reason)
    called = f"the run that monitoring asks for ({trouble.trigger})"
    return Asked(Ask(name, slot, trigger, called, waits=True, settles={"retrained": slot}))


def _newest(facts: Facts) -> datetime | None:
    """Return the slot of the newest run that monitoring asked for."""
    specs = (v.spec for v in facts.versions if v.spec is not None)
    asked = (s.slot for s in specs if s.trigger.type in MONITORED)
    return max(asked, default=None)


def _is_known(facts: Facts, trouble: Trouble) -> bool:
    """Whether a version that waits has seen the trouble, as far as there are bars of it.

    One whose bars end before another's has not: Automatic passes it over.
    """
    waiting = [v for v in facts.ended if v.status.stage in _WAITING]
    if any(_reaches(version, trouble.since) for version in waiting):
        return True
    since = (v for v in waiting if v.created >= trouble.since)
    return any(version.status.reason != Reason.DATA_BEHIND for version in since)


def _reaches(version: Version, time: datetime) -> bool:
    data, spec = version.status.data, version.spec
    if data is None or spec is None:
        return False
    return data.to >= floor_to(time, TIMEFRAME_SECONDS[spec.run.data.timeframe])
