"""Where replay Jobs wait: in a queue of their own, or in that of the run."""

from typing import Any

import pytest

from tests.operator.units import builders as b
from tests.operator.units.test_replay_keys import lending
from tests.operator.units.world import World

Raw = dict[str, Any]
QUEUE, PRIORITY = "kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class"


def _labels(pod: Raw, replays: Raw) -> Raw:
    """Return the queue labels of a replay Job.

    Parameters
    ----------
    pod
        What the run of the version in production was told of its queue.
    replays
        What the settings say of replays.
    """
    world: World = lending()
    for version in world.versions:
        version["spec"]["run"]["pod"] |= pod
    store = world.settings.store.to_json_dict()
    allowed = {"workloadPriorityClasses": ["training"]}
    world.settings = b.settings(store=store, replays=replays, jobPolicy=allowed)
    found = world.plan().create_replay
    assert found is not None
    labels = found.manifest["metadata"]["labels"]
    return {k: v for k, v in labels.items() if "kueue" in k}


TRAINING = {"queueName": "gpu", "priorityClass": "training"}
REPLAYS = {"queueName": "replays", "priorityClass": "checks"}
ROWS = [
    ("nobody names a queue", {}, {}, {}),
    ("the run has a queue", TRAINING, {}, {QUEUE: "gpu", PRIORITY: "training"}),
    ("replays have one of their own", TRAINING, REPLAYS, {QUEUE: "replays", PRIORITY: "checks"}),
    ("replays wait in the run's, behind others", TRAINING, {"priorityClass": "checks"},
     {QUEUE: "gpu", PRIORITY: "checks"}),
    ("only replays wait", {}, REPLAYS, {QUEUE: "replays", PRIORITY: "checks"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("pod", "replays", "labels"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS]
)
def test_a_replay_waits_where_the_settings_or_its_run_say(
    pod: Raw, replays: Raw, labels: Raw
) -> None:
    assert _labels(pod, replays) == labels
