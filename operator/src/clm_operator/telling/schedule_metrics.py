"""What Prometheus sees of each schedule, kept in little room: thousands of them are scraped.

A counter whose labels are known beforehand is there at 0 from a schedule's first sight on: one that
is born with its first event has no increase. Zeros are shown and not kept.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from clm_api.lifecycle import Stage
from clm_api.model_version import Phase
from clm_api.reasons import Reason
from clm_operator.mirror.objects import Key, ScheduleObject
from clm_operator.telling.schedule_gauges import Figure, figures_of, named
from clm_operator.view import View

RUN_OUTCOMES = (Stage.CANDIDATE, Stage.REJECTED, Stage.FAILED)
DECISIONS = (
    Reason.PROMOTED,
    Reason.ROLLED_BACK,
    Reason.HALTED,
    Reason.STOOD_DOWN,
    Reason.SHADOW_STARTED,
    Reason.ARCHIVED,
    Reason.PROMOTION_REFUSED,
    Reason.PROMOTION_CONFLICT,
    Reason.ARTIFACT_CORRUPT,
)
"""What can become of a request for a stage."""
REFUSALS = (
    Reason.ADMISSION_DENIED,
    Reason.ADMISSION_UNAVAILABLE,
    Reason.QUOTA_PENDING,
    Reason.STORAGE_DENIED,
    Reason.STORAGE_UNAVAILABLE,
)
"""Why something that is due can't be made for now."""
_KEPT = 100
Counts = dict[tuple[str, ...], float]


@dataclass(slots=True)
class _Row:
    """One schedule; its uid is empty before it was seen."""

    uid: str = ""
    families: tuple[str, ...] = ()
    runs: Counts = field(default_factory=dict)
    promotions: Counts = field(default_factory=dict)
    held: Counts = field(default_factory=dict)
    preemptions: int = 0
    failures: frozenset[tuple[datetime, str]] = frozenset()
    """Ends and names of the runs that have failed since one succeeded, retired ones too."""
    figures: tuple[Figure, ...] = ()
    """In the order of their names; empty before it was seen."""


class ScheduleMetrics:
    """Figures by schedule, which go when the schedule does."""

    def __init__(self) -> None:
        self._rows: dict[Key, _Row] = {}
        self._shown = True

    def seen(self, view: View, schedule: ScheduleObject) -> None:
        """Show a schedule; one that was made again begins anew."""
        row = self._rows.get(view.key)
        if row is None or row.uid not in ("", schedule.uid):
            row = self._rows[view.key] = _Row()
        row.uid, row.figures = schedule.uid, figures_of(view, schedule)
        row.failures = _failures(row.failures, view, schedule)
        family = None if schedule.spec is None else str(schedule.spec.model.family)
        if family is not None and family not in row.families:
            row.families = (*row.families, family)

    def forget(self, key: Key) -> None:
        """Forget a schedule that is gone."""
        self._rows.pop(key, None)

    def show(self, *, shown: bool) -> None:
        """Show schedules, or none while another process works."""
        self._shown = shown

    def run(self, key: Key, family: str, outcome: str) -> None:
        """Count an ended run."""
        _count(self._row(key).runs, (family, outcome))

    def promotion(self, key: Key, outcome: str) -> None:
        """Count a decided request."""
        _count(self._row(key).promotions, (outcome,))

    def held(self, key: Key, reason: str) -> None:
        """Count a refused try."""
        _count(self._row(key).held, (reason,))

    def preempted(self, key: Key, times: int) -> None:
        """Count how often a run has lost its place in a queue."""
        self._row(key).preemptions += times

    def collect(self) -> Iterator[Metric]:
        """Yield all figures; called by another thread than the one that counts."""
        rows = list(self._rows.items()) if self._shown else []
        yield _counter(
            "clm_runs_total", "Ended runs.", ("family", "outcome"),
            ((key, _zeros(row, row.families, RUN_OUTCOMES) | dict(row.runs)) for key, row in rows),
        )  # fmt: skip
        yield _counter(
            "clm_promotions_total", "Decided requests for a stage, refused ones too.", ("outcome",),
            ((key, _zeros(row, DECISIONS) | dict(row.promotions)) for key, row in rows),
        )  # fmt: skip
        yield _counter(
            "clm_held_back_total", "Refused tries to make a version, a Job or its keys.",
            ("reason",), ((key, _zeros(row, REFUSALS) | dict(row.held)) for key, row in rows),
        )  # fmt: skip
        yield _counter(
            "clm_preemptions_total", "Runs that lost their place in a queue to another.", (),
            ((key, {(): float(row.preemptions)}) for key, row in rows if row.uid),
        )  # fmt: skip
        yield _gauge(
            "clm_failed_runs_in_a_row",
            "Runs that have failed since one succeeded, up to 100.",
            ((key, len(row.failures)) for key, row in rows if row.uid),
        )
        for place, (name, text) in enumerate(named()):
            values = ((key, row.figures[place]) for key, row in rows if row.figures)
            yield _gauge(name, text, values)

    def describe(self) -> Iterable[Metric]:
        """Name nothing: a registry that collects in order to learn the names is not needed."""
        return ()

    def _row(self, key: Key) -> _Row:
        return self._rows.setdefault(key, _Row())


def _failures(
    known: frozenset[tuple[datetime, str]], view: View, schedule: ScheduleObject
) -> frozenset[tuple[datetime, str]]:
    """Return the failures since the last success: retention removes versions that count."""
    failed = [v for v in view.versions if v.status.phase is Phase.FAILED]
    found = {(v.status.completion_time or v.created, v.name) for v in failed} | known
    success = schedule.status.last_successful_time
    return frozenset(sorted(one for one in found if success is None or one[0] > success)[-_KEPT:])


def _count(counts: Counts, labels: tuple[str, ...]) -> None:
    counts[labels] = counts.get(labels, 0) + 1


def _zeros(row: _Row, *labels: Iterable[str]) -> Counts:
    if not row.uid:
        return {}
    found: list[tuple[str, ...]] = [()]
    for names in labels:
        found = [(*before, str(name)) for before in found for name in names]
    return dict.fromkeys(found, 0.0)


def _counter(
    name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[Key, Counts]]
) -> Metric:
    made = CounterMetricFamily(name, text, labels=("namespace", "schedule", *labels))
    for key, counts in rows:
        for values, count in counts.items():
            made.add_metric((key.namespace, key.name, *values), count)
    return made


def _gauge(name: str, text: str, rows: Iterable[tuple[Key, Figure]]) -> Metric:
    made = GaugeMetricFamily(name, text, labels=("namespace", "schedule"))
    for key, value in rows:
        if value is not None:
            made.add_metric((key.namespace, key.name), value)
    return made
