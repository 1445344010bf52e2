"""``python -m clm_operator``: wires everything once and runs until SIGTERM.

``python -m clm_operator check-store`` proves that the store is usable, for ``helm test``.
"""

import asyncio
import logging
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import kopf

from clm_api.errors import ClmError
from clm_api.logs import configure
from clm_operator.clock import SystemClock
from clm_operator.cluster.api import Api, WriteBudget, connect
from clm_operator.cluster.resources import Cluster
from clm_operator.edge import watch
from clm_operator.edge.leader import Leader, identity_of
from clm_operator.edge.list_watch import Watches
from clm_operator.edge.namespaces import Namespaces
from clm_operator.edge.probes import Health, serve
from clm_operator.mirror.objects import Key
from clm_operator.mirror.world import Kind, Mirror
from clm_operator.round.creating import Creator
from clm_operator.round.launch import Launcher
from clm_operator.round.queue import Again
from clm_operator.round.refusals import Refusals
from clm_operator.round.retire import Undertaker
from clm_operator.round.round import Reconciler
from clm_operator.round.scheduler import Scheduler
from clm_operator.round.writing import Writer
from clm_operator.settings import Settings, load_settings
from clm_operator.store.bucket import check_store
from clm_operator.store.lender import Lender
from clm_operator.store.pointer import PointerWriter
from clm_operator.store.results import ArtifactReader, open_store
from clm_operator.store.runs import RunStore
from clm_operator.store.standing import Standing
from clm_operator.telling.kube_events import KubeEvents
from clm_operator.telling.prometheus import Metrics
from clm_operator.telling.teller import Teller
from clm_operator.view import Snapshot

_LOG = logging.getLogger("clm_operator")
_LEASE_WRITES_PER_SECOND = 10.0
_FIRST_LOOK_S = 2.0
"""So long rounds wait for what is known of the store: each schedule is then written once."""
CONFIG_VARIABLE = "CLM_CONFIG"
CONFIG_DEFAULT = "/etc/clm/config.yaml"
HELPERS = ("leader", "health", "namespaces", "watches")
"""Tasks beside kopf's; an operator that has lost one is restarted, and says which."""
PORT_VARIABLE = "CLM_HTTP_PORT"


async def operate(settings: Settings, port: int) -> None:
    """Run the operator: watch, and work while this process leads."""
    clock, metrics, client = SystemClock(), Metrics(), await connect()
    for_lease = WriteBudget(_LEASE_WRITES_PER_SECOND, clock.monotonic, lambda: True)
    leader = Leader(
        Api(client, for_lease, metrics.request),
        settings.leader,
        identity_of(os.environ),
        clock,
        metrics,
    )
    budget = WriteBudget(settings.api_writes_per_second, clock.monotonic, lambda: leader.leads)
    api = Api(client, budget, metrics.request)
    mirror = Mirror()
    cluster = Cluster(api, mirror)
    store = open_store(settings.store)
    standing = Standing(settings.store, store, clock)
    undertaker = Undertaker(cluster, RunStore(store))
    reconciler = Reconciler(
        cluster=cluster,
        reader=ArtifactReader(store, standing.doubt),
        writer=Writer(cluster, Teller(KubeEvents(api)), metrics),
        pointers=PointerWriter(store),
        creator=Creator(
            cluster,
            Launcher(cluster, Lender(settings.store), settings.trainer),
            Refusals(clock, settings.progress_poll_seconds),
            metrics,
            lambda key: scheduler.wake(key),  # noqa: PLW0108  it is made below
        ),
        undertaker=undertaker,
        standing=standing,
        settings=settings,
        clock=clock,
        metrics=metrics,
    )

    async def look(key: Key) -> Again | None:
        if not mirror.knows(key.namespace):
            return None  # its keys are woken once it does
        if namespaces.serves(key.namespace):
            return await reconciler(key)
        metrics.seen(Snapshot(clock.now(), key, None))
        return None

    scheduler = Scheduler(look, clock, metrics)
    namespaces = Namespaces(settings, cluster, metrics, scheduler.wake)
    health = Health(cluster.answers, leader, clock, metrics, HELPERS)
    probes = await serve(health, metrics, port)
    labelled = namespaces.seen if settings.watch_namespace_selector else None

    def changed(kind: Kind, key: Key) -> None:
        metrics.event(kind, time.time())
        namespaces.wake(key)

    def listed(scope: str) -> None:
        for key in mirror.keys(scope):
            if mirror.knows(key.namespace):
                namespaces.wake(key)

    watches = Watches(api, mirror, settings.asked_namespaces, changed, listed)

    async def rounds() -> None:
        wait_s = None if settings.store.create_bucket else _FIRST_LOOK_S  # no run without a bucket
        with suppress(TimeoutError):
            await asyncio.wait_for(standing.looked(), wait_s)
        await scheduler.run()

    async def work() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(rounds(), name="scheduler")
            tasks.create_task(standing.run(scheduler.wake), name="store")
            tasks.create_task(undertaker.run(namespaces.served), name="undertaker")

    helpers = [
        asyncio.create_task(leader.run(work), name="leader"),
        asyncio.create_task(health.run(), name="health"),
        asyncio.create_task(namespaces.run(), name="namespaces"),
        asyncio.create_task(watches.run(), name="watches"),
    ]
    for task in helpers:
        task.add_done_callback(_say_how_it_ended)

    async def stop(**_: Any) -> None:
        for task in helpers:
            task.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)

    handlers = watch.registry(mirror, changed, labelled)
    kopf.on.cleanup(registry=handlers)(stop)  # later kopf waits 5 s for tasks that are not its own
    try:
        await kopf.operator(
            registry=handlers,
            settings=watch.settings(),
            standalone=True,
            clusterwide=settings.clusterwide,
            namespaces=[] if settings.clusterwide else settings.watch_namespaces,
        )
    finally:
        await stop()
        await probes.cleanup()
        await api.close()


def _say_how_it_ended(task: "asyncio.Task[None]") -> None:
    """A task that ends before it is told to is a fault: the liveness probe names it."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOG.error("the task %s has ended: %s", task.get_name(), error, exc_info=error)


def main(arguments: list[str]) -> int:
    """Run the operator or its store check; return the exit code."""
    configure(json_lines=True)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    try:
        settings = load_settings(Path(os.environ.get(CONFIG_VARIABLE, CONFIG_DEFAULT)))
        if arguments == ["check-store"]:
            _LOG.info(check_store(settings.store))
            return 0
    except ClmError as error:
        _LOG.error(error.message, extra={"reason": error.reason})
        return error.exit_code
    asyncio.run(operate(settings, int(os.environ.get(PORT_VARIABLE, "8080"))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
