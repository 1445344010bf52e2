"""A pod with an own image: who works in it, with which keys, and whose end ends it."""

import json
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_api.layout import RunLayout
from clm_api.replay import Contender, ReplayTask
from clm_operator.jobs.credentials import Grant
from clm_operator.jobs.manifest import NewJob
from clm_operator.mirror.objects import Job, Pod
from clm_operator.runs.job import training_job
from tests.operator.units import builders as b
from tests.operator.units.test_outcomes import HAD_JOB
from tests.operator.units.test_replay_keys import lending
from tests.operator.units.test_replays import HOUR, job_at
from tests.operator.units.test_shadow import IN_PRODUCTION
from tests.operator.units.test_sidecars import PULL, RUNS, STARTS, T0, WORDS, ended_with
from tests.operator.units.world import World, ended

Raw = dict[str, Any]
IMAGE = "registry.io/quants/own:1"
OTHER = "registry.io/quants/own:2"
PER_RUN = {
    "url": "s3://models", "secretName": "store", "endpoint": "http://minio:9000",
    "credentials": "PerRun",
}  # fmt: skip
KEY = {"ownTrades": True, "secretRef": {"name": "exchange-key"}}


def own_job(store: Raw | None = None, champion: Contender | None = None, **spec: Any) -> NewJob:
    """Build the Job of a version with an own image."""
    spec["job"] = {"image": IMAGE, **spec.get("job", {})}
    version = b.version(**spec)
    assert version.spec is not None
    settings = b.settings(store=store) if store else b.settings()
    return training_job(version, version.spec, settings, b.NOW, champion)


def pod_of(made: NewJob) -> Raw:
    pod: Raw = made.manifest["spec"]["template"]["spec"]
    return pod


def both(made: NewJob) -> tuple[Raw, Raw]:
    """Return the container that fetches and the one that trains."""
    pod = pod_of(made)
    ((fetcher,), (trainer,)) = pod["initContainers"], pod["containers"]
    return fetcher, trainer


def env(container: Raw) -> Raw:
    return {one["name"]: one.get("value") for one in container["env"]}


def mounts(container: Raw) -> Raw:
    return {one["name"]: one.get("readOnly", False) for one in container["volumeMounts"]}


def secrets(container: Raw) -> list[str]:
    return [one["secretRef"]["name"] for one in container["envFrom"]]


def test_clms_own_image_fetches_before_an_own_one_trains() -> None:
    fetcher, trainer = both(own_job())
    assert (fetcher["name"], fetcher["image"], fetcher["args"]) == ("fetch", "trainer:1", ["fetch"])
    assert (trainer["name"], trainer["image"], trainer["args"]) == ("trainer", IMAGE, ["train"])
    assert env(fetcher)["CLM_RUN_SPEC"] == env(trainer)["CLM_RUN_SPEC"]
    assert fetcher["securityContext"] == trainer["securityContext"]
    version = b.version()
    assert version.spec is not None
    ours = training_job(version, version.spec, b.settings(), b.NOW)
    assert "initContainers" not in pod_of(ours)


def test_the_two_share_nothing_but_what_was_asked() -> None:
    fetcher, trainer = both(own_job())
    assert mounts(fetcher) == {"tmp-fetch": False, "fetched": False}
    assert mounts(trainer) == {"tmp": False, "fetched": True}
    assert env(fetcher)["CLM_FETCHED"] == env(trainer)["CLM_FETCHED"]


def test_the_exchange_key_is_where_clms_own_image_is() -> None:
    made = own_job(data=KEY)
    fetcher, trainer = both(made)
    assert "exchange-keys" in mounts(fetcher)
    assert env(fetcher)["CLM_EXCHANGE_KEYS"]
    assert "exchange-keys" not in mounts(trainer)
    assert "CLM_EXCHANGE_KEYS" not in env(trainer)


def test_a_gpu_is_for_the_one_that_trains() -> None:
    fetcher, trainer = both(own_job(job={"gpu": {"count": 1}}))
    assert trainer["resources"]["limits"].pop("nvidia.com/gpu") == "1"
    assert fetcher["resources"] == trainer["resources"], "else the pod would need the sum of both"


def test_either_ones_final_code_ends_the_job() -> None:
    rules = own_job().manifest["spec"]["podFailurePolicy"]["rules"]
    named = [rule["onExitCodes"]["containerName"] for rule in rules if "onExitCodes" in rule]
    assert named == ["fetch", "trainer"]


def grants(made: NewJob) -> tuple[Grant, Grant]:
    fetches, trains = made.grants
    return fetches, trains


def test_each_has_keys_of_its_own() -> None:
    made = own_job(PER_RUN)
    fetches, trains = grants(made)
    fetcher, trainer = both(made)
    assert (secrets(fetcher), secrets(trainer)) == ([fetches.name], [trains.name])
    assert len({fetches.name, trains.name}) == 2
    assert fetches.seconds == trains.seconds


