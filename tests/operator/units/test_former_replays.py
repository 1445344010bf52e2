"""An upgrade while a replay, called an evaluation then, runs: it is found and not made twice."""

from copy import deepcopy
from typing import Any

import pytest

from clm_operator.mirror.objects import Job
from tests.operator.units import builders as b
from tests.operator.units.test_replay_keys import NO_SECRET, lending
from tests.operator.units.test_replays import HOUR, job_at, producing, replay
from tests.operator.units.world import World

Raw = dict[str, Any]


def container(manifest: Raw) -> Raw:
    """Return the trainer's container of a Job."""
    return dict(manifest["spec"]["template"]["spec"]["containers"][0])


def of_before(job: Job) -> Job:
    """Return a Job as the operator made it when it was called an evaluation."""
    raw = deepcopy(job.raw)
    labels = raw["metadata"]["labels"]
    labels["clm.dev/evaluation"] = labels.pop("clm.dev/replay")
    trainer = raw["spec"]["template"]["spec"]["containers"][0]
    trainer["args"] = ["evaluate"]
    for one in trainer["env"]:
        one["name"] = one["name"].replace("CLM_REPLAY_TASK", "CLM_EVALUATION_TASK")
    return Job(raw, job.pods)


def upgraded(world: World, *, recorded: bool) -> World:
    """A Job runs at the slot six hours after the creation; then the operator is upgraded."""
    world.now = b.NOW + 6 * HOUR
    world.settle()
    (name,) = world.jobs
    world.jobs[name] = of_before(world.jobs[name])
    status = world.schedule["status"]
    found = status.pop("replay")
    if recorded:
        status["evaluation"] = found
    return world


@pytest.mark.parametrize("how", ["recorded", "cut off before its record"])
def test_a_job_of_before_is_waited_for_and_its_report_is_read(how: str) -> None:
    world = upgraded(producing(), recorded=how == "recorded")
    world.settle()
    assert (replay(world)["name"], replay(world)["phase"]) == (job_at(6), "Running")
    assert "evaluation" not in world.schedule["status"]
    world.finish(b.replayed(world.tasks[-1]))
    world.settle()
    assert (replay(world)["phase"], replay(world)["reason"]) == ("Succeeded", "Replayed")
    assert (len(world.tasks), list(world.jobs)) == (1, [job_at(6)]), "made once"
    world.now += 6 * HOUR
    world.settle()
    assert list(world.jobs) == [job_at(12)], "the next one takes its place"


@pytest.mark.parametrize("cut", range(1, 4))
def test_a_round_that_is_cut_off_moves_the_former_status_all_the_same(cut: int) -> None:
    world = upgraded(producing(), recorded=True)
    world.finish(b.replayed(world.tasks[-1]))
    world.settle(cut)
    world.settle()
    assert (replay(world)["reason"], len(world.tasks)) == ("Replayed", 1)


def test_keys_of_a_job_of_before_are_lent_again() -> None:
    world = upgraded(lending(), recorded=True)
    (name,) = world.jobs
    pods = (b.pod("Pending", complaint=NO_SECRET, created=world.now),)
    world.jobs[name] = Job(world.jobs[name].raw, pods)
    (grant,) = world.plan().lend
    assert grant.forms[0].reads[0] == "runs/ns/btc/uid-btc-0/*"


IMAGES = [
    ("of this release, as it is", "trainer:1", "replay", "CLM_REPLAY_TASK"),
    ("of another release, as all releases know it", "trainer:2", "evaluate", "CLM_EVALUATION_TASK"),
]


@pytest.mark.parametrize(
    ("image", "command", "variable"), [row[1:] for row in IMAGES], ids=[row[0] for row in IMAGES]
)
def test_the_image_that_made_a_version_is_told_to_replay(
    image: str, command: str, variable: str
) -> None:
    world = producing()
    world.settings = b.settings(trainer={"images": {"boosting": image}})
    world.now += 6 * HOUR
    made = world.plan().create_replay
    assert made is not None
    trainer = container(made.manifest)
    assert (trainer["image"], trainer["args"]) == ("trainer:1", [command])
    told = {e["name"] for e in trainer["env"]} & {"CLM_REPLAY_TASK", "CLM_EVALUATION_TASK"}
    assert told == {variable}
    assert "clm.dev/replay" in made.manifest["metadata"]["labels"]
