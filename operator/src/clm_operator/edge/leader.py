"""One process of several works, the one that holds the Lease; the others stand by, and watch."""

import asyncio
import logging
import socket
import uuid
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from clm_operator.clock import Clock
from clm_operator.cluster.api import Api, ApiError, ConflictError, NotFoundError
from clm_operator.edge.election import LEASE_S, RENEW_DEADLINE_S, Election
from clm_operator.settings import LeaderSettings
from clm_operator.telling.prometheus import Metrics

_LOG = logging.getLogger(__name__)
_ANSWER_S = RENEW_DEADLINE_S / 2
"""A renewal without an answer is given up in time for another one."""
_PATIENCE_S = 90.0
POD_VARIABLE, UID_VARIABLE = "CLM_POD_NAME", "CLM_POD_UID"


def identity_of(environment: Mapping[str, str]) -> str:
    """Return the name to hold a Lease under: a restarted container goes on with its pod's."""
    pod, uid = environment.get(POD_VARIABLE), environment.get(UID_VARIABLE)
    return f"{pod}_{uid}" if pod and uid else f"{socket.gethostname()}_{uuid.uuid4()}"


class Leader:
    """Holds the Lease, or waits for it.

    Parameters
    ----------
    api
        Takes the Lease's writes, ahead of all others.
    identity
        Under what name the Lease is held.
    """

    def __init__(
        self, api: Api, lease: LeaderSettings, identity: str, clock: Clock, metrics: Metrics
    ) -> None:
        self._api, self._clock, self._metrics = api, clock, metrics
        self._name = lease.name
        self._folder = f"/apis/coordination.k8s.io/v1/namespaces/{lease.namespace}/leases"
        self._lease = f"the Lease {lease.namespace}/{lease.name}"
        self._election = Election(identity)
        self._version: str | None = None
        """The resourceVersion that the next write rests on; None: look first; empty: no Lease."""
        self._work: asyncio.Task[None] | None = None
        self._answered_at: float | None = None
        self._born = clock.monotonic()
        self._fault = ""

    @property
    def leads(self) -> bool:
        """Whether this process may write."""
        return self._election.leads(self._clock.monotonic())

    @property
    def has_looked(self) -> bool:
        """Whether it is known who holds the Lease, since the start."""
        return self._answered_at is not None

    def trouble(self) -> list[str]:
        """Return what is wrong; empty for a leader and for a standby that see the Lease."""
        now, renewed_at = self._clock.monotonic(), self._election.renewed_at
        since = now - (self._born if self._answered_at is None else self._answered_at)
        found = []
        if self._work is not None and (renewed_at is None or now > renewed_at + LEASE_S):
            found.append(f"work goes on without {self._lease}")
        if since > _PATIENCE_S:
            found.append(f"no answer about {self._lease} for {since:.0f} s: {self._fault}")
        return found

    async def run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Work while the Lease is held, until cancelled; then let it go.

        Parameters
        ----------
        work
            Goes on until it is cancelled. If it ends, the Lease is let go and this ends too.
        """
        self._metrics.leads(leads=False)
        try:
            while self._work is None or not self._work.done():
                await self._turn()
                await self._begin_or_stop(work)
                await self._rest()
                await self._begin_or_stop(work)
        finally:
            try:
                await self._stop()
            finally:
                await self._release()

    async def _turn(self) -> None:
        """Look at the Lease where that is needed, and claim it where it may be claimed."""
        left = self._election.left_s(self._clock.monotonic())
        try:
            async with asyncio.timeout(min(_ANSWER_S, left) if left > 0 else _ANSWER_S):
                if not self.leads or self._version is None:
                    await self._look()
                if self._work is None or self.leads:  # work of an earlier term ends first
                    await self._claim()
        except (ApiError, TimeoutError) as error:
            self._version = None
            self._fail(str(error) or f"no answer within {_ANSWER_S:g} s")
        else:
            self._answered_at = self._clock.monotonic()
            if self._fault:
                _LOG.info("%s answers again", self._lease)
            self._fault = ""

    def _fail(self, why: str) -> None:
        if not self._fault:
            _LOG.warning("%s can't be read or written: %s", self._lease, why)
        self._fault = why

    async def _look(self) -> None:
        before = self._election.holder
        try:
            found = await self._api.get(f"{self._folder}/{self._name}")
        except NotFoundError:
            found = {"metadata": {"resourceVersion": ""}}
        self._version = found["metadata"]["resourceVersion"]
        self._election = self._election.seeing(found.get("spec") or {}, self._clock.monotonic())
        if (holder := self._election.holder) not in (before, self._election.identity):
            _LOG.info("%s is held by %s", self._lease, holder or "nobody")

    async def _claim(self) -> None:
        spec = self._election.claim(self._clock.monotonic(), self._clock.now())
        if spec is None:
            return
        sent = self._clock.monotonic()
        try:
            made = await self._write(spec)
        except (ConflictError, NotFoundError) as error:  # another was faster, or it is gone
            _LOG.info("%s was changed meanwhile: %s", self._lease, error)
            self._version = None
            await self._look()
            return
        self._version = made["metadata"]["resourceVersion"]
        self._election = self._election.holding(made["spec"], sent)

    async def _write(self, spec: dict[str, Any]) -> dict[str, Any]:
        if self._version:
            path = f"{self._folder}/{self._name}"
            return await self._api.patch(path, self._version, {"spec": spec})
        meta = {"name": self._name}
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta}
        return await self._api.create(self._folder, body | {"spec": spec})

    async def _begin_or_stop(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if not self.leads:
            await self._stop()
        elif self._work is None:
            _LOG.info("%s is held by %s, who leads", self._lease, self._election.identity)
            self._metrics.leads(leads=True)
            self._work = asyncio.create_task(work(), name="work")

    async def _stop(self) -> None:
        """End the work, and wait for its end; raise what it ended with by itself."""
        if self._work is None:
            return
        work = self._work
        work.cancel()
        await asyncio.wait({work})
        self._work = None
        self._metrics.leads(leads=False)
        _LOG.info("%s: %s leads no more", self._lease, self._election.identity)
        if not work.cancelled():
            work.result()

    async def _rest(self) -> None:
        seconds = self._election.rest_s(self._clock.monotonic())
        if self._work is None:
            await asyncio.sleep(seconds)
        else:
            await asyncio.wait({self._work}, timeout=seconds)

    async def _release(self) -> None:
        """Empty the holder, so that the next one begins at once; ask who it is where unsure."""
        if not self._election.is_mine:
            return
        try:
            async with asyncio.timeout(_ANSWER_S):
                if self._version is None:
                    await self._look()
                if self._version and self._election.is_mine:
                    await self._write(self._election.release(self._clock.now()))
        except (ApiError, TimeoutError) as error:
            _LOG.warning("%s was not let go, it runs out: %s", self._lease, error)
