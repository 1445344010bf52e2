"""What is told of drift, results, age, fills and positions: once a change, not once a replay."""

from collections.abc import Iterator

from clm_api.conditions import SpecCondition
from clm_api.events import (
    DriftChanged,
    EventData,
    ExecutionChanged,
    PerformanceChanged,
    SignalMade,
    StaleChanged,
)
from clm_api.happening import Happening
from clm_api.reasons import Reason
from clm_api.schedule_status import TrainingScheduleStatus
from clm_api.signal import Signal
from clm_operator.telling.happenings import Kind, happening

_TROUBLE = {"Drifted": "True", "Degraded": "True", "Stale": "True", "Executed": "False"}
"""Which status of a condition is the bad news."""


def watched(before: TrainingScheduleStatus, after: TrainingScheduleStatus) -> Iterator[Happening]:
    """Yield what a schedule's next status makes known of what is in production."""
    was = {c.type: c.status for c in before.conditions}
    for said in after.conditions:
        if said.type in _TROUBLE and _is_news(said, was.get(said.type)):
            kind: Kind = "Warning" if said.status == _TROUBLE[said.type] else "Normal"
            at = said.last_transition_time.timestamp()
            key = f"{said.type.lower()}-{said.status.lower()}-{at:.0f}"
            yield happening(kind, key, _data(said, after))
    if after.signal is not None and after.signal != before.signal:
        yield _signal(after.signal)


def _is_news(said: SpecCondition, was: str | None) -> bool:
    """Whether it became true or false; that a version which just came is fresh is no news."""
    if said.status in ("Unknown", was):
        return False
    return not (said.type == "Stale" and was is None and said.status == "False")


def _data(said: SpecCondition, after: TrainingScheduleStatus) -> EventData:
    production = after.production
    words = {
        "reason": said.reason,
        "message": said.message,
        "version": production.version if production else None,
    }
    match said.type:
        case "Drifted":
            return _drift(words, said, after)
        case "Degraded":
            return _performance(words, said, after)
        case "Executed":
            return _execution(words, said, after)
        case _:
            return StaleChanged.model_validate(words | {"stale": said.status == "True"})


def _drift(
    words: dict[str, str | None], said: SpecCondition, after: TrainingScheduleStatus
) -> EventData:
    drift, drifted = after.drift, said.status == "True"
    found = (
        {"from_": drift.from_, "to": drift.to, "worst": drift.worst, "faults": drift.faults}
        if drift
        else {}
    )
    return DriftChanged.model_validate(words | found | {"drifted": drifted})


def _performance(
    words: dict[str, str | None], said: SpecCondition, after: TrainingScheduleStatus
) -> EventData:
    done, degraded = after.performance, said.status == "True"
    names = ("cause", "sharpe", "promised_sharpe", "drawdown")
    found = {name: getattr(done, name) for name in names} if done else {}
    return PerformanceChanged.model_validate(words | found | {"degraded": degraded})


def _execution(
    words: dict[str, str | None], said: SpecCondition, after: TrainingScheduleStatus
) -> EventData:
    done = after.production.execution if after.production else None
    names = ("unexplained", "missed", "shortfall_bps")
    found = {name: getattr(done, name) for name in names} if done else {}
    return ExecutionChanged.model_validate(words | found | {"short": said.status == "False"})


def _signal(made: Signal) -> Happening:
    """Tell positions to bots; there is no Kubernetes event of them."""
    held = ", ".join(f"{one.symbol} {one.position:g}" for one in made.positions)
    whose = made.version or "nothing is in production"
    until = f"{made.valid_until.timestamp():.0f}" if made.valid_until else "next"
    key = f"signal-{made.version or 'none'}-{made.decided_at.timestamp():.0f}-{until}"
    data = SignalMade(reason=Reason.SIGNAL, message=f"{whose}: {held}", **dict(made))
    return happening("Normal", key, data).having(told=["events"])
