"""What a schedule's status says in figures: one line in ``GAUGES`` each, none by version.

What goes wrong is beside it, in ``TROUBLES``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from clm_api.execution import ExecutionStatus
from clm_api.schedule_status import TrainingScheduleStatus
from clm_operator.mirror.objects import ScheduleObject
from clm_operator.telling.trouble_gauges import TROUBLES
from clm_operator.view import View

Figure = float | None
"""None: there is nothing to show."""


@dataclass(frozen=True)
class Gauge:
    """A figure of a schedule: its name, what it says, and how it is found."""

    name: str
    says: str
    of: Callable[[TrainingScheduleStatus], Figure]


def figures_of(view: View, schedule: ScheduleObject) -> tuple[Figure, ...]:
    """Return the values of ``GAUGES``, then those of ``TROUBLES``."""
    said = (gauge.of(schedule.status) for gauge in GAUGES)
    return (*said, *(trouble.of(schedule, view.versions) for trouble in TROUBLES))


def named() -> Iterator[tuple[str, str]]:
    """Yield names and texts of the figures in their order."""
    yield from ((one.name, one.says) for one in (*GAUGES, *TROUBLES))


def _since(status: TrainingScheduleStatus) -> Figure:
    production = status.production
    return None if production is None else production.since.timestamp()


def _is(kind: str, value: str) -> Callable[[TrainingScheduleStatus], Figure]:
    """Return whether a condition is True or False; of one that is not there nothing is shown."""

    def found(status: TrainingScheduleStatus) -> Figure:
        return next((float(c.status == value) for c in status.conditions if c.type == kind), None)

    return found


def _drift_ratio(status: TrainingScheduleStatus) -> Figure:
    drift = status.drift
    return drift.statistic / drift.limit if drift and drift.statistic and drift.limit else None


def _execution(
    figure: Callable[[ExecutionStatus], Figure],
) -> Callable[[TrainingScheduleStatus], Figure]:
    def found(status: TrainingScheduleStatus) -> Figure:
        execution = status.production.execution if status.production else None
        return None if execution is None else figure(execution)

    return found


def _valid_until(status: TrainingScheduleStatus) -> Figure:
    until = status.signal.valid_until if status.signal else None
    return None if until is None else until.timestamp()


GAUGES = (
    Gauge(
        "clm_production_since_timestamp_seconds",
        "Unix time at which the version in production came there.",
        _since,
    ),
    Gauge("clm_drift", "1 while the market has drifted, else 0.", _is("Drifted", "True")),
    Gauge(
        "clm_drift_statistic_ratio", "Largest drift statistic, as a share of its limit.",
        _drift_ratio,
    ),
    Gauge("clm_degraded", "1 while the version in production is degraded, else 0.",
          _is("Degraded", "True")),
    Gauge("clm_stale", "1 while the version in production is stale, else 0.",
          _is("Stale", "True")),
    Gauge("clm_execution_short", "1 while the account's fills are not what was decided, else 0.",
          _is("Executed", "False")),
    Gauge("clm_execution_shortfall_bps", "How much worse fills were than their bars' opens.",
          _execution(lambda found: found.shortfall_bps)),
    Gauge("clm_execution_unexplained_fills", "Fills that no decision explains.",
          _execution(lambda found: found.unexplained)),
    Gauge("clm_execution_missed_decisions", "Decisions without a fill.",
          _execution(lambda found: found.missed)),
    Gauge("clm_signal_valid_until_timestamp_seconds",
          "Unix time until which the newest positions are to be followed.", _valid_until),
)  # fmt: skip
