"""Builders of what a round sees, with keyword overrides."""

from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from clm_api.base import StatusModel
from clm_api.happening import Happening
from clm_api.layout import RunLayout
from clm_api.model_version import ModelVersionStatus, Trigger, TriggerType
from clm_api.production import ProductionPointer
from clm_api.replay import Look, Replay, ReplayReport, ReplayTask, ShadowReplay
from clm_api.report import FoldMetrics, Manifest, ManifestData, ManifestFile, MetricsFile
from clm_api.resolve import resolve
from clm_api.run import RunTrials
from clm_api.schedule_status import TrainingScheduleStatus
from clm_api.signal import SignalFile
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.complaints import Complaint
from clm_operator.facts import Facts
from clm_operator.findings import Findings, Report
from clm_operator.jobs.credentials import Grant
from clm_operator.jobs.manifest import NewJob
from clm_operator.mirror.objects import Job, Key, Pod, ScheduleObject, Version
from clm_operator.round import acts, manifests
from clm_operator.round.acts import Plan
from clm_operator.round.deriving import facts_of
from clm_operator.round.plan import plan as decide
from clm_operator.round.version_status import written
from clm_operator.runs.outcome import Need, outcome_of
from clm_operator.runs.status import change_of
from clm_operator.settings import DEFAULTS, Settings
from clm_operator.slots.ask import Ask
from clm_operator.slots.version import version_manifest
from clm_operator.view import View
from tests.support.schedules import schedule

Raw = dict[str, Any]
NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
KEY = Key("ns", "btc")
GOOD = {"sharpe": 1.5, "winRate": 0.6, "profitFactor": 1.4, "maxDrawdown": 0.1, "trades": 60.0}


def settings(**overrides: Any) -> Settings:
    """Build the operator's settings."""
    values: Raw = {
        **DEFAULTS,
        "leader": {"namespace": "ns", "name": "clm-operator"},
        "store": {"url": "s3://models", "secretName": "store"},
        "trainer": {"images": {"boosting": "trainer:1"}},
        "watchNamespaces": ["ns"],
    }
    return Settings.model_validate(values | overrides)


