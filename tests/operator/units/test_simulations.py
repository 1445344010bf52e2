"""What follows of a Simulation: frozen, trained, reduced, answered; whatever is cut off goes on."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_api import API_VERSION
from clm_api.errors import SpecError
from clm_api.past import past_slots
from clm_api.reasons import Reason
from clm_api.report import ManifestFile
from clm_api.simulation import SimulationSpec
from clm_api.simulation_task import (
    OverfittingResult,
    SimulationManifest,
    SimulationResult,
    SimulationTask,
    VariantOrigin,
    VariantResult,
)
from clm_operator.complaints import Complaint
from clm_operator.findings import CorruptReport, StoreSeen, UnreadableReport
from clm_operator.jobs.access import session_policy
from clm_operator.mirror.objects import Job, Key
from clm_operator.mirror.simulation import SimulationObject
from clm_operator.mirror.workloads import InQueue, Workload
from clm_operator.simulating.news import JobNews
from clm_operator.simulating.polls import Polls
from clm_operator.simulations import acts
from clm_operator.simulations.acts import Plan
from clm_operator.simulations.facts import facts_of, trained_by
from clm_operator.simulations.frozen import MOST_SLOTS, Frozen, freeze
from clm_operator.simulations.jobs import job_of, piece_of
from clm_operator.simulations.needs import needs
from clm_operator.simulations.plan import plan
from clm_operator.simulations.view import Fault, Findings, SimulationReport, SimulationView
from clm_operator.view import Withheld
from tests.operator.units import builders as b
from tests.support.schedules import schedule_spec

Raw = dict[str, Any]
KEY = Key("ns", "sim")
POLL = timedelta(seconds=15)
NONE = "0" * 64
DEEP: Raw = {"name": "deep", "patch": {"model": {"xgboost": {"maxDepth": 5}}}}
TTL = timedelta(seconds=60)
FULL = "couldn't assign flavors to pod set main: insufficient unused quota for cpu, 1 more needed"
TOO_LARGE = "couldn't assign flavors to pod set main: request (9) > maximum capacity (1)"


def spec_of(**changes: Any) -> SimulationSpec:
    made = {
        "schedule": schedule_spec(interval="1d"), "from": "2025-01-01T00:00:00Z",
        "to": "2025-01-06T00:00:00Z", "parallelism": 5, "variants": [{"name": "as-is"}, DEEP],
        "ttlSecondsAfterFinished": 60,
    }  # fmt: skip
    return SimulationSpec.model_validate(made | changes)


def simulation(status: Raw | None = None, **spec: Any) -> SimulationObject:
    meta = {
        "name": "sim", "namespace": "ns", "uid": "sim-uid", "generation": 1,
        "resourceVersion": "1", "creationTimestamp": b.stamp(b.NOW),
    }  # fmt: skip
    raw = {"apiVersion": API_VERSION, "kind": "Simulation", "metadata": meta}
    said = {"spec": spec_of(**spec).to_json_dict(), "status": status or {}}
    return SimulationObject.read(raw | said)


def frozen_of(spec: SimulationSpec, now: datetime = b.NOW, **configured: Any) -> Frozen:
    """Freeze a simulation of a schedule of its own."""
    assert spec.schedule is not None
    return freeze(spec, spec.schedule, b.settings(**configured), now)


@dataclass
class World:
    """A simulation and its Jobs as API server and store would hold them, write by write."""

    simulation: SimulationObject = field(default_factory=simulation)
    now: datetime = b.NOW
    jobs: dict[str, Job] = field(default_factory=dict)
    task: bytes | None = None
    progress: dict[str, int] = field(default_factory=dict)
    report: Any = None
    removed: bool = False
    withheld: dict[str, Withheld] = field(default_factory=dict)
    store: StoreSeen | None = None
    made: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def plan(self) -> Plan:
        """Look and decide."""
        spec = self.simulation.spec
        assert spec is not None
        view = SimulationView(
            self.now, KEY, self.simulation, spec.schedule, self.jobs, self.store, self.withheld
        )
        facts = facts_of(view, b.settings(), POLL)
        assert facts is not None
        asked = needs(facts)
        frozen = frozen_of(spec, self.now) if asked.freeze else None
        task = SimulationTask.model_validate_json(self.task or b"") if asked.task else None
        report = self.report if asked.report else None
        return plan(facts, Findings(frozen, task, self.progress, report))

    def writes(self, decided: Plan) -> Iterator[Any]:
        """Return a plan's writes, in their order."""
        for act in decided.acts:
            match act:
                case acts.WriteTask():
                    yield lambda act=act: self._freeze(act.frozen.content)
                case acts.CreateJob():
                    yield lambda act=act: self._start(act.number)
                case acts.DeleteJob():
                    yield lambda act=act: self.jobs.pop(act.job.name)
                case acts.RemoveSlots() if not self.removed:
                    yield self._remove
        status = decided.status.having(untold=[]).to_json_dict()
        if status != self.simulation.status.having(untold=[]).to_json_dict():
            yield lambda: self._write(decided, status)

    def settle(self, writes: int = 1000) -> int:
        """Run rounds until nothing is left, or so many writes were made; return how many were."""
        made = 0
        for _ in range(10):
            decided = self.plan()
            todo = list(self.writes(decided))
            for write in todo:
                if made == writes:
                    return made
                write()
                made += 1
            if not todo:
                return made
        raise AssertionError("no rest")

    def _freeze(self, content: bytes) -> None:
        assert self.task in (None, content), "task.json is written once"
        self.task = content

    def _start(self, number: int | None) -> None:
        task = SimulationTask.model_validate_json(self.task or b"")
        manifest = job_of(piece_of(self.simulation, task, number), b.settings(), self.now).manifest
        meta = manifest["metadata"]
        assert meta["name"] not in self.jobs, "names are locks"
        meta |= {"uid": f"uid-{meta['name']}", "creationTimestamp": b.stamp(self.now)}
        self.jobs[meta["name"]] = Job(manifest | {"status": {}})
        self.made.append(meta["name"])

    def _remove(self) -> None:
        self.removed = True

    def _write(self, decided: Plan, status: Raw) -> None:
        before = self.simulation.raw
        self.told += [one.reason for one in decided.happenings]
        self.simulation = SimulationObject.read(before | {"status": status})

    def runs(self, name: str, **status: Any) -> None:
        """Let a Job's status say something."""
        self.jobs[name] = Job(self.jobs[name].raw | {"status": status}, self.jobs[name].pods)

    def ends(self, *names: str, how: str = "Complete", words: str = "") -> None:
        """End Jobs."""
        for name in names:
            said = {"type": how, "status": "True", "reason": "why", "message": words}
            self.runs(name, conditions=[said], succeeded=1)


