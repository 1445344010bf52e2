"""One operator, wired: it watches always, and works while it holds the Lease."""

import asyncio
import logging
import os
import time
from contextlib import suppress
from functools import partial
from typing import Any

import kopf
from kubernetes.aio.client import ApiClient

from clm_operator.clock import SystemClock
from clm_operator.cluster.api import Api, WriteBudget
from clm_operator.cluster.resources import Cluster
from clm_operator.edge import watch
from clm_operator.edge.inbox import Inbox
from clm_operator.edge.leader import Leader, identity_of
from clm_operator.edge.namespaces import Namespaces
from clm_operator.edge.probes import Health, serve
from clm_operator.edge.taking import Taker
from clm_operator.edge.watches import Watches
from clm_operator.edge.workload_watch import WorkloadWatch
from clm_operator.mirror.objects import Key
from clm_operator.mirror.words import Words
from clm_operator.mirror.world import KINDS, Kind, Mirror
from clm_operator.round.creating import Creator
from clm_operator.round.launch import Launcher
from clm_operator.round.queue import Again
from clm_operator.round.refusals import Refusals
from clm_operator.round.retire import Undertaker
from clm_operator.round.round import Reconciler
from clm_operator.round.scheduler import Scheduler
from clm_operator.round.writing import Writer
from clm_operator.settings import Settings
from clm_operator.simulating.wiring import Outside, SimulationDesk
from clm_operator.store.lender import Lender
from clm_operator.store.pointer import PointerWriter
from clm_operator.store.results import ArtifactReader, open_store
from clm_operator.store.runs import RunStore
from clm_operator.store.standing import Standing
from clm_operator.telling.http import HttpSink
from clm_operator.telling.kube_events import KubeEvents
from clm_operator.telling.nats import NatsSink
from clm_operator.telling.nats_connection import connect
from clm_operator.telling.outbox import Outbox
from clm_operator.telling.outgoing import Outgoing, Pending
from clm_operator.telling.prometheus import Metrics
from clm_operator.telling.sinks import EventSink
from clm_operator.telling.teller import Teller
from clm_operator.view import View

_LOG = logging.getLogger("clm_operator")
_LEASE_WRITES_PER_SECOND = 10.0
_FIRST_LOOK_S = 2.0
"""So long rounds wait for what is known of the store: each schedule is then written once."""
HELPERS = ("leader", "health", "namespaces", "watches", "queues")
"""Tasks beside kopf's; an operator that has lost one is restarted, and says which."""