def test_an_own_image_writes_its_own_run_and_nothing_else() -> None:
    uri = "s3://models/runs/ns/btc/uid-0/manifest.json"
    champion = Contender(version="btc-0", uri=uri, sha256="0" * 64, since=b.NOW)
    made = own_job(PER_RUN, champion, data={**KEY, "refresh": "Auto"})
    run = RunLayout("ns", "btc", "uid-btc-1").pattern
    fetches, trains = grants(made)
    assert {form.writes for form in trains.forms} == {(run,)}
    reads = trains.forms[0].reads
    assert [path for path in reads if path.startswith("bars/") and "/trades-*/" in path]
    assert [path for path in reads if "uid-0" in path], "it is compared with the champion"
    assert not [path for path in reads if path.startswith(("leases/", "bans/"))]
    written = fetches.forms[0].writes
    assert {path.split("/")[0] for path in written} == {"runs", "bars", "leases", "bans"}
    assert "uid-0" not in str(fetches)


def test_static_keys_are_the_same_for_both() -> None:
    fetcher, trainer = both(own_job())
    assert secrets(fetcher) == secrets(trainer) == ["store"]


def test_an_account_stands_for_both() -> None:
    fetcher, trainer = both(own_job({"url": "s3://models", "credentials": "Ambient"}))
    assert secrets(fetcher) == secrets(trainer) == []
    assert env(trainer)["CLM_STORE_AMBIENT"] == "1"


def pod(phase: str, fetcher: Raw, trainer: Raw) -> Pod:
    status = {
        "phase": phase,
        "initContainerStatuses": [{"name": "fetch", "state": fetcher}],
        "containerStatuses": [{"name": "trainer", "state": trainer}],
    }
    return Pod.read({"metadata": {"uid": "p", "creationTimestamp": b.stamp(T0)}, "status": status})


@dataclass(frozen=True)
class Case:
    name: str
    pod: Pod
    stands: str
    says: str = ""
    condition: tuple[str, str] | None = None
    after: float = 5


