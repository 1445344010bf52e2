"""How much there is of all that could grow."""

import json
from typing import Any

from bench.scale.meter import memory_mb
from bench.soak.growth import Sample
from bench.soak.world import NAMESPACE, SoakWorld


def sample(world: SoakWorld, day: int) -> Sample:
    """Measure it."""
    there = world.sight.there
    assert world.operator is not None
    files = world.minio.keys(NAMESPACE)
    amounts: dict[str, float] = {
        "rss_mb": memory_mb(world.operator.process.pid)["rss_mb"],
        "schedule_bytes": _largest(there["trainingschedules"]),
        "version_bytes": _largest(there["modelversions"]),
        "list_items": _longest([*there["trainingschedules"].values()]),
        "run_folders": len({key.split("/")[3] for key in files if key.startswith("runs/")}),
        "tombstones": sum(key.startswith("tombstones/") for key in files),
    }
    for kind in ("modelversions", "jobs", "pods", "secrets"):
        amounts[kind] = len(there[kind])
    return Sample(day, world.starts, amounts)


def _largest(objects: dict[str, Any]) -> int:
    """Bytes of the largest status; of a list, which has a limit of its own, one item counts."""
    statuses = [o.get("status", {}) for o in list(objects.values())]
    short = [{k: v[-1:] if isinstance(v, list) else v for k, v in s.items()} for s in statuses]
    return max((len(json.dumps(status)) for status in short), default=0)


def _longest(objects: list[Any]) -> int:
    """Items of the longest list in a status."""
    statuses = (o.get("status", {}) for o in objects)
    lists = (v for status in statuses for v in status.values() if isinstance(v, list))
    return max(map(len, lists), default=0)
