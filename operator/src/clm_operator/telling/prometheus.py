"""What Prometheus sees."""

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from clm_api.conditions import says
from clm_api.model_version import ModelVersionStatus, Phase
from clm_api.reasons import Reason
from clm_operator.mirror.objects import Key, Version
from clm_operator.slots.ask import Ask
from clm_operator.telling.schedule_metrics import ScheduleMetrics
from clm_operator.telling.simulation_metrics import SimulationMetrics
from clm_operator.telling.sink_metrics import SinkMetrics
from clm_operator.view import View

RECONCILED = ("TrainingSchedule", "Simulation")
RESULTS = ("ok", "busy", "error")
MESSAGES = ("asked", "repeated", "waiting", "dead")
_VERBS = ("GET", "POST", "PATCH", "DELETE")


class Metrics:
    """The operator's metrics in a registry of their own.

    No labels per version; what is labelled by a schedule goes when the schedule does. A counter
    whose labels are known beforehand is there at 0 before its first event: one that is born with
    it has no increase.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._schedules = ScheduleMetrics()
        registry.register(self._schedules)
        self.simulations = SimulationMetrics(registry)
        self.sinks = SinkMetrics()
        registry.register(self.sinks)
        self._lateness = Histogram(
            "clm_schedule_lateness_seconds",
            "Time from a slot to the creation of its version.",
            registry=registry,
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
        )
        self._duration = Histogram(
            "clm_run_duration_seconds",
            "Time from a run's first pod to its end.",
            ("family",),
            registry=registry,
            buckets=(5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200),
        )
        self._unserved = Gauge(
            "clm_namespace_unserved",
            "1 while a watched namespace refuses the operator.",
            ("namespace",),
            registry=registry,
        )
        self._reconciles = Counter(
            "clm_reconcile_total", "Reconciled keys.", ("kind", "result"), registry=registry
        )
        self._reconcile_seconds = Histogram(
            "clm_reconcile_duration_seconds", "Time of one reconciliation.", registry=registry
        )
        self._queue = Gauge("clm_queue_depth", "Keys waiting for a worker.", registry=registry)
        self._lag = Gauge(
            "clm_loop_lag_seconds", "How late the event loop woke up.", registry=registry
        )
        self._leader = Gauge(
            "clm_leader", "1 in the process that works, 0 in one that stands by.", registry=registry
        )
        self._requests = Counter(
            "clm_api_requests_total",
            "Requests to the API server; code 0 is no answer.",
            ("verb", "code"),
            registry=registry,
        )
        self._events = Gauge(
            "clm_watch_last_event_timestamp_seconds",
            "Unix time of the newest watch event.",
            ("kind",),
            registry=registry,
        )
        self._silent = Gauge(
            "clm_watch_silent",
            "1 while nothing was heard of a watch for three minutes: schedules rest.",
            ("kind", "namespace"),
            registry=registry,
        )
        self._unwatched = Gauge(
            "clm_workloads_unwatched",
            "1 while Kueue is there and its Workloads can't be watched: waits have no words.",
            ("namespace",),
            registry=registry,
        )
        self._messages = Counter(
            "clm_messages_total",
            "Messages that asked for runs, by what became of them.",
            ("result",),
            registry=registry,
        )
        self._listens = Gauge(
            "clm_messages_listening",
            "1 while messages of a stream can be taken, 0 while NATS or the stream is away.",
            ("stream",),
            registry=registry,
        )
        for result in MESSAGES:
            self._messages.labels(result)
        self._store = Gauge(
            "clm_store_refuses",
            "1 while the store can't be used, by the operator's own look.",
            registry=registry,
        )
        self._waiting = dict[str, int]()
        for kind in RECONCILED:
            for result in RESULTS:
                self._reconciles.labels(kind, result)
        for verb in _VERBS:
            self._requests.labels(verb, "0")

    def lateness(self, ask: Ask, schedule: datetime, made: datetime) -> None:
        """Record how late a slot's version was created; the first slot is not before its schedule.

        Parameters
        ----------
        schedule, made
            When the schedule and the version were created.
        """
        if not ask.timely:
            return
        late = made - max(ask.slot, schedule)
        self._lateness.observe(max(late.total_seconds(), 0.0))

    def outcome(self, key: Key, version: Version, status: ModelVersionStatus) -> None:
        """Count a run when it ends."""
        ended = status.phase in (Phase.SUCCEEDED, Phase.FAILED)
        if version.spec is None or version.terminal or not ended:
            return
        family = str(version.spec.run.model.family)
        self._schedules.run(key, family, str(status.stage))
        if status.start_time and status.completion_time:
            seconds = (status.completion_time - status.start_time).total_seconds()
            self._duration.labels(family).observe(max(seconds, 0))

    def preempted(self, key: Key, version: Version, status: ModelVersionStatus) -> None:
        """Count how often a run has lost its place in a queue since its status was last written."""
        before, after = version.status.queue, status.queue
        known = before.preemptions if before else 0
        if after is not None and after.preemptions > known:
            self._schedules.preempted(key, after.preemptions - known)

    def decision(self, key: Key, version: Version, status: ModelVersionStatus) -> None:
        """Count a request when it is executed or refused, and files that a rule finds changed."""
        made = status.promotion
        if made is not None and made != version.status.promotion:
            self._schedules.promotion(key, made.outcome)
        elif version.terminal and _is_corrupt(status) and not _is_corrupt(version.status):
            self._schedules.promotion(key, Reason.ARTIFACT_CORRUPT)

    def held(self, key: Key, reason: Reason) -> None:
        """Count a refused try to make something that is due."""
        self._schedules.held(key, str(reason))

    def seen(self, view: View) -> None:
        """Show a schedule from its first sight on; forget one that is deleted or was made again."""
        key, schedule = view.key, view.schedule
        if view.store is not None:
            self._store.set(not view.store.ready)
        if schedule is None or schedule.deleted:
            self._schedules.forget(key)
            return
        family = None if schedule.spec is None else str(schedule.spec.model.family)
        if family is not None:
            self._duration.labels(family)
        self._schedules.seen(view, schedule)

    def unserved(self, namespace: str, *, unserved: bool) -> None:
        """Say whether a watched namespace refuses the operator."""
        self._unserved.labels(namespace).set(unserved)

    def reconciled(self, result: str, seconds: float, kind: str = "TrainingSchedule") -> None:
        """Count one reconciliation."""
        self._reconciles.labels(kind, result).inc()
        self._reconcile_seconds.observe(seconds)

    def leads(self, *, leads: bool) -> None:
        """Say whether this process works; one that does not shows no schedule."""
        self._leader.set(leads)
        self._schedules.show(shown=leads)
        self.simulations.show(shown=leads)
        self.sinks.show(shown=leads)
        if not leads:
            self._store.set(0)  # it looks no more

    def queue_depth(self, keys: int, kind: str = "TrainingSchedule") -> None:
        """Set how many keys of a kind wait."""
        self._waiting[kind] = keys
        self._queue.set(sum(self._waiting.values()))

    def loop_lag(self, seconds: float) -> None:
        """Set how late the event loop woke up."""
        self._lag.set(seconds)

    def request(self, verb: str, code: int) -> None:
        """Count a request to the API server."""
        self._requests.labels(verb, str(code)).inc()

    def event(self, kind: str, unix_time: float) -> None:
        """Record that a watch delivered something."""
        self._events.labels(kind).set(unix_time)

    def message(self, result: str) -> None:
        """Count a message: asked, repeated, waiting or dead."""
        self._messages.labels(result).inc()

    def listens(self, stream: str, *, listens: bool | None) -> None:
        """Say whether messages of a stream can be taken; None: another process takes them."""
        if listens is None:
            self._listens.clear()
        else:
            self._listens.labels(stream).set(listens)

    def silent(self, kind: str, namespace: str, *, silent: bool) -> None:
        """Say whether nothing was heard of a watch for too long."""
        self._silent.labels(kind, namespace).set(silent)

    def queues_unwatched(self, namespace: str, *, unwatched: bool) -> None:
        """Say whether Kueue's Workloads can't be watched although Kueue is there."""
        self._unwatched.labels(namespace).set(unwatched)

    def render(self) -> bytes:
        """Return the text that Prometheus scrapes."""
        return bytes(generate_latest(self.registry))


def _is_corrupt(status: ModelVersionStatus) -> bool:
    return says(status.conditions, "ArtifactVerified", "False", Reason.ARTIFACT_CORRUPT)