TRAINING = ("sim-v0", "sim-v1")


def answered(world: World, *sharpes: float | None) -> SimulationReport:
    names = ["as-is", "deep"]
    made = [
        VariantResult(
            name=name, versions=5, failed=1, passed=2, promotions=1, buy_and_hold=0.1,
            production={"totalReturn": 0.5} | ({} if sharpe is None else {"sharpe": sharpe}),
        )
        for name, sharpe in zip(names, sharpes, strict=True)
    ]  # fmt: skip
    page = {"path": "attempts/p/report.html", "size": 1, "sha256": NONE, "format": "html"}
    origin = VariantOrigin(
        name="as-is", image="i", seed=1, from_=b.NOW, to=b.NOW, bars=1, bars_sha256=NONE,
        fingerprint=NONE,
    )  # fmt: skip
    manifest = SimulationManifest(
        attempt="p", files=[ManifestFile.model_validate(page)], task_sha256=NONE,
        code_revision="r", libraries={}, variants=[origin], created_at=b.NOW,
    )  # fmt: skip
    assert world.task is not None
    overfitting = OverfittingResult(probability=0.25, trials=10)
    result = SimulationResult(variants=made, overfitting=overfitting)
    return SimulationReport(manifest, "1" * 64, result, 7)


def begun() -> World:
    world = World()
    world.settle()
    return world


def test_all_jobs_of_variants_are_made_at_once_with_their_shares() -> None:
    world = begun()
    assert world.made == ["sim-v0", "sim-v1"]
    specs = [world.jobs[name].raw["spec"] for name in TRAINING]
    assert [s["completionMode"] for s in specs] == ["Indexed", "Indexed"]
    assert [(s["completions"], s["parallelism"]) for s in specs] == [(3, 3), (2, 2)]
    assert [(s["backoffLimitPerIndex"], s["maxFailedIndexes"]) for s in specs] == [(0, 0)] * 2
    assert [s["activeDeadlineSeconds"] for s in specs] == [2 * 7200, 3 * 7200], "of most slots"
    status = world.simulation.status
    assert (status.slots, [v.slots for v in status.variants]) == (10, [5, 5])
    assert (status.phase, world.told) == ("Pending", [])
    env = specs[1]["template"]["spec"]["containers"][0]["env"]
    told = {one["name"]: one.get("value") for one in env}
    assert told["CLM_SIMULATION_VARIANT"] == "deep"
    assert told["CLM_SIMULATION_TASK_SHA256"] == status.task_sha256
    assert (told["CLM_RUN_SCHEDULE"], told["CLM_RUN_UID"]) == ("sim", "sim-uid")


