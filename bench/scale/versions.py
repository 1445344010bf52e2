"""What ended versions cost: memory, a start, one slot."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.scale import schedules
from bench.scale.admin import Call
from bench.scale.bursts import burst
from bench.scale.progress import say
from bench.scale.runs import one_run
from bench.scale.starts import started
from bench.scale.world import NAMESPACE, SCHEDULES, VERSIONS, World

Raw = dict[str, Any]
_READY_S = 20.0


def versions(repo: Path, count: int, each: int, limit_s: float) -> Raw:
    """Measure a restart without and with ``each`` ended versions of every schedule."""
    with World(repo) as world:
        schedules.create(world, schedules.names(0, count))
        with started(world, count, limit_s) as (subject, first):
            if not first["reached"]:
                return {"first": first}
            one_run(subject, schedules.name_of(0), limit_s)
        with started(world, count, limit_s) as (_, without):
            say(f"{count} schedules without versions", without)
        _add(world, each)
        with started(world, count, limit_s) as (_, added):  # counts their tries, once
            say(f"{count} schedules, {each} versions each, first", added)
        with started(world, count, limit_s) as (subject, with_versions):
            say(f"{count} schedules, {each} versions each", with_versions)
            found = {"without": without, "added": added, "with_versions": with_versions}
            if with_versions["reached"]:
                found["slot"] = burst(subject, [schedules.name_of(1)], _READY_S, limit_s)
        more_kb = (with_versions["rss_mb"] - without["rss_mb"]) * 1024
        return found | {"kb_a_version": round(more_kb / (count * each), 2)}


def _add(world: World, each: int) -> None:
    """Copy the one version that ended to every schedule."""
    sample = next(world.admin.items(VERSIONS))
    made = [
        _version(sample, schedule["metadata"], number)
        for schedule in world.admin.items(SCHEDULES)
        for number in range(each)
    ]
    world.admin.all(Call("POST", VERSIONS, version) for version in made)
    world.admin.all(_statuses(made, sample["status"]))


def _version(sample: Raw, owner: Raw, number: int) -> Raw:
    version: Raw = json.loads(
        json.dumps({name: sample[name] for name in ("apiVersion", "kind", "spec")})
    )
    of = {"name": owner["name"], "uid": owner["uid"]}
    version["spec"]["scheduleRef"] = of
    version["metadata"] = {
        "name": f"{owner['name']}-m-{number:08d}",
        "namespace": NAMESPACE,
        "labels": sample["metadata"]["labels"] | {"clm.dev/schedule": owner["name"]},
        "ownerReferences": [sample["metadata"]["ownerReferences"][0] | of],
    }
    return version


def _statuses(made: list[Raw], status: Raw) -> Iterator[Call]:
    for version in made:
        path = f"{VERSIONS}/{version['metadata']['name']}/status"
        yield Call("PATCH", path, {"status": status})
