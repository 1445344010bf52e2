"""A schedule and its versions as the API server would hold them, changed write by write."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from clm_api.base import StatusModel
from clm_api.layout import RunLayout
from clm_api.production import ProductionPointer
from clm_api.replay import ReplayTask
from clm_operator.changes import Change
from clm_operator.facts import Facts
from clm_operator.findings import Findings, ReplayRead, ReportRead
from clm_operator.mirror.objects import Job, ScheduleObject, Version
from clm_operator.round import acts, manifests
from clm_operator.round.acts import Act
from clm_operator.round.needs import needs
from clm_operator.round.version_status import written
from clm_operator.settings import Settings
from clm_operator.view import Withheld
from tests.operator.units import builders as b

Raw = dict[str, Any]
Write = Callable[[], None]
ROUNDS = 10
"""As many as the operator makes before it gives way to other schedules."""


def ended(name: str, stands: str = "CANDIDATE", **more: Any) -> Version:
    """Build an ended version whose artifact is what ``b.report()`` says."""
    place = RunLayout("ns", "btc", f"uid-{name}")
    artifact = {"uri": f"s3://models/{place.manifest}", "sha256": "1" * 64, "sizeBytes": 1}
    phase = "Failed" if stands == "FAILED" else "Succeeded"
    status = {"phase": phase, "stage": stands, "artifact": artifact} | more
    version = b.version(name, status=status)
    seen = b.plain(written(version, Change(version.status, b.NOW), b.NOW))
    return Version.read(version.raw | {"status": seen})


@dataclass
class World:
    """Objects at rest; every write is checked against what must always hold."""

    schedule: Raw
    versions: list[Raw]
    now: datetime = b.NOW
    verified: dict[str, ReportRead] = field(default_factory=dict)
    """Results by version where they are not intact."""
    pointer: ProductionPointer | None = None
    jobs: dict[str, Job] = field(default_factory=dict)
    """Replay Jobs."""
    replay: ReplayRead = None
    """Report of the newest one."""
    tasks: list[ReplayTask] = field(default_factory=list)
    """What replay Jobs were told."""
    settings: Settings = field(default_factory=b.settings)
    withheld: dict[str, Withheld] = field(default_factory=dict)
    """Jobs for which the store lends no keys."""
    taken: frozenset[str] = frozenset()
    """Names that belong to something else."""
    refused: dict[str, str] = field(default_factory=dict)
    """Jobs that the API server calls invalid, with its words."""
    productions: list[str] = field(default_factory=list)
    """Who was in production, one entry per change of the pointer."""

    @classmethod
    def of(cls, *versions: Version, **schedule: Any) -> "World":
        """Start with some versions; the schedule has no slot to run."""
        owner = b.schedule_object(runOnCreate=False, **schedule)
        return cls(deepcopy(owner.raw), [deepcopy(v.raw) for v in versions])

    def version(self, name: str) -> Raw:
        """Return a version."""
        return next(v for v in self.versions if v["metadata"]["name"] == name)

    def ask(self, name: str, stage: str = "PRODUCTION", by: str = "alice", **more: Any) -> None:
        """Put a request on a version, as a person does."""
        raw = self.version(name)
        assert "request" not in raw["spec"], "the API server refuses to change a request"
        raw["spec"]["request"] = {"stage": stage, "by": by, "reason": f"{by} likes it"} | more
        raw["metadata"]["generation"] += 1

    def seen(self) -> b.Seen:
        """Look at everything, and read what a round needs."""
        owner = ScheduleObject.read(deepcopy(self.schedule))
        read = [Version.read(deepcopy(raw)) for raw in self.versions]
        seen = b.seen(
            *read, schedule=owner, now=self.now, taken=self.taken,
            withheld=self.withheld, refused=self.refused, replays=dict(self.jobs),
        )  # fmt: skip
        asked = needs(b.facts(seen, self.settings))
        found = Findings(
            verified={v.name: self.verified.get(v.name, b.report()) for v in asked.verify},
            replay=None if asked.replay is None else self.replay,
        )
        return b.Seen(seen.view, found)

    def facts(self) -> Facts:
        """Work out what follows by itself."""
        return b.facts(self.seen(), self.settings)

    def plan(self) -> b.Decided:
        """Decide."""
        return b.plan(self.seen(), self.settings)

    def writes(self, decided: b.Decided) -> Iterator[Write]:
        """Return a plan's writes in the order in which the operator makes them."""
        for act in decided.plan.acts:
            if (write := self._write(act)) is not None:
                yield write

    def _write(self, act: Act) -> Write | None:
        """Return what an act changes; None if it changes nothing here, or not yet."""
        match act:
            case acts.CreateVersion():
                return lambda: self._created(manifests.version_of(self.facts(), act.begin))
            case acts.CreateReplay() if act.replay.name not in self.withheld:
                made = manifests.job_of_replay(self.facts(), act.replay)
                return lambda: self._started(made.manifest)
            case acts.DeleteJob():
                return lambda: self._deleted(act.job)
            case acts.WriteVersion():
                return lambda: self._status(self.version(act.version.name), act.status)
            case acts.WriteSchedule() if self.schedule["status"] != b.plain(act.status):
                return lambda: self._status(self.schedule, act.status)
            case acts.RemoveRequest():
                return lambda: self._unasked(self.version(act.version.name))
        return None

    def settle(self, writes: int = 1000) -> int:
        """Run rounds until nothing is left or so many writes were made; return how many were."""
        made = 0
        for _ in range(ROUNDS):
            decided = self.plan()
            todo = list(self.writes(decided))
            for write in todo:
                if made == writes:
                    return made
                write()
                made += 1
                self.check()
            self.now += timedelta(seconds=1)
            if not todo:
                self.pointer = decided.pointer
                return made
        raise AssertionError(f"no rest after {ROUNDS} rounds")

    def check(self) -> None:
        """Hold what must hold at every instant: one production at most, known to the pointer."""
        there = [v for v in self.versions if v["status"]["stage"] == "PRODUCTION"]
        assert len(there) <= 1, [v["metadata"]["name"] for v in there]

    def stages(self) -> dict[str, str]:
        """Return every version's stage."""
        return {v["metadata"]["name"]: v["status"]["stage"] for v in self.versions}

    def production(self) -> str | None:
        """Return the pointer's version."""
        found = self.schedule["status"].get("production")
        return found["version"] if found else None

    def outcome(self, name: str) -> tuple[str, str]:
        """Return what became of a version's newest request."""
        promotion = self.version(name)["status"]["promotion"]
        assert "request" not in self.version(name)["spec"], "the request is still there"
        return promotion["outcome"], promotion["message"]

    def finish(self, read: ReplayRead, failed: str | None = None) -> None:
        """End the newest replay's Job with a report, or with a reason."""
        name = max(self.jobs)
        raw = deepcopy(self.jobs[name].raw)
        kind, why = ("Complete", "") if failed is None else ("Failed", failed)
        raw["status"] = {
            "conditions": [{"type": kind, "status": "True", "reason": why, "message": why}]
        }
        self.jobs[name], self.replay = Job(raw), read

    def _created(self, manifest: Raw) -> None:
        meta = manifest["metadata"]
        assert all(v["metadata"]["name"] != meta["name"] for v in self.versions), "a name twice"
        times = {"creationTimestamp": b.stamp(self.now), "generation": 1, "resourceVersion": "1"}
        fresh = {**manifest, "metadata": {**meta, **times, "uid": f"uid-{meta['name']}"}}
        self.versions.append(fresh | {"status": {"phase": "Pending", "stage": "TRAINING"}})

    def _deleted(self, job: Job) -> None:
        del self.jobs[job.name]

    def _started(self, manifest: Raw) -> None:
        meta = manifest["metadata"]
        assert meta["name"] not in self.jobs, "one Job a slot"
        meta |= {"uid": f"job-{meta['name']}", "creationTimestamp": b.stamp(self.now)}
        self.jobs[meta["name"]] = Job(manifest | {"status": {}})
        env = manifest["spec"]["template"]["spec"]["containers"][0]["env"]
        told = next(e["value"] for e in env if e["name"] == "CLM_REPLAY_TASK")
        self.tasks.append(ReplayTask.model_validate_json(told))

    def _status(self, raw: Raw, status: StatusModel) -> None:
        before = self.production()
        raw["status"] = b.plain(status)
        if self.production() not in (None, before):
            self.productions.append(str(self.production()))

    def _unasked(self, raw: Raw) -> None:
        del raw["spec"]["request"]
        raw["metadata"]["generation"] += 1