def test_no_variant_has_more_pods_than_slots() -> None:
    task = frozen_of(spec_of(parallelism=100)).task
    assert [v.indices for v in task.variants] == [5, 5]


def test_progress_is_what_pods_say_and_the_end_follows_from_the_speed() -> None:
    world = begun()
    for name in TRAINING:
        world.runs(name, ready=1, active=3)
    world.settle()
    assert (world.simulation.status.phase, world.told) == ("Running", ["Simulating"])
    world.now += timedelta(minutes=4)
    world.progress = {"as-is": 2, "deep": 99}
    world.settle()
    status = world.simulation.status
    assert (status.trained, status.percent) == (7, 70), "never more than there are"
    assert status.estimated_completion_time == world.now + timedelta(seconds=round(240 * 3 / 7))
    world.now += timedelta(minutes=1)
    before = world.simulation.status
    world.progress = {}
    assert world.settle() == 0, "a look that brings nothing writes nothing"
    assert world.simulation.status == before


def test_slots_of_indices_that_ended_are_counted_without_the_store() -> None:
    world = begun()
    raw = world.jobs["sim-v0"].raw
    assert trained_by(Job(raw | {"status": {"completedIndexes": "0,2"}}), 5) == 3
    assert trained_by(Job(raw | {"status": {"completedIndexes": "0-2"}}), 5) == 5
    assert trained_by(Job(raw | {"status": {}}), 5) == 0


def reducing() -> World:
    world = begun()
    world.ends(*TRAINING)
    world.settle()
    return world


def test_the_last_job_is_made_once_all_slots_are_trained() -> None:
    world = begun()
    world.ends("sim-v0")
    world.settle()
    assert world.made == [*TRAINING]
    world.ends("sim-v1")
    world.settle()
    assert world.made == [*TRAINING, "sim-r"]
    assert (world.simulation.status.reason, world.simulation.status.percent) == ("Reducing", 100)
    assert "completionMode" not in world.jobs["sim-r"].raw["spec"]


@pytest.mark.parametrize(
    ("sharpes", "best", "sharpe"),
    [((1.0, 2.0), "deep", 2.0), ((1.0, 1.0), "as-is", 1.0), ((None, -1.0), "deep", -1.0),
     ((None, None), None, None)],
    ids=["the higher one", "the first of equals", "one without a Sharpe ratio is no best", "none"],
)  # fmt: skip
def test_the_answer_is_the_verified_report(
    sharpes: tuple[float | None, ...], best: str | None, sharpe: float | None
) -> None:
    world = reducing()
    world.report = answered(world, *sharpes)
    world.ends("sim-r")
    world.settle()
    status = world.simulation.status
    assert (status.phase, status.reason) == ("Succeeded", "Simulated")
    assert (status.best, status.sharpe) == (best, sharpe)
    assert (status.overfitting_probability, [v.passed for v in status.variants]) == (0.25, [2, 2])
    assert status.artifact is not None
    assert status.artifact.uri == "s3://models/simulations/ns/sim/sim-uid/manifest.json"
    assert [c.type for c in status.conditions] == ["Ready"]
    assert world.told == ["Simulating", "Simulated"]
    assert not world.removed
    world.now += TTL
    world.settle()
    assert (world.jobs, world.removed) == ({}, True)
    assert world.simulation.status == status, "what ended never changes again"


@dataclass(frozen=True)
class End:
    name: str
    report: Any
    phase: str
    reason: str


ENDS = [
    End("no manifest", None, "Failed", "ArtifactCorrupt"),
    End("a manifest that lies", CorruptReport("results.json: 1 byte"), "Failed", "ArtifactCorrupt"),
    End("a store that is away", UnreadableReport(Reason.STORAGE_UNAVAILABLE, "away"), "Running",
        "StorageUnavailable"),
]  # fmt: skip


