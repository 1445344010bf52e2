"""What Kueue is asked beside its Workloads: places in a queue, and why one takes nobody.

Both are for people to read. Where Kueue does not answer, or the operator may not ask, nothing is
said; the same question is not asked again before half a minute has passed.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from clm_operator.cluster.api import Api, ApiError, NotFoundError
from clm_operator.mirror.workloads import InQueue, Workload

_LOG = logging.getLogger(__name__)
GROUP = "kueue.x-k8s.io"
VERSIONS = ("v1beta2", "v1beta1")
"""Of Workloads and of the visibility API; the first that is served is used."""
_ASKED_EVERY_S = 30.0
_MOST_PLACES = 4000
K = TypeVar("K")
T = TypeVar("T")


@dataclass
class Kueue:
    """Reads what Kueue says of queues.

    Parameters
    ----------
    monotonic
        Seconds that never run backwards.
    """

    api: Api
    monotonic: Callable[[], float] = time.monotonic
    _places: dict[tuple[str, str], tuple[float, dict[str, int]]] = field(default_factory=dict)
    _closed: dict[str, tuple[float, tuple[str, str] | None]] = field(default_factory=dict)

    async def served(self) -> str | None:
        """Return the version in which Workloads can be read; None while Kueue is not there.

        Raises
        ------
        ApiError
            The API server does not say.
        """
        try:
            found = await self.api.get(f"/apis/{GROUP}")
        except NotFoundError:
            return None
        names = {one["version"] for one in found.get("versions") or ()}
        return next((name for name in VERSIONS if name in names), None)

    async def about(self, workload: Workload | None) -> InQueue:
        """Return what Kueue says of a Job that is not admitted."""
        if workload is None:
            return InQueue(None)
        places = await self._once(
            self._places, (workload.namespace, workload.queue), self._pending, {}
        )
        reserved = workload.standing("QuotaReserved")
        name = _inactive(reserved.message) if reserved else None
        closed = await self._once(self._closed, name, self._why_closed, None) if name else None
        return InQueue(workload, places.get(workload.name), closed)

    async def _once(
        self,
        known: dict[K, tuple[float, T]],
        what: K,
        ask: Callable[[K], Awaitable[T]],
        silence: T,
    ) -> T:
        now = self.monotonic()
        if (found := known.get(what)) is not None and now - found[0] < _ASKED_EVERY_S:
            return found[1]
        for old in [one for one, (at, _) in known.items() if now - at >= _ASKED_EVERY_S]:
            del known[old]
        known[what] = (now, silence)  # whoever asks meanwhile does not ask again
        try:
            said = await ask(what)
        except (ApiError, KeyError, TypeError) as error:
            _LOG.debug("Kueue does not say anything of %s: %s", what, error)
            said = silence
        known[what] = (now, said)
        return said

    async def _pending(self, queue: tuple[str, str]) -> dict[str, int]:
        """Return the places of a LocalQueue's Workloads, 1 is next."""
        namespace, name = queue
        below = f"namespaces/{namespace}/localqueues/{name}/pendingworkloads?limit={_MOST_PLACES}"
        for version in VERSIONS:
            try:
                found = await self.api.get(f"/apis/visibility.{GROUP}/{version}/{below}")
            except NotFoundError:
                continue
            items = found.get("items") or ()
            return {str(i["metadata"]["name"]): int(i["positionInLocalQueue"]) + 1 for i in items}
        return {}

    async def _why_closed(self, name: str) -> tuple[str, str] | None:
        """Return reason and words of a ClusterQueue that takes nobody."""
        if (version := await self.served()) is None:
            return None
        found = await self.api.get(f"/apis/{GROUP}/{version}/clusterqueues/{name}")
        for c in found.get("status", {}).get("conditions") or ():
            if c["type"] == "Active" and c["status"] == "False":
                return str(c.get("reason", "")), str(c.get("message", ""))
        return None


def _inactive(words: str) -> str | None:
    """Return the ClusterQueue of which Kueue says that it takes nobody."""
    name = words.removeprefix("ClusterQueue ").removesuffix(" is inactive")
    return name if words == f"ClusterQueue {name} is inactive" else None
