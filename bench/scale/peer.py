"""Kubernetes' own CronJob controller, alone in its process, on the same kind of API server."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.scale.admin import Call
from bench.scale.audit import PEER
from bench.scale.bursts import per_slot, quantiles
from bench.scale.meter import Reading, between, memory_mb
from bench.scale.progress import say
from bench.scale.schedules import name_of, next_minute, sleep_until
from bench.scale.world import NAMESPACE, World
from local_cluster.components import flags

Raw = dict[str, Any]
_CRONJOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/cronjobs"
_NAME = "cronjob-controller"
_START_S, _IDLE_S, _SLOTS = 20.0, 40.0, 2
_LEAD, _LENGTH = timedelta(seconds=2), timedelta(seconds=57)
_JOB = {
    "spec": {
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "serviceAccountName": "clm-trainer",
                "containers": [{"name": "trainer", "image": "trainer:none", "args": ["train"]}],
            }
        }
    }
}


def peer(repo: Path, count: int, due: int) -> Raw:
    """Measure its start, its idleness and two minutes in which ``due`` CronJobs come due."""
    with World(repo) as world:
        spec = {"schedule": "* * * * *", "suspend": True, "jobTemplate": _JOB}
        world.admin.all(Call("POST", _CRONJOBS, _cronjob(i, spec)) for i in range(count))
        start = world.reading(0)
        with _controller(world) as pid:
            found: Raw = {"start": _used(world, pid, start, _START_S)}
            found["idle"] = _used(world, pid, world.reading(pid), _IDLE_S)
            say(f"{count} CronJobs, idle", found["idle"])
            _resume(world, due)
            found["slots"] = [_slot(world, pid) for _ in range(_SLOTS)]
            found["slot"] = min(found["slots"], key=_cpu_ms)
            say(f"{count} CronJobs, slot", found["slot"])
            return found | memory_mb(pid)


def _cpu_ms(slot: Raw) -> float:
    return float(slot["per_slot"]["operator_cpu_ms"])


def _cronjob(number: int, spec: Raw) -> Raw:
    metadata = {"name": name_of(number), "namespace": NAMESPACE}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": spec}


@contextmanager
def _controller(world: World) -> Iterator[int]:
    processes = world.plane.processes
    options = flags(
        kubeconfig=world.kubeconfig(PEER),
        controllers="cronjob-controller",
        secure_port=0,
        leader_elect="false",
    )
    processes.start(_NAME, ["kube-controller-manager", *options])
    try:
        yield processes.pid(_NAME) or 0
    finally:
        processes.stop(_NAME)


def _used(world: World, pid: int, start: Reading, seconds: float) -> Raw:
    time.sleep(seconds)
    return between(start, world.reading(pid), world.audit.read(), PEER)


def _resume(world: World, due: int) -> None:
    """Resume some; what they missed they run at once, so that minute is not counted."""
    sleep_until(next_minute(datetime.now(UTC)) + _LEAD, datetime.now(UTC))
    body = {"spec": {"suspend": False}}
    world.admin.all(Call("PATCH", f"{_CRONJOBS}/{name_of(i)}", body) for i in range(due))


def _slot(world: World, pid: int) -> Raw:
    slot = next_minute(datetime.now(UTC))
    sleep_until(slot - _LEAD, datetime.now(UTC))
    start = world.reading(pid)
    sleep_until(slot + _LENGTH - _LEAD, datetime.now(UTC))
    end, log = world.reading(pid), world.audit.read()
    found = between(start, end, log, PEER)
    late = [r.at - slot.timestamp() for r in log[start.requests : end.requests] if r.made("jobs")]
    return found | {"jobs_late_s": quantiles(late), "per_slot": per_slot(found, len(late) or 1)}
