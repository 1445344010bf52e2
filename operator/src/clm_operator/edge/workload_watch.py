"""Kueue's Workloads, watched while Kueue is there. No round waits for them.

A list comes first and after every break. Where the group is not served, or the operator may not
read it, it is looked for again now and then, and waiting runs go without Kueue's words.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from clm_operator.cluster.api import Api, ApiError
from clm_operator.cluster.kueue import GROUP, Kueue
from clm_operator.mirror.objects import Key, Raw
from clm_operator.mirror.workloads import Workload, job_of
from clm_operator.mirror.world import Mirror
from clm_operator.names import LABEL_JOB_UID
from clm_operator.settings import EVERY_NAMESPACE
from clm_operator.telling.prometheus import Metrics

_LOG = logging.getLogger(__name__)
_ABSENT_S, _REFUSED_S, _BROKEN_S = 60.0, 60.0, 3.0
_PAUSE_S = 0.5
_REFUSALS = (403, 404)


@dataclass
class WorkloadWatch:
    """Keeps the mirror up to date about the Workloads of a namespace, ``*`` of all.

    Parameters
    ----------
    wake
        Looks at a schedule.
    """

    api: Api
    kueue: Kueue
    mirror: Mirror
    scope: str
    metrics: Metrics
    wake: Callable[[Key], None]
    _since: str = field(default="", init=False)
    _path: str = field(default="", init=False)
    _fault: str = field(default="", init=False)

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            pause_s = await self.turn()
            await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))

    async def turn(self) -> float:
        """List where that is needed, watch until the stream ends; return the rest after it."""
        try:
            if not self._since and not await self._begins():
                return _ABSENT_S
            async for event in self.api.watch(self._path, self._since, LABEL_JOB_UID):
                self._take(event)
        except ApiError as error:
            refused = error.status in _REFUSALS
            self._lost(str(error), refused=refused)
            return _REFUSED_S if refused else _BROKEN_S
        except (KeyError, ValueError, TypeError) as error:
            self._lost(f"an answer that can't be read: {error!r}", refused=True)
            return _REFUSED_S
        return _PAUSE_S

    async def _begins(self) -> bool:
        """List all; return whether Kueue is there."""
        version = await self.kueue.served()
        if version is None:
            self._forget()
            self._fault = ""
            self.metrics.queues_unwatched(self.scope, unwatched=False)
            return False
        inside = "" if self.scope == EVERY_NAMESPACE else f"/namespaces/{self.scope}"
        self._path = f"/apis/{GROUP}/{version}{inside}/workloads"
        seen, since = set[str](), ""
        async for page in self.api.pages(self._path, LABEL_JOB_UID):
            since = since or str(page["metadata"]["resourceVersion"])
            for raw in page.get("items") or ():
                seen |= {one.uid for one in self._put(raw)}
            await asyncio.sleep(0)
        for gone in self.mirror.workloads.listed(self.scope, frozenset(seen)):
            self._tell(gone)
        self._since = since
        if self._fault:
            _LOG.info("Kueue's Workloads of %s are watched again", self.scope)
        self._fault = ""
        self.metrics.queues_unwatched(self.scope, unwatched=False)
        return True

    def _take(self, event: Raw) -> None:
        raw = event["object"]
        if event["type"] == "ERROR":
            raise ApiError(0, str(raw.get("message")))
        self._since = str(raw["metadata"]["resourceVersion"])
        if event["type"] == "BOOKMARK":
            return
        if event["type"] == "DELETED":
            if (gone := self.mirror.workloads.drop(raw)) is not None:
                self._tell(gone)
        else:
            self._put(raw)

    def _put(self, raw: Raw) -> list[Workload]:
        """Keep a Workload, and look at its schedule if that is news; one alone may be odd."""
        before = self.mirror.workloads.of(*job_of(raw))
        try:
            found = self.mirror.workloads.put(raw)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            _LOG.warning("Workload %s can't be read: %r", raw["metadata"].get("name"), error)
            if (gone := self.mirror.workloads.drop(raw)) is not None:
                self._tell(gone)
            return []
        if found is not None and found != before:
            self._tell(found)
        return [found] if found is not None else []

    def _tell(self, workload: Workload) -> None:
        place = (workload.namespace, workload.job, workload.job_uid)
        if (key := self.mirror.key_of_job(*place)) is not None:
            self.wake(key)

    def _lost(self, why: str, *, refused: bool) -> None:
        """Say once that nobody tells of Workloads; where that may stay so, forget them."""
        self._since = ""
        if not refused:
            _LOG.info("Kueue's Workloads of %s: %s; again soon", self.scope, why)
            return
        self._forget()
        if not self._fault:
            _LOG.warning(
                "Kueue's Workloads of %s can't be watched, so runs that wait in a queue go without "
                "Kueue's words: %s", self.scope, why,
            )  # fmt: skip
        self._fault = why
        self.metrics.queues_unwatched(self.scope, unwatched=True)

    def _forget(self) -> None:
        self._since = ""
        for gone in self.mirror.workloads.lost(self.scope):
            self._tell(gone)