class Operator:
    """All parts, made once."""

    def __init__(self, settings: Settings, client: ApiClient) -> None:
        self.settings, self.clock, self.metrics = settings, SystemClock(), Metrics()
        clock, metrics = self.clock, self.metrics
        for_lease = WriteBudget(_LEASE_WRITES_PER_SECOND, clock.monotonic, lambda: True)
        for_lease_api = Api(client, for_lease, metrics.request)
        identity = identity_of(os.environ)
        self.leader = Leader(for_lease_api, settings.lease, identity, clock, metrics)
        budget = WriteBudget(
            settings.api_writes_per_second, clock.monotonic, lambda: self.leader.leads
        )
        self.api = Api(client, budget, metrics.request)
        self.mirror = Mirror(words=Words(clock.monotonic))
        self.cluster = Cluster(self.api, self.mirror, self._wake)
        self.store = open_store(settings.store)
        self.standing = Standing(settings.store, self.store, clock)
        self.undertaker = Undertaker(self.cluster, RunStore(self.store))
        self.scheduler = Scheduler(self.look, clock, metrics)
        self.namespaces = Namespaces(settings, self.cluster, metrics, self.scheduler.wake)
        self.health = Health(self.cluster.answers, self.leader, clock, metrics, HELPERS)
        self.teller = Teller(KubeEvents(self.api))
        self.outgoing = self._outgoing()
        self.simulations = SimulationDesk(
            Outside(
                self.api, self.mirror, self.store, self.standing, self.teller, settings, clock,
                metrics,
            ),
            self.namespaces.serves,
        )  # fmt: skip
        self.watches = Watches(
            self.api,
            self.mirror,
            settings.asked_namespaces,
            metrics,
            self.changed,
            self.known,
            self.teller.forget,
            self.simulations.known,
        )
        self.queues = [
            WorkloadWatch(self.api, self.cluster.kueue, self.mirror, scope, metrics, self._wake)
            for scope in settings.asked_namespaces
        ]
        self.reconciler = self._reconciler()
        self.helpers: list[asyncio.Task[None]] = []

    async def run(self, port: int) -> None:
        """Watch, and work while this process leads, until SIGTERM."""
        probes = await serve(self.health, self.metrics, port)
        labelled = self.namespaces.seen if self.settings.watch_namespace_selector else None
        handlers = watch.registry(self.mirror, self.changed, self.watches.hurry, labelled)
        # Later kopf waits 5 s for tasks that are not its own.
        kopf.on.cleanup(registry=handlers)(self.stop)
        self._start()
        named = [] if self.settings.clusterwide else self.settings.watch_namespaces
        try:
            await kopf.operator(
                registry=handlers,
                settings=watch.settings(),
                standalone=True,
                clusterwide=self.settings.clusterwide,
                namespaces=named,
            )
        finally:
            await self.stop()
            await probes.cleanup()
            await self.api.close()

    async def stop(self, **_: Any) -> None:
        """End all tasks beside kopf's."""
        for task in self.helpers:
            task.cancel()
        await asyncio.gather(*self.helpers, return_exceptions=True)

    async def look(self, key: Key) -> Again | None:
        """Make the rounds of a schedule where all that they rest on is known."""
        if not self.mirror.knows(key.namespace):
            return None  # its keys are woken once it does, or does again
        if self.namespaces.serves(key.namespace):
            return await self.reconciler(key)
        self.metrics.seen(View(self.clock.now(), key, None))
        return None

    def changed(self, kind: Kind, key: Key) -> None:
        """Look at the schedule that news are about."""
        self.metrics.event(kind, time.time())
        self.simulations.changed(kind, key)
        if kind in KINDS:
            self.namespaces.wake(key)

    def known(self, scope: str) -> None:
        """Look at the schedules of which everything is known now."""
        for key in self.mirror.keys(scope):
            if self.mirror.knows(key.namespace):
                self.namespaces.wake(key)
        self.simulations.known(scope)

    def _known(self) -> list[str]:
        return list(filter(self.mirror.knows, self.namespaces.served()))

    def _wake(self, key: Key) -> None:
        self.namespaces.wake(key)

    async def work(self) -> None:
        """Do what only one of several operators may do, until cancelled."""
        self.mirror.disown()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._rounds(self.scheduler), name="scheduler")
            tasks.create_task(self._rounds(self.simulations.scheduler), name="simulations")
            tasks.create_task(self.standing.run(self.scheduler.wake), name="store")
            tasks.create_task(self.undertaker.run(self._known), name="undertaker")
            tasks.create_task(self.outgoing.run(), name="outgoing")
            if (inbox := self._inbox()) is not None:
                tasks.create_task(inbox.run(), name="inbox")

    async def _rounds(self, scheduler: Scheduler) -> None:
        # No run can do without a bucket; all else goes on without the store.
        wait_s = None if self.settings.store.create_bucket else _FIRST_LOOK_S
        with suppress(TimeoutError):
            await asyncio.wait_for(self.standing.looked(), wait_s)
        await scheduler.run()

    def _start(self) -> None:
        running = (
            self.leader.run(self.work),
            self.health.run(),
            self.namespaces.run(),
            self.watches.run(),
            self._watch_queues(),
        )
        for name, part in zip(HELPERS, running, strict=True):
            self.helpers.append(asyncio.create_task(part, name=name))
        for task in self.helpers:
            task.add_done_callback(_say_how_it_ended)

    async def _watch_queues(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for one in self.queues:
                tasks.create_task(one.run(), name=f"watcher for workloads of {one.scope}")

    def _outgoing(self) -> Outgoing:
        settings, recorded = self.settings.events, Pending(self._wake)
        sinks = list[EventSink]()
        if settings.http is not None:
            sinks.append(HttpSink(settings.http, self.clock.now))
        if settings.nats is not None and settings.nats.stream is not None:
            sinks.append(NatsSink(settings.nats, settings.nats.stream))
        seen, name = self.metrics.sinks, settings.cluster
        return Outgoing(tuple(Outbox(one, self.mirror, seen, name, recorded) for one in sinks))

    def _inbox(self) -> Inbox | None:
        """Return who takes messages that ask for runs; None where nobody is to."""
        link, lease = self.settings.events.nats, self.settings.lease
        if link is None or not link.requests.enabled:
            return None
        release = f"{lease.namespace}-{lease.name}".replace(".", "_")
        taker = Taker(self.cluster, self.namespaces, self.clock, self.namespaces.wake)
        dial = partial(connect, link, "clm-operator requests")
        return Inbox(link.requests, link.requests.consumer or release, dial, taker, self.metrics)

    def _reconciler(self) -> Reconciler:
        settings, cluster, metrics = self.settings, self.cluster, self.metrics
        creator = Creator(
            cluster,
            Launcher(cluster, Lender(settings.store), settings.trainer),
            Refusals(self.clock, settings.progress_poll_seconds),
            metrics,
            self.scheduler.wake,
        )
        return Reconciler(
            cluster=cluster,
            reader=ArtifactReader(self.store, self.standing.doubt),
            writer=Writer(cluster, self.teller, metrics, self.outgoing),
            pointers=PointerWriter(self.store),
            creator=creator,
            undertaker=self.undertaker,
            standing=self.standing,
            settings=settings,
            clock=self.clock,
            metrics=metrics,
        )


def _say_how_it_ended(task: "asyncio.Task[None]") -> None:
    """A task that ends before it is told to is a fault: the liveness probe names it."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOG.error("the task %s has ended: %s", task.get_name(), error, exc_info=error)