@pytest.mark.parametrize("case", ENDS, ids=attrgetter("name"))
def test_what_the_last_job_left_decides(case: End) -> None:
    world = reducing()
    world.report = case.report
    world.ends("sim-r")
    world.settle()
    status = world.simulation.status
    assert (status.phase, status.reason) == (case.phase, case.reason)


def test_a_job_that_fails_ends_the_others_and_all_of_it() -> None:
    world = begun()
    job = world.jobs["sim-v1"]
    world.ends("sim-v1", how="Failed", words="index 1")
    last = '{"code": 65, "reason": "DataGap", "message": "a hole"}'
    pod = b.pod("Failed", exit_code=65, message=last)
    world.jobs["sim-v1"] = Job(world.jobs["sim-v1"].raw, (pod,))
    world.settle()
    status = world.simulation.status
    assert (status.phase, status.reason) == ("Failed", "SimulationFailed")
    assert status.message == 'variant "deep": DataGap: a hole'
    assert list(world.jobs) == ["sim-v1"], "it stays for who wants to look, until its time is up"
    assert [c.type for c in status.conditions] == ["Ready", "Stalled"]
    world.now += TTL
    world.settle()
    assert (world.jobs, world.removed, job.name) == ({}, True, "sim-v1")


def test_a_job_of_which_no_pod_begins_is_said_and_given_up_after_its_time() -> None:
    world = begun()
    words = Complaint(Reason.POD_UNSCHEDULABLE, "0/1 nodes are available: insufficient memory")
    pod = b.pod("Pending", complaint=words)
    world.jobs["sim-v0"] = Job(world.jobs["sim-v0"].raw, (pod,))
    world.now += timedelta(seconds=1800)
    world.settle()
    status = world.simulation.status
    assert (status.phase, status.reason) == ("Pending", "PodUnschedulable")
    world.now += timedelta(seconds=1)
    world.settle()
    status = world.simulation.status
    assert (status.phase, status.reason) == ("Failed", "SimulationFailed")
    assert "insufficient memory" in status.message
    assert world.jobs == {}, "both are ended"


def test_a_job_that_worked_once_is_not_given_up_while_its_pods_are_away() -> None:
    world = begun()
    for name in TRAINING:
        world.runs(name, ready=1)
    world.settle()
    for name in TRAINING:
        world.runs(name, ready=0, active=1)
    world.now += timedelta(days=1)
    world.settle()
    assert world.simulation.status.phase == "Running"


def test_a_name_that_something_else_has_is_said() -> None:
    world = World()
    world.settle(2)
    foreign = b.job("sim-v0")
    foreign.raw["metadata"]["ownerReferences"][0] |= {"kind": "CronJob", "name": "somebody's"}
    world.jobs = {"sim-v0": foreign}
    world.settle()
    assert "belongs to something else" in world.simulation.status.message
    assert world.jobs["sim-v0"] is foreign


def test_a_job_of_a_simulation_that_is_gone_is_waited_for() -> None:
    world = World()
    world.settle(2)
    raw = b.job("sim-v0").raw
    owner = {"kind": "Simulation", "name": "sim", "uid": "older", "controller": True}
    raw["metadata"]["ownerReferences"] = [owner]
    world.jobs["sim-v0"] = Job(raw)
    world.settle()
    assert world.simulation.status.phase == "Pending"
    assert world.simulation.status.reason == Reason.COLLECTION_PENDING
    del world.jobs["sim-v0"]
    world.settle()
    assert sorted(world.made) == ["sim-v0", "sim-v1"]


def test_what_is_held_back_is_said_and_not_tried_before_its_time() -> None:
    world = World()
    world.settle(2)
    why = Withheld(Reason.QUOTA_PENDING, "exceeded quota", b.NOW)
    world.withheld = dict.fromkeys(TRAINING, why)
    world.settle()
    status = world.simulation.status
    assert (world.made, status.reason, status.message) == ([], "QuotaPending", "exceeded quota")
    assert world.plan().wake_at == world.now + POLL
    world.withheld = {}
    world.settle()
    assert world.made == [*TRAINING]


def test_nothing_is_frozen_while_the_store_is_away() -> None:
    world = World(store=StoreSeen(ready=False, reason=Reason.STORAGE_UNAVAILABLE, message="away"))
    world.settle()
    assert (world.task, world.simulation.status.message) == (None, "away")
    world.store = None
    world.settle()
    assert world.made == [*TRAINING]


