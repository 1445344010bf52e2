"""Keys that are lent to replay Jobs: what for, when they come late, when there are none."""

from copy import deepcopy
from typing import Any

import pytest

from clm_api.reasons import Reason
from clm_api.timing import slot_of
from clm_operator.complaints import Complaint
from clm_operator.findings import UnreadableReport
from clm_operator.mirror.objects import Job
from clm_operator.view import Withheld
from tests.operator.units import builders as b
from tests.operator.units.test_replays import HOUR, job_at, producing, replay
from tests.operator.units.world import World, ended

Raw = dict[str, Any]


def lending(**more: Any) -> World:
    """A store that lends each Job its own keys."""
    world = producing(**more)
    store = {
        "url": "s3://models", "secretName": "store", "credentials": "PerRun",
        "endpoint": "http://minio:9000",
    }  # fmt: skip
    world.settings = b.settings(store=store)
    world.now += 6 * HOUR
    return world


def test_a_replay_reads_its_versions_and_writes_one_report() -> None:
    world = lending()
    made = world.plan().create_replay
    assert made is not None
    assert "ownerReferences" not in made.grants[0].secret, "its Secret goes with its Job"
    narrow = made.grants[0].forms[0]
    assert narrow.reads[0] == "runs/ns/btc/uid-btc-0/*"
    slot = slot_of(b.NOW + 6 * HOUR)
    assert narrow.writes == (f"evaluations/ns/btc/ts-uid/{slot}.json",)
    (source,) = made.manifest["spec"]["template"]["spec"]["containers"][0]["envFrom"]
    assert source["secretRef"]["name"] == made.grants[0].name
    assert made.grants[0].name.startswith(f"{job_at(6)}-")


def test_a_store_that_lends_nothing_is_asked_again() -> None:
    world = lending()
    text = "the object store does not answer, and is asked again"
    world.withheld = {job_at(6): Withheld(Reason.STORAGE_UNAVAILABLE, text)}
    world.settle()
    found = replay(world)
    assert (found["phase"], found["reason"], found["message"]) == (
        "Pending", "StorageUnavailable", text,
    )  # fmt: skip
    assert world.plan().wake_at is not None
    world.withheld = {}
    world.settle()
    assert replay(world)["phase"] == "Running"


@pytest.mark.parametrize("how", ["deleted", "withdrawn"])
def test_a_replay_whose_versions_go_before_its_job_ends_with_a_reason(how: str) -> None:
    tested = {"since": b.stamp(b.NOW)}
    world = lending()
    if how == "withdrawn":
        world = World.of(ended("btc-1", "SHADOW", shadow=tested))
        world.now, world.settings = b.NOW + 6 * HOUR, lending().settings
    world.withheld = {job_at(6): Withheld(Reason.STORAGE_UNAVAILABLE, "away")}
    world.settle()
    assert replay(world)["phase"] == "Pending"
    if how == "withdrawn":
        world.ask("btc-1", "ARCHIVED")
    else:
        world.versions = []
    world.settle()
    found = replay(world)
    assert (found["phase"], found["reason"]) == ("Failed", "NothingToReplay")
    assert "completionTime" in found
    assert "before its Job could be made" in found["message"]
    assert not world.jobs


def test_a_longer_interval_does_not_go_back_behind_a_slot_that_waits() -> None:
    world = lending(monitoring={"interval": "1h"})
    world.now += HOUR
    world.withheld = {job_at(7): Withheld(Reason.STORAGE_UNAVAILABLE, "away")}
    world.settle()
    world.schedule["spec"]["monitoring"]["interval"] = "6h"
    world.withheld = {}
    world.settle()
    assert not world.jobs
    world.now += 5 * HOUR
    world.settle()
    assert list(world.jobs) == [job_at(12)]
    assert replay(world)["phase"] == "Running"


def test_a_store_that_is_away_in_ever_new_words_is_told_once() -> None:
    """Every write wakes the next round: a status that tells times would never come to rest."""
    world = lending()
    for took in ("280 ms", "296 ms"):
        world.withheld = {job_at(6): Withheld(Reason.STORAGE_UNAVAILABLE, f"no answer in {took}")}
        world.settle()
        assert "280 ms" in replay(world)["message"]
    world.withheld = {}
    world.settle()
    for took in ("310 ms", "312 ms"):
        world.finish(UnreadableReport(Reason.STORAGE_UNAVAILABLE, f"no answer in {took}"))
        world.settle()
        assert "310 ms" in replay(world)["message"]


NO_SECRET = Complaint("PodNotStarted", 'CreateContainerConfigError: secret "x" not found')


def test_a_pod_whose_secret_was_never_made_gets_it() -> None:
    """Killed between Job and Secret: the kubelet says what lacks, whoever looks next makes it."""
    world = lending()
    world.settle()
    (name,) = world.jobs
    assert world.plan().lend == ()
    pods = (b.pod("Pending", complaint=NO_SECRET, created=world.now),)
    world.jobs[name] = Job(world.jobs[name].raw, pods)
    (grant,) = world.plan().lend
    container = world.jobs[name].raw["spec"]["template"]["spec"]["containers"][0]
    assert grant.name == container["envFrom"][0]["secretRef"]["name"]
    (owner,) = grant.secret["ownerReferences"]
    assert (owner["kind"], owner["apiVersion"], owner["uid"]) == ("Job", "batch/v1", f"job-{name}")


@pytest.mark.parametrize("names", [[], ["store"]], ids=["the account stands for them", "static"])
def test_a_pod_from_before_keys_per_run_gets_none(names: list[str]) -> None:
    world = lending()
    world.settle()
    (name,) = world.jobs
    container = world.jobs[name].raw["spec"]["template"]["spec"]["containers"][0]
    container["envFrom"] = [{"secretRef": {"name": n}} for n in names]
    pods = (b.pod("Pending", complaint=NO_SECRET, created=world.now),)
    world.jobs[name] = Job(world.jobs[name].raw, pods)
    assert world.plan().lend == ()


def test_keys_that_come_late_are_for_what_the_job_was_told() -> None:
    world = lending()
    world.settle()
    (name,) = world.jobs
    world.versions.append(deepcopy(ended("btc-1").raw))
    world.ask("btc-1")
    world.settle()
    assert world.production() == "btc-1"
    pods = (b.pod("Pending", complaint=NO_SECRET, created=world.now),)
    world.jobs[name] = Job(world.jobs[name].raw, pods)
    (grant,) = world.plan().lend
    assert grant.forms[0].reads[0] == "runs/ns/btc/uid-btc-0/*"