def stamp(time: datetime) -> str:
    """Write a time as Kubernetes does."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def schedule_object(
    *, status: Raw | None = None, created: datetime = NOW, token: str | None = None, **spec: Any
) -> ScheduleObject:
    """Build a TrainingSchedule as it is read."""
    raw = schedule("btc", "ns", **spec)
    meta = {"uid": "ts-uid", "generation": 1, "creationTimestamp": stamp(created)}
    raw["metadata"] |= meta | {"resourceVersion": "1"}
    if token is not None:
        raw["metadata"]["annotations"] = {"clm.dev/run-now": token}
    defaulted = TrainingScheduleSpec.model_validate(raw["spec"]).to_json_dict()
    return ScheduleObject.read(raw | {"spec": defaulted, "status": status or {}})


def version(
    name: str = "btc-1",
    *,
    status: Raw | None = None,
    slot: datetime = NOW,
    created: datetime = NOW,
    trigger: TriggerType = TriggerType.SCHEDULED,
    **spec: Any,
) -> Version:
    """Build a ModelVersion as it is read."""
    owner = schedule_object(**spec)
    assert owner.spec is not None
    run = resolve(
        owner.spec, slot=slot, trials=RunTrials(),
        pod_defaults=settings().pod_defaults(owner.spec.model),
    )  # fmt: skip
    raw = version_manifest(owner, owner.spec, Ask(name, slot, Trigger(type=trigger)), run)
    meta = {"uid": f"uid-{name}", "generation": 1, "creationTimestamp": stamp(created)}
    raw["metadata"] |= meta | {"resourceVersion": "1"}
    return Version.read(raw | {"status": status or {}})


def job(
    name: str = "btc-1",
    *pods: Pod,
    condition: tuple[str, str] | None = None,
    owner: str | None = None,
    suspend: bool = False,
    created: datetime = NOW,
) -> Job:
    """Build a Job; ``condition`` is its type and reason."""
    status = {}
    if condition is not None:
        kind, reason = condition
        status = {
            "conditions": [{"type": kind, "status": "True", "reason": reason, "message": "m"}]
        }
    owners = [{"controller": True, "uid": owner or f"uid-{name}"}]
    meta = {
        "name": name, "uid": f"job-{name}", "creationTimestamp": stamp(created),
        "ownerReferences": owners,
    }  # fmt: skip
    container = {"name": "trainer", "resources": {"limits": {"memory": "4Gi"}}}
    spec = {
        "suspend": suspend, "activeDeadlineSeconds": 7200,
        "template": {"spec": {"containers": [container]}},
    }  # fmt: skip
    return Job({"metadata": meta, "spec": spec, "status": status}, pods)


def pod(
    phase: str = "Running",
    *,
    exit_code: int | None = None,
    reason: str = "",
    message: str = "",
    complaint: Complaint | None = None,
    created: datetime = NOW,
) -> Pod:
    """Build a training pod."""
    started = created if phase != "Pending" else None
    return Pod("pod-uid", created, phase, started, exit_code, reason, message, complaint)


def report(
    metrics: dict[str, float] | None = None, undefined: dict[str, str] | None = None
) -> Report:
    """Build a verified result."""
    data = ManifestData.model_validate(
        {"from": NOW - timedelta(days=240), "to": NOW, "bars": 9, "gaps": 0, "sha256": "0" * 64}
    )
    path = RunLayout.relative_file("pod-uid", "metrics.json")
    file = ManifestFile.model_validate(
        {"path": path, "size": 1, "sha256": "0" * 64, "format": "json"}
    )
    manifest = Manifest(
        attempt="pod-uid", files=[file], image="trainer:1", code_revision="0.1.0", libraries={},
        seed=7, data=data, created_at=NOW,
    )  # fmt: skip
    fold = FoldMetrics(fold=0, train_from=NOW, train_to=NOW, test_from=NOW, test_to=NOW)
    values = GOOD if metrics is None else metrics
    file_ = MetricsFile(metrics=values, undefined=undefined or {}, bars=9, trained_until=NOW)
    return Report(manifest, "1" * 64, file_, (fold,), 1)


def look(
    bars: int = 168, *, better: float | None = None, worse: float | None = None, **more: Any
) -> Look:
    """Build a look; ``better`` and ``worse`` are its p values."""
    metrics = more.pop("metrics", GOOD)
    return Look(bars=bars, metrics=metrics, p_not_worse=better, p_worse=worse, **more)


def replayed(task: ReplayTask, *looks: Look, **more: Any) -> ReplayReport:
    """Build the report of a replay that did what its task says."""
    champion, challenger = task.champion, task.challenger
    times = {"from": NOW, "to": task.slot}
    bars = looks[-1].bars if looks else 24
    live = shadow = None
    if champion:
        of = {"version": champion.version, "sha256": champion.sha256}
        live = Replay.model_validate({"bars": 9, "metrics": GOOD} | of | times)
    if challenger:
        of = {"version": challenger.version, "sha256": challenger.sha256}
        against = {"champion": champion and champion.version, "looks": looks, "looksPlanned": 1}
        done = {"bars": bars, "metrics": GOOD, "replayedBars": bars}
        shadow = ShadowReplay.model_validate(of | against | done | times | more)
    return ReplayReport(
        task=task, live=live, shadow=shadow, code_revision="0.1.0", created_at=task.slot
    )


@dataclass(frozen=True)
class Seen:
    """What a round looks at, and what it finds in the store."""

    view: View
    findings: Findings = field(default_factory=Findings)


def seen(
    *versions: Version,
    schedule: ScheduleObject | None = None,
    now: datetime = NOW,
    **parts: Any,
) -> Seen:
    """Build what a round sees."""
    found = {one.name: parts.pop(one.name) for one in fields(Findings) if one.name in parts}
    view = View(now, KEY, schedule or schedule_object(), versions, **parts)
    return Seen(view, Findings(**found))


def facts(what: Seen, configured: Settings | None = None) -> Facts:
    """Work out what follows by itself."""
    found = facts_of(what.view, configured or settings())
    assert found is not None
    return found


@dataclass(frozen=True)
class CameOf:
    """What came of a run, and the status that says so."""

    need: Need
    status: ModelVersionStatus


def came_of(version: Version, what: Seen, configured: Settings | None = None) -> CameOf:
    """Work out what came of a run."""
    found = facts(Seen(replace(what.view, versions=(version,)), what.findings), configured)
    outcome = outcome_of(version, found, what.findings)
    return CameOf(outcome.need, written(version, change_of(outcome, found), found.now))


@dataclass(frozen=True)
class Decided:
    """A plan's acts by what they are, as Kubernetes takes them."""

    facts: Facts
    plan: Plan

    @property
    def wake_at(self) -> datetime | None:
        return self.plan.wake_at

    @property
    def create_versions(self) -> tuple[Raw, ...]:
        made = (a.begin for a in self.plan.acts if isinstance(a, acts.CreateVersion))
        return tuple(manifests.version_of(self.facts, begin) for begin in made)

    @property
    def create_jobs(self) -> tuple[NewJob, ...]:
        made = (a.run for a in self.plan.acts if isinstance(a, acts.CreateJob))
        return tuple(manifests.job_of(self.facts, run) for run in made)

    @property
    def create_replay(self) -> NewJob | None:
        made = (a.replay for a in self.plan.acts if isinstance(a, acts.CreateReplay))
        return next((manifests.job_of_replay(self.facts, replay) for replay in made), None)

    @property
    def lend(self) -> tuple[Grant, ...]:
        runs = [a.run for a in self.plan.acts if isinstance(a, acts.LendRun)]
        replays = [a.lacking for a in self.plan.acts if isinstance(a, acts.LendReplay)]
        found = [
            *(manifests.keys_of(self.facts, run) for run in runs),
            *(manifests.keys_of_replay(self.facts, lacking) for lacking in replays),
        ]
        return tuple(grant for grants in found for grant in grants)

    @property
    def delete_jobs(self) -> tuple[Job, ...]:
        return tuple(a.job for a in self.plan.deletions)

    @property
    def delete_versions(self) -> tuple[Version, ...]:
        return tuple(a.version for a in self.plan.acts if isinstance(a, acts.Retire))

    @property
    def version_statuses(self) -> tuple[tuple[Version, ModelVersionStatus], ...]:
        made = [a for a in self.plan.acts if isinstance(a, acts.WriteVersion)]
        return tuple((a.version, a.status) for a in made)

    @property
    def schedule_status(self) -> TrainingScheduleStatus:
        (made,) = (a for a in self.plan.acts if isinstance(a, acts.WriteSchedule))
        return made.status

    @property
    def remove_requests(self) -> tuple[Version, ...]:
        return tuple(a.version for a in self.plan.acts if isinstance(a, acts.RemoveRequest))

    @property
    def pointer(self) -> ProductionPointer | None:
        made = (a for a in self.plan.acts if isinstance(a, acts.Publish))
        return next((a.pointer for a in made), None)

    @property
    def signal(self) -> SignalFile | None:
        made = (a for a in self.plan.acts if isinstance(a, acts.PublishSignal))
        return next((a.signal for a in made), None)

    @property
    def makes_room(self) -> bool:
        return acts.MakeRoom() in self.plan.acts


def plan(what: Seen, configured: Settings | None = None) -> Decided:
    """Decide."""
    found = facts(what, configured)
    return Decided(found, decide(found, what.findings))


def plain(status: StatusModel) -> Raw:
    """Return a status as it is written."""
    return status.to_json_dict()


def told(decided: Decided) -> tuple[Happening, ...]:
    """Return what a plan's statuses make known."""
    versions = (one for _, status in decided.version_statuses for one in status.untold)
    return (*decided.schedule_status.untold, *versions)
