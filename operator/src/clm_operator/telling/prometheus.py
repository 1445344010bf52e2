"""What Prometheus sees."""

from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from clm_api.lifecycle import Stage
from clm_api.model_version import ModelVersionStatus, Phase, TriggerType
from clm_api.reasons import Reason
from clm_operator.mirror.objects import Key, ScheduleObject, Version, instant
from clm_operator.stages.requests import is_missing
from clm_operator.view import Snapshot

RUN_OUTCOMES = (Stage.CANDIDATE, Stage.REJECTED, Stage.FAILED)
DECISIONS = (
    Reason.PROMOTED,
    Reason.ROLLED_BACK,
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
RESULTS = ("ok", "busy", "error")
_VERBS = ("GET", "POST", "PATCH", "DELETE")


class Metrics:
    """The operator's metrics in a registry of their own.

    No labels per version; what is labelled by a schedule goes when the schedule does. A counter
    whose labels are known beforehand is there at 0 before its first event: one that is born with
    it has no increase.
    """

    def __init__(self) -> None:
        self._uids: dict[Key, str] = {}
        self.registry = registry = CollectorRegistry()
        self._lateness = Histogram(
            "clm_schedule_lateness_seconds",
            "Time from a slot to the creation of its version.",
            registry=registry,
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
        )
        self._runs = Counter(
            "clm_runs_total",
            "Ended runs.",
            ("namespace", "schedule", "family", "outcome"),
            registry=registry,
        )
        self._duration = Histogram(
            "clm_run_duration_seconds",
            "Time from a run's first pod to its end.",
            ("family",),
            registry=registry,
            buckets=(5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200),
        )
        self._promotions = Counter(
            "clm_promotions_total",
            "Decided requests for a stage, refused ones too.",
            ("namespace", "schedule", "outcome"),
            registry=registry,
        )
        self._held = Counter(
            "clm_held_back_total",
            "Refused tries to make a version, a Job or its keys.",
            ("namespace", "schedule", "reason"),
            registry=registry,
        )
        self._production = Gauge(
            "clm_production_since_timestamp_seconds",
            "Unix time at which the version in production came there.",
            ("namespace", "schedule"),
            registry=registry,
        )
        self._unserved = Gauge(
            "clm_namespace_unserved",
            "1 while a watched namespace refuses the operator.",
            ("namespace",),
            registry=registry,
        )
        self._missing = Gauge(
            "clm_production_version_missing",
            "1 where the version in production was deleted, else 0.",
            ("namespace", "schedule"),
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
        for result in RESULTS:
            self._reconciles.labels("TrainingSchedule", result)
        for verb in _VERBS:
            self._requests.labels(verb, "0")

    def lateness(self, snapshot: Snapshot, manifest: dict[str, Any], made: datetime) -> None:
        """Record how late a slot's version was created; the first slot is not before its schedule.

        Parameters
        ----------
        made
            When it was.
        """
        spec, schedule = manifest["spec"], snapshot.schedule
        if spec["trigger"]["type"] == TriggerType.MANUAL or schedule is None:
            return
        late = made - max(instant(spec["slot"]), schedule.created)
        self._lateness.observe(max(late.total_seconds(), 0.0))

    def outcome(self, key: Key, version: Version, status: ModelVersionStatus) -> None:
        """Count a run when it ends."""
        ended = status.phase in (Phase.SUCCEEDED, Phase.FAILED)
        if version.spec is None or version.terminal or not ended:
            return
        family = str(version.spec.run.model.family)
        self._runs.labels(key.namespace, key.name, family, str(status.stage)).inc()
        if status.start_time and status.completion_time:
            seconds = (status.completion_time - status.start_time).total_seconds()
            self._duration.labels(family).observe(max(seconds, 0))

    def decision(self, key: Key, version: Version, status: ModelVersionStatus) -> None:
        """Count a request when it is executed or refused."""
        made = status.promotion
        if made is not None and made != version.status.promotion:
            self._promotions.labels(key.namespace, key.name, made.outcome).inc()

    def held(self, key: Key, reason: Reason) -> None:
        """Count a refused try to make something that is due."""
        self._held.labels(key.namespace, key.name, str(reason)).inc()

    def seen(self, snapshot: Snapshot) -> None:
        """Show a schedule from its first sight on; forget one that is deleted or was made again."""
        key, schedule = snapshot.key, snapshot.schedule
        uid = None if schedule is None or schedule.deleted else schedule.uid
        if self._uids.get(key) != uid:
            self._forget(key)
        if schedule is None or uid is None:
            self._uids.pop(key, None)
            return
        self._uids[key] = uid
        self._at_zero(key, schedule)
        production = schedule.status.production
        missing = is_missing(production, snapshot.versions)
        self._missing.labels(key.namespace, key.name).set(missing)
        if production is not None:
            since = production.since.timestamp()
            self._production.labels(key.namespace, key.name).set(since)

    def _at_zero(self, key: Key, schedule: ScheduleObject) -> None:
        for decision in DECISIONS:
            self._promotions.labels(key.namespace, key.name, str(decision))
        for reason in REFUSALS:
            self._held.labels(key.namespace, key.name, str(reason))
        if schedule.spec is not None:
            family = str(schedule.spec.model.family)
            self._duration.labels(family)
            for outcome in RUN_OUTCOMES:
                self._runs.labels(key.namespace, key.name, family, str(outcome))

    def _forget(self, key: Key) -> None:
        labels = {"namespace": key.namespace, "schedule": key.name}
        of_schedule = (self._runs, self._promotions, self._held, self._production, self._missing)
        for metric in of_schedule:
            metric.remove_by_labels(labels)

    def unserved(self, namespace: str, *, unserved: bool) -> None:
        """Say whether a watched namespace refuses the operator."""
        self._unserved.labels(namespace).set(unserved)

    def reconciled(self, result: str, seconds: float) -> None:
        """Count one reconciliation."""
        self._reconciles.labels("TrainingSchedule", result).inc()
        self._reconcile_seconds.observe(seconds)

    def queue_depth(self, keys: int) -> None:
        """Set how many keys wait."""
        self._queue.set(keys)

    def loop_lag(self, seconds: float) -> None:
        """Set how late the event loop woke up."""
        self._lag.set(seconds)

    def request(self, verb: str, code: int) -> None:
        """Count a request to the API server."""
        self._requests.labels(verb, str(code)).inc()

    def event(self, kind: str, unix_time: float) -> None:
        """Record that a watch delivered something."""
        self._events.labels(kind).set(unix_time)

    def render(self) -> bytes:
        """Return the text that Prometheus scrapes."""
        return bytes(generate_latest(self.registry))