def _finished() -> World:
    """Let all go well to the end, and its time run out."""
    world = World()
    _play(world)
    return world


def _play(world: World, cut: int = 1000) -> int:
    """Go on from wherever it stands; be cut off after so many writes; return how many were."""
    made = 0
    for _ in range(6):
        made += world.settle(cut - made)
        if made == cut:
            return made
        world.now += timedelta(seconds=1)
        waits = [name for name, job in world.jobs.items() if not job.finished]
        world.ends(*waits)
        if "sim-r" in world.jobs:
            world.report = answered(world, 1.0, 2.0)
    world.now += TTL
    return made + world.settle(cut - made)


def test_a_crash_after_any_write_changes_nothing_of_the_outcome() -> None:
    quiet = _finished()
    for cut in itertools.count():
        world = World()
        if _play(world, cut) < cut:
            break
        _play(world)
        assert world.made == quiet.made, cut
        assert (world.jobs, world.removed, world.task) == ({}, True, quiet.task), cut
        before, after = quiet.simulation.status, world.simulation.status
        assert (after.phase, after.best, after.sharpe) == (before.phase, before.best, before.sharpe)
        assert world.told == quiet.told, cut
    assert cut > len(["task", "status", *quiet.made, "running", "reducing", "ended", "slots"])


FAULTS = [
    ("an end in the future", {"to": "2027-01-01T00:00:00Z"}, "spec.to: "),
    ("no slot", {"schedule": schedule_spec(interval="90d", runOnCreate=False)}, "no slot lies"),
    ("a patch that is no schedule",
     {"variants": [{"name": "deep", "patch": {"model": {"xgboost": {"maxDepth": "very"}}}}]},
     "spec.variants[deep].patch.model.xgboost.maxDepth"),
    ("a patch that breaks a rule between fields",
     {"variants": [{"name": "odd", "patch": {"target": {"exitPercentile": 0.99}}}]},
     "spec.variants[odd].patch"),
    ("a patch that asks for what the values forbid",
     {"variants": [{"name": "rich", "patch": {"job": {"resources": {"limits": {"cpu": "999"}}}}}]},
     "spec.variants[rich].patch.job.resources.limits.cpu"),
    ("a flavour that the operator has no image of",
     {"variants": [{"name": "net", "patch": {"model": {"family": "nhits", "xgboost": None}}}]},
     "spec.variants[net].patch.model.family"),
    ("slots that are too dense for the operator",
     {"variants": [{"name": "dense", "patch": {"interval": "1m"}}]},
     "spec.variants[dense].patch.interval"),
    ("memory that can not hold all bars of its time",
     {"from": "2016-01-01T00:00:00Z",
      "variants": [{"name": "tiny", "patch": {"data": {"timeframe": "1m"}, "job": {
          "resources": {"limits": {"memory": "600Mi"}}}}}]},
     "spec.variants[tiny].patch.job.resources.limits.memory"),
    ("the schedule itself at fault", {"variants": [], "schedule": schedule_spec(
        job={"resources": {"limits": {"cpu": "999"}}})}, "spec.schedule.job.resources.limits.cpu"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "says"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_what_can_not_be_simulated_names_the_field(changes: Raw, says: str) -> None:
    with pytest.raises(SpecError) as found:
        frozen_of(spec_of(**changes))
    assert says in found.value.message


def test_more_slots_than_a_store_should_hold_are_refused_before_they_are_counted() -> None:
    dense = schedule_spec(interval="15m")
    spec = spec_of(schedule=dense, **{"from": "2020-01-01T00:00:00Z"})
    with pytest.raises(SpecError, match=f"more than {MOST_SLOTS} slots"):
        frozen_of(spec)


def test_more_than_operator_and_pods_should_hold_is_refused_before_all_of_it_is_made() -> None:
    columns = [f"c{number:062}" for number in range(50)]
    series = [{"name": f"s{number}", "columns": columns} for number in range(20)]
    wide = schedule_spec(interval="1d", data={"series": series})
    variants = [{"name": f"v{number}"} for number in range(100)]
    spec = spec_of(schedule=wide, variants=variants, parallelism=100)
    with pytest.raises(SpecError, match=r"spec\.variants: all of them are more than 8 MiB"):
        frozen_of(spec)


def test_memory_grows_with_the_time_that_is_simulated() -> None:
    minutes = schedule_spec(interval="30d", data={"timeframe": "1m"})
    sizes = []
    for year in (2025, 2019):
        spec = spec_of(schedule=minutes, **{"from": f"{year}-01-01T00:00:00Z"})
        pod = frozen_of(spec).task.variants[0].run.pod
        assert pod.resources.requests is not None
        sizes.append(str(pod.resources.requests.memory))
    assert sizes[0] != sizes[1]


def test_operator_and_pods_see_the_same_slots() -> None:
    spec = spec_of()
    frozen = frozen_of(spec)
    task = SimulationTask.model_validate_json(frozen.content)
    assert task == frozen.task
    assert [len(past_slots(v.schedule, task.from_, task.to)) for v in task.variants] == [5, 5]
    assert frozen_of(spec, b.NOW + TTL).content == frozen.content


def test_keys_of_pods_reach_their_own_part_and_no_more() -> None:
    world = begun()
    task = SimulationTask.model_validate_json(world.task or b"")
    lent = b.settings(store={
        "url": "s3://models", "endpoint": "http://minio", "secretName": "store",
        "credentials": "PerRun",
    })  # fmt: skip
    pieces = [piece_of(world.simulation, task, number) for number in (1, None)]
    jobs = [job_of(piece, lent, b.NOW) for piece in pieces]
    variant, reduce = (session_policy("s3://models", job.grants[0].forms) for job in jobs)
    root = "arn:aws:s3:::models/simulations/ns/sim/sim-uid"
    assert f'"s3:PutObject"],"Resource":["{root}/variants/deep/*"]' in variant
    assert "attempts" not in variant, "its log lies in its variant's folder"
    assert f'"{root}/task.json"' in variant
    assert f"{root}/*" not in variant
    assert f"{root}/variants/as-is" not in variant
    assert f'["{root}/attempts/*","{root}/manifest.json"]' in reduce
    assert f'"{root}/*"' in reduce
    for job in jobs:
        env = job.manifest["spec"]["template"]["spec"]["containers"][0]
        assert env["envFrom"] == [{"secretRef": {"name": job.grants[0].name}}]
        assert "CLM_EXCHANGE_KEYS" not in {one["name"] for one in env["env"]}


def test_an_own_image_trains_and_ours_reduces() -> None:
    policy = {"images": ["registry.test"]}
    own = schedule_spec(job={"image": "registry.test/own:1"})
    task = frozen_of(spec_of(schedule=own, variants=[]), jobPolicy=policy).task
    world = begun()
    train, reduce = (piece_of(world.simulation, task, number).pod for number in (0, None))
    assert (train.image, train.fetch_image) == ("registry.test/own:1", "trainer:1")
    assert (reduce.image, reduce.fetch_image) == ("trainer:1", None)


def test_no_pod_asks_for_a_gpu_that_nothing_would_use() -> None:
    asks = {"gpu": {"count": 2}, "queueName": "gpus"}
    task = frozen_of(spec_of(schedule=schedule_spec(job=asks), variants=[])).task
    assert task.variants[0].run.pod.gpu.count == 2, "the schedule as it is"
    for number in (0, None):
        piece = piece_of(begun().simulation, task, number)
        assert "nvidia.com/gpu" not in str(job_of(piece, b.settings(), b.NOW).manifest), number
        assert piece.pod.queue_name == "gpus"


def test_only_news_that_begin_or_end_something_matter() -> None:
    news, world = JobNews(), begun()
    jobs = list(world.jobs.values())
    assert news.matter(KEY, jobs)
    counted = [Job(job.raw | {"status": {"active": 3}}) for job in jobs]
    assert not news.matter(KEY, counted), "counting pods is none"
    working = [Job(job.raw | {"status": {"active": 3, "ready": 1}}) for job in jobs]
    assert news.matter(KEY, working)
    assert not news.matter(KEY, [Job(j.raw | {"status": {"ready": 2}}) for j in jobs])
    assert news.matter(KEY, []), "gone"


def test_the_more_simulations_there_are_the_less_often_the_store_is_asked() -> None:
    now = 0.0
    polls = Polls(5.0, lambda: now)
    assert polls.is_due(KEY, 1)
    assert not polls.is_due(KEY, 1)
    now = 15.0
    assert polls.is_due(KEY, 1)
    for number in range(50):
        polls.is_due(Key("ns", f"s{number}"), 2)
    assert polls.interval == timedelta(seconds=101)
    for number in range(50):
        polls.is_due(Key("ns", f"s{number}"), 0)
    assert polls.interval == POLL


def test_a_schedule_that_can_not_be_read_is_at_fault() -> None:
    world = World(simulation(schedule=None, scheduleName="btc"))
    text = "TrainingSchedule btc: spec.data: missing"
    view = SimulationView(b.NOW, KEY, world.simulation, Fault(Reason.SPEC_INVALID, text))
    facts = facts_of(view, b.settings(), POLL)
    assert facts is not None
    assert plan(facts, Findings()).status.message == text


def queued(world: World, *names: str, words: str = TOO_LARGE, **more: Any) -> None:
    """Let Kueue hold Jobs back with its words."""
    for name in names:
        raw = world.jobs[name].raw
        spec, labels = raw["spec"] | {"suspend": True}, raw["metadata"]["labels"]
        meta = raw["metadata"] | {"labels": labels | {"kueue.x-k8s.io/queue-name": "gpu"}}
        found = Workload.read(
            {
                "metadata": {
                    "namespace": "ns", "name": f"job-{name}", "uid": f"w-{name}",
                    "labels": {"kueue.x-k8s.io/job-uid": meta["uid"]},
                    "ownerReferences": [{"kind": "Job", "name": name, "uid": meta["uid"]}],
                },
                "spec": {"queueName": "gpu"},
                "status": {"conditions": [{
                    "type": "QuotaReserved", "status": "False", "reason": "Pending",
                    "message": words, "lastTransitionTime": b.stamp(b.NOW),
                }]},
            }
        )  # fmt: skip
        said = {"metadata": meta, "spec": spec, "status": more}
        world.jobs[name] = Job(raw | said, kueue=InQueue(found))


def test_a_job_that_waits_for_its_turn_waits_with_kueues_words_as_long_as_it_takes() -> None:
    world = begun()
    queued(world, *TRAINING, words=FULL)
    for _ in range(3):
        world.settle()
        status = world.simulation.status
        assert (status.phase, status.reason, status.message) == ("Pending", "Queued", FULL)
        world.now += timedelta(days=30)
    assert [v.queue and v.queue.state for v in status.variants] == ["Queued", "Queued"]


def test_a_job_that_nothing_admits_ends_after_its_time_with_kueues_words() -> None:
    world = begun()
    queued(world, "sim-v0", words=FULL)
    queued(world, "sim-v1", words=FULL)
    world.settle()
    world.now += timedelta(days=1)
    queued(world, "sim-v1")
    world.settle()
    assert world.simulation.status.phase == "Pending"
    world.now += timedelta(seconds=1800)
    assert world.settle() == 0, "the time counts from when the reason was first seen"
    world.now += timedelta(seconds=1)
    world.settle()
    status = world.simulation.status
    assert (status.phase, status.reason) == ("Failed", "NotAdmissible")
    assert status.message.startswith('variant "deep": NotAdmissible: could not be admitted')
    assert TOO_LARGE in status.message
    assert world.jobs == {}


def test_a_job_that_was_put_back_half_done_says_why_and_ends_where_nothing_admits_it() -> None:
    world = begun()
    for name in TRAINING:
        world.runs(name, ready=1, succeeded=1)
    world.settle()
    queued(world, "sim-v1", succeeded=1)
    world.settle()
    status = world.simulation.status
    assert status.phase == "Running"
    assert f'variant "deep" waits: {TOO_LARGE}' in status.message
    world.now += timedelta(seconds=1801)
    world.settle()
    assert world.simulation.status.reason == "NotAdmissible"


def test_a_queue_that_holds_the_last_job_for_good_ends_it_too() -> None:
    world = reducing()
    queued(world, "sim-r")
    world.settle()
    status = world.simulation.status
    assert (status.phase, status.reason) == ("Running", "NotAdmissible")
    assert status.reduce_queue is not None
    world.now += timedelta(seconds=1801)
    world.settle()
    status = world.simulation.status
    assert (status.phase, status.reason) == ("Failed", "NotAdmissible")
    assert status.message.startswith("the Job that reduces: NotAdmissible: ")


def test_time_in_a_queue_is_that_of_the_job_that_stands_there() -> None:
    world = begun()
    queued(world, *TRAINING)
    world.settle()
    del world.jobs["sim-v1"]
    world.now += timedelta(seconds=1801 - 10)
    world.settle()
    meta = world.jobs["sim-v1"].raw["metadata"]
    meta["uid"] = "another"
    queued(world, "sim-v1")
    world.settle()
    queue = world.simulation.status.variants[1].queue
    assert queue is not None
    assert queue.since == world.now


def test_a_job_in_a_queue_is_lent_keys_once_it_is_let_go() -> None:
    world = begun()
    queued(world, *TRAINING, words=FULL)
    assert not any(isinstance(act, acts.Lend) for act in world.plan().acts)
    for name in TRAINING:
        raw = world.jobs[name].raw
        world.jobs[name] = Job(raw | {"spec": raw["spec"] | {"suspend": False}})
    lent = [act.job.name for act in world.plan().acts if isinstance(act, acts.Lend)]
    assert lent == [*TRAINING]
    task = SimulationTask.model_validate_json(world.task or b"")
    assert job_of(piece_of(world.simulation, task, 0), b.settings(), b.NOW).lent_when_admitted


def test_a_pod_that_is_not_allowed_any_more_is_not_made() -> None:
    world = World()
    world.settle(2)
    task = SimulationTask.model_validate_json(world.task or b"")
    runs = [v.run.having(pod=v.run.pod.having(priority_class_name="vip")) for v in task.variants]
    pairs = zip(task.variants, runs, strict=True)
    world.task = (
        task.having(variants=[v.having(run=run) for v, run in pairs])
        .model_dump_json(by_alias=True, exclude_none=True)
        .encode()
    )
    world.settle()
    status = world.simulation.status
    assert (status.phase, world.made) == ("Failed", [])
    assert '"vip" is not allowed' in status.message


def test_a_job_that_is_being_removed_is_waited_for_with_words() -> None:
    world = begun()
    raw = world.jobs["sim-v0"].raw
    meta = raw["metadata"] | {"deletionTimestamp": b.stamp(b.NOW)}
    world.jobs["sim-v0"] = Job(raw | {"metadata": meta})
    world.settle()
    assert 'Job "sim-v0" is being removed' in world.simulation.status.message


def test_one_whose_spec_is_not_read_any_more_goes_on_as_it_was_frozen() -> None:
    world = begun()
    world.ends(*TRAINING)
    odd = SimulationObject.read(world.simulation.raw | {"spec": {"unknown": 1}})
    assert odd.spec is None
    view = SimulationView(world.now, KEY, odd, None, world.jobs)
    facts = facts_of(view, b.settings(), POLL)
    assert facts is not None
    asked = needs(facts)
    assert (asked.freeze, asked.task) == (False, True)
    task = SimulationTask.model_validate_json(world.task or b"")
    assert [type(act) for act in plan(facts, Findings(task=task)).acts] == [acts.CreateJob]


@pytest.mark.parametrize(
    "patch",
    [{f"key{number}": 1 for number in range(2000)}, {"k" * 1_000_000: 1}],
    ids=["two thousand unknown fields", "a field with a name of a megabyte"],
)
def test_a_patch_with_endless_faults_ends_with_the_first_words(patch: Raw) -> None:
    world = World(simulation(variants=[{"name": "odd", "patch": patch}]))
    spec = world.simulation.spec
    assert spec is not None
    with pytest.raises(SpecError) as found:
        frozen_of(spec)
    view = SimulationView(world.now, KEY, world.simulation, spec.schedule)
    facts = facts_of(view, b.settings(), POLL)
    assert facts is not None
    fault = Fault(found.value.reason, found.value.message)
    status = plan(facts, Findings(frozen=fault)).status
    assert (status.phase, len(status.message)) == ("Failed", 4096)
    assert status.message.startswith("spec.variants[odd].patch.k")


def test_a_spec_without_a_bottom_is_a_problem_of_its_own() -> None:
    deep: Raw = {}
    for _ in range(9000):
        deep = {"a": deep}
    raw = simulation().raw
    spec = raw["spec"] | {"variants": [{"name": "odd", "patch": deep}]}
    made = SimulationObject.read(raw | {"spec": spec})
    assert made.spec is None
    assert made.problem == "spec.variants.0.patch: nests deeper than 64 levels"


def test_an_end_that_no_calendar_holds_is_not_told() -> None:
    world = begun()
    for name in TRAINING:
        world.runs(name, ready=1)
    world.settle()
    world.now += timedelta(days=3000)
    world.progress = {"as-is": 1}
    world.settle()
    status = world.simulation.status
    assert (status.trained, status.estimated_completion_time) == (1, None)
