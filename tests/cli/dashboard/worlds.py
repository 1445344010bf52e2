"""Builders: a World of the dashboard from objects as the API server has them."""

import itertools
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from clm_cli.dashboard.objects import Objects
from clm_cli.dashboard.world import Key, Kind, Source, World
from tests.cli import objects as raws

Raw = dict[str, Any]
NOW = datetime(2025, 12, 2, 12, tzinfo=UTC)
NAMESPACE = "trading"
_KINDS = {
    "TrainingSchedule": Kind.SCHEDULES,
    "ModelVersion": Kind.VERSIONS,
    "Simulation": Kind.SIMULATIONS,
}
_NUMBERS = itertools.count(1)


def stored(raw: Raw, namespace: str = NAMESPACE) -> Raw:
    """Return an object as the API server would have it: with namespace, uid and generation."""
    given = {
        "namespace": namespace,
        "uid": f"uid-of-{raw['metadata']['name']}",
        "resourceVersion": str(next(_NUMBERS)),
        "generation": 1,
        "creationTimestamp": "2025-12-01T00:00:00Z",
    }
    return {**deepcopy(raw), "metadata": given | raw["metadata"]}


def schedule(name: str = "btc-eth", namespace: str = NAMESPACE, **status: Any) -> Raw:
    """Build a schedule as the API server has it."""
    return stored(raws.schedule(name, **status), namespace)


def version(owner: Raw, name: str = "btc-eth-29410920", **more: Any) -> Raw:
    """Build a version of a schedule as the API server has it."""
    return stored(raws.version(owner, name, **more), owner["metadata"]["namespace"])


def judged(owner: Raw, name: str = "btc-eth-29410920", stage: str = "REJECTED", **more: Any) -> Raw:
    """Build a judged version of a schedule as the API server has it."""
    return stored(raws.judged(owner, name, stage, **more), owner["metadata"]["namespace"])


def simulation(name: str = "choice", namespace: str = NAMESPACE, **status: Any) -> Raw:
    """Build a simulation as the API server has it."""
    raw = raws.sample("simulation-full")
    raw["metadata"] = {"name": name}
    raw["status"] = status
    return stored(raw, namespace)


def known(*objects: Raw) -> Objects:
    """Return what the watches know once they have brought these objects."""
    made = Objects()
    for raw in objects:
        made.put(_KINDS[raw["kind"]], raw)
    for kind in Kind:
        made.say(Source(kind, (NAMESPACE,), listed=True))
    return made


def world_of(*objects: Raw, now: datetime = NOW) -> World:
    """Return the world of these objects."""
    return known(*objects).world(now)


def key(raw: Raw) -> Key:
    """Return which object it is."""
    return Key(raw["metadata"]["namespace"], raw["metadata"]["name"])