BANNED = json.dumps({"code": 69, "reason": "ExchangeBanned", "message": "until noon"})
FAILED = ("Failed", "BackoffLimitExceeded")
CASES = [
    Case("its image is pulled", pod("Pending", STARTS, STARTS), "Pending JobCreated"),
    Case("CLM's image can't be pulled", pod("Pending", PULL, STARTS), "Pending ImagePullBackOff",
         "container fetch: ImagePullBackOff: no such image"),
    Case("it fetches", pod("Pending", RUNS, STARTS), "Running TrainingStarted"),
    Case("it fetches for longer than a pod may wait for a node", pod("Pending", RUNS, STARTS),
         "Running TrainingStarted", after=800),
    Case("it says nothing for longer than a run may", pod("Pending", RUNS, STARTS),
         "Failed DeadlineExceeded", "no progress for 900 s", after=901),
    Case("it has fetched, and the trainer is started", pod("Pending", ended_with(0), STARTS),
         "Running TrainingStarted"),
    Case("the own image can't be pulled", pod("Pending", ended_with(0), PULL),
         "Pending ImagePullBackOff", "ImagePullBackOff: no such image"),
    Case("the own image can't be pulled for too long", pod("Pending", ended_with(0), PULL),
         "Failed Unschedulable", "no such image", after=700),
    Case("the trainer works", pod("Running", ended_with(0), RUNS), "Running TrainingStarted"),
    Case("fetching failed for good", pod("Failed", ended_with(65, WORDS), STARTS),
         "Failed DataGap", "a hole in BTC/USDT", ("Failed", "PodFailurePolicy")),
    Case("fetching failed too often", pod("Failed", ended_with(69, BANNED), STARTS),
         "Failed ExchangeBanned", "until noon", FAILED),
    Case("fetching failed and is tried again", pod("Failed", ended_with(69, BANNED), STARTS),
         "Running ExchangeBanned", "its pod ended: until noon"),
    Case("fetching failed and its pod does not say so yet",
         pod("Pending", ended_with(69, BANNED), STARTS), "Running ExchangeBanned",
         "its pod ended: until noon"),
    Case("fetching needed too much memory", pod("Failed", ended_with(137, "", "OOMKilled"), STARTS),
         "Failed OOMKilled", "needed more memory than its limit (4Gi)", FAILED),
    Case("training failed", pod("Failed", ended_with(0), ended_with(65, WORDS)), "Failed DataGap",
         "a hole in BTC/USDT", ("Failed", "PodFailurePolicy")),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_what_becomes_of_the_run(case: Case) -> None:
    version = b.version(status=HAD_JOB, job={"image": IMAGE, "pendingDeadlineSeconds": 600})
    found = {"btc-1": b.job("btc-1", case.pod, condition=case.condition)}
    seen = b.seen(version, now=T0 + timedelta(seconds=case.after), jobs=found)
    got = b.came_of(version, seen, b.settings()).status
    assert f"{got.phase} {got.reason}" == case.stands
    assert case.says in got.message


LACKS: Raw = {
    "waiting": {"reason": "CreateContainerConfigError", "message": 'secret "x" not found'}
}


@pytest.mark.parametrize(
    "pod",
    [pod("Pending", LACKS, STARTS), pod("Pending", ended_with(0), LACKS)],
    ids=["the fetching one's", "the training one's"],
)
def test_keys_that_a_crash_kept_from_a_job_are_made_again_for_both(pod: Pod) -> None:
    settings = b.settings(store=PER_RUN, jobPolicy={"images": ["registry.io"]})
    made = own_job(PER_RUN)
    version = b.version(status=HAD_JOB, job={"image": IMAGE})
    meta = {
        "uid": "job-1", "creationTimestamp": b.stamp(b.NOW),
        "ownerReferences": [{"controller": True, "uid": "uid-btc-1"}],
    }  # fmt: skip
    raw = {**made.manifest, "metadata": made.manifest["metadata"] | meta}
    seen = b.seen(version, jobs={"btc-1": Job(raw, (pod,))}, now=b.NOW + timedelta(seconds=5))
    lent = b.plan(seen, settings).lend
    assert [(one.container, one.name) for one in lent] == [
        (one.container, one.name) for one in made.grants
    ]
    assert {one.secret["ownerReferences"][0]["uid"] for one in lent} == {"job-1"}


def own_world() -> World:
    """A version of an own image is in production."""
    world = lending()
    (version,) = world.versions
    version["spec"]["run"]["pod"] |= {"image": IMAGE, "fetchImage": "trainer:1"}
    world.settings = b.settings(store=PER_RUN, jobPolicy={"images": ["registry.io/quants"]})
    return world


def test_a_replay_of_an_own_image_has_its_bars_fetched_too() -> None:
    world = own_world()
    made = world.plan().create_replay
    assert made is not None
    fetcher, trainer = both(made)
    assert (fetcher["image"], trainer["image"]) == ("trainer:1", IMAGE)
    assert trainer["args"] == ["replay"]
    assert env(fetcher)["CLM_REPLAY_TASK"] == env(trainer)["CLM_REPLAY_TASK"]
    fetches, replays = grants(made)
    (report,) = replays.forms[0].writes
    assert report.startswith("evaluations/ns/btc/")
    assert not [path for path in fetches.forms[0].writes if path.startswith(("runs", "evalu"))]
    assert made.name == job_at(6)


def test_a_replay_in_an_image_that_is_no_longer_allowed_says_so() -> None:
    world = own_world()
    world.settings = b.settings(store=PER_RUN)
    world.settle()
    told = world.schedule["status"]["replay"]
    assert (told["phase"], told["reason"]) == ("Failed", "SpecInvalid")
    assert "btc-0, whose pod it needs: spec.run.pod.image" in told["message"]


@dataclass(frozen=True)
class Turn:
    name: str
    production: str | None
    trial: str | None
    slots: list[tuple[bool, str, int]]
    """Whether the version on trial is in it, the pod's image, for how many hours a signal holds."""


TURNS = [
    Turn("one own image serves both in each slot", IMAGE, IMAGE,
         [(True, IMAGE, 7), (True, IMAGE, 7)]),
    Turn("two own images take turns", IMAGE, OTHER,
         [(True, OTHER, 13), (False, IMAGE, 13), (True, OTHER, 13)]),
    Turn("an own one and CLM's take turns", IMAGE, None,
         [(True, "trainer:1", 13), (False, IMAGE, 13)]),
    Turn("two of CLM's own do not", None, None, [(True, "trainer:1", 7), (True, "trainer:1", 7)]),
]  # fmt: skip


@pytest.mark.parametrize("turn", TURNS, ids=attrgetter("name"))
def test_production_is_watched_all_through_a_test_of_another_image(turn: Turn) -> None:
    tested = ended("btc-1", "SHADOW", shadow={"since": b.stamp(b.NOW)})
    world = World.of(ended("btc-0", "PRODUCTION"), tested, status=IN_PRODUCTION)
    world.settings = b.settings(jobPolicy={"images": ["registry.io/quants"]})
    for version in world.versions:
        image = turn.production if version["metadata"]["name"] == "btc-0" else turn.trial
        if image is not None:
            version["spec"]["run"]["pod"] |= {"image": image, "fetchImage": "trainer:1"}
    found = []
    for number in range(1, len(turn.slots) + 1):
        world.now = b.NOW + 6 * number * HOUR
        made = world.plan().create_replay
        assert made is not None
        (trainer,) = pod_of(made)["containers"]
        told = ReplayTask.model_validate_json(env(trainer)["CLM_REPLAY_TASK"])
        assert told.champion is not None
        assert told.watch is not None
        holds = (told.watch.valid_until - told.slot) // HOUR
        found.append((told.challenger is not None, trainer["image"], holds))
    assert found == turn.slots
