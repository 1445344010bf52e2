"""What Prometheus sees of the sinks that events go to."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from clm_api.happening import Sink

Waiting = Callable[[], tuple[int, float | None]]
"""How many events wait, and the Unix time of the oldest."""


@dataclass(slots=True)
class _Row:
    waiting: Waiting
    up: bool | None = None
    told: int = 0
    refused: int = 0
    failures: int = 0


class SinkMetrics:
    """Figures by sink: those that are set, counters from 0 on."""

    def __init__(self) -> None:
        self._rows: dict[Sink, _Row] = {}
        self._shown = True

    def set(self, sink: Sink, waiting: Waiting) -> None:
        """Show a sink."""
        self._rows[sink] = _Row(waiting)

    def show(self, *, shown: bool) -> None:
        """Show how sinks are, or not while another process works."""
        self._shown = shown

    def told(self, sink: Sink) -> None:
        """Count an event that was taken."""
        self._rows[sink].told += 1
        self._rows[sink].up = True

    def refused(self, sink: Sink) -> None:
        """Count an event that a sink will never take."""
        self._rows[sink].refused += 1
        self._rows[sink].up = True

    def failed(self, sink: Sink) -> None:
        """Count a try that failed: the sink is away."""
        self._rows[sink].failures += 1
        self._rows[sink].up = False

    def collect(self) -> Iterator[Metric]:
        """Yield all figures; called by another thread than the one that counts."""
        rows = list(self._rows.items())
        yield _counter("clm_events_told_total", "Events that a sink has taken.",
                       ((sink, row.told) for sink, row in rows))  # fmt: skip
        yield _counter("clm_events_refused_total", "Events that a sink will never take.",
                       ((sink, row.refused) for sink, row in rows))  # fmt: skip
        yield _counter("clm_sink_failures_total", "Tries to tell an event that failed.",
                       ((sink, row.failures) for sink, row in rows))  # fmt: skip
        found = [(sink, row, *row.waiting()) for sink, row in rows] if self._shown else []
        yield _gauge("clm_sink_up", "1 where the newest try was answered, 0 where it failed.",
                     ((sink, row.up) for sink, row, _, _ in found))  # fmt: skip
        yield _gauge("clm_events_waiting", "Events that a sink does not know yet.",
                     ((sink, count) for sink, _, count, _ in found))  # fmt: skip
        yield _gauge("clm_events_waiting_since_timestamp_seconds",
                     "Unix time of the oldest event that waits for a sink.",
                     ((sink, oldest) for sink, _, _, oldest in found))  # fmt: skip

    def describe(self) -> Iterable[Metric]:
        """Name nothing: a registry that collects in order to learn the names is not needed."""
        return ()


def _counter(name: str, text: str, rows: Iterable[tuple[Sink, int]]) -> Metric:
    made = CounterMetricFamily(name, text, labels=("sink",))
    for sink, value in rows:
        made.add_metric((sink,), value)
    return made


def _gauge(name: str, text: str, rows: Iterable[tuple[Sink, float | None]]) -> Metric:
    made = GaugeMetricFamily(name, text, labels=("sink",))
    for sink, value in rows:
        if value is not None:
            made.add_metric((sink,), float(value))
    return made
