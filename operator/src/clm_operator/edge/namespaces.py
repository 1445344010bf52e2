"""Which namespaces are served: those that are named, all, or those whose labels match.

A namespace that refuses the operator, because it is gone or its Role is, costs the others nothing:
its schedules rest until it answers again.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable, Mapping

from clm_operator.cluster.api import ApiError, ForbiddenError, NotFoundError
from clm_operator.cluster.resources import Cluster
from clm_operator.mirror.objects import Key
from clm_operator.settings import EVERY_NAMESPACE, Settings
from clm_operator.telling.prometheus import Metrics

_LOG = logging.getLogger(__name__)
_LOOK_S = 15.0
_LOOKS_A_LIST = 4
"""A list of namespaces shows what no event told: kopf's watch may have missed it."""


class Namespaces:
    """Passes wake-ups on where a namespace is served.

    Parameters
    ----------
    wake
        Looks at a key.
    """

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        metrics: Metrics,
        wake: Callable[[Key], None],
    ) -> None:
        self._selector = settings.watch_namespace_selector
        self._asked = settings.asked_namespaces
        self._cluster, self._metrics, self._wake = cluster, metrics, wake
        self._unserved: set[str] = set()
        self._known: set[str] = set()
        """Namespaces whose labels match, or, without a selector, that were heard of."""
        self._fresh: set[str] = set()
        """Namespaces that are served from now on, and whose schedules are to be looked at."""
        self._missed: set[Key] = set()
        """Keys that were to be looked at while their namespace was not served; some may be gone."""
        self._changed = asyncio.Event()

    def serves(self, namespace: str) -> bool:
        """Whether rounds of a namespace's schedules can do anything."""
        if self._unserved & {namespace, EVERY_NAMESPACE}:
            return False
        return self._selector is None or namespace in self._known

    async def is_asked(self, namespace: str) -> bool:
        """Whether a namespace is to be served, if it answers or not; new labels are looked up.

        Raises
        ------
        ApiError
            Labels decide, and they can't be read.
        """
        if self._selector is None:
            return bool({namespace, EVERY_NAMESPACE} & set(self._asked))
        if namespace not in self._known:
            await self._list()
        return namespace in self._known

    def served(self) -> list[str]:
        """Return the namespaces that are served, as far as they are known."""
        return sorted(filter(self.serves, self._known | set(self._asked) - {EVERY_NAMESPACE}))

    def wake(self, key: Key) -> None:
        """Look at a key if its namespace is served."""
        if self._selector is None:
            self._known.add(key.namespace)
        if self.serves(key.namespace):
            self._wake(key)
        else:
            self._missed.add(key)

    def seen(self, namespace: str, labels: Mapping[str, str] | None) -> None:
        """Hold a namespace's labels against the selector; None: it is gone."""
        if self._selector is None:
            return
        matches = labels is not None and self._selector.matches(labels)
        if matches and namespace not in self._known:
            self._known.add(namespace)
            self._begin(namespace)
            _LOG.info("namespace %s is served from now on", namespace)
        elif not matches and namespace in self._known:
            self._known.discard(namespace)
            _LOG.info("namespace %s is not served any more", namespace)

    async def run(self) -> None:
        """Ask every 15 s whether the namespaces answer, until cancelled."""
        for number in itertools.count():
            self._changed.clear()
            if self._selector is not None and number % _LOOKS_A_LIST == 0:
                await self.list_all()
            await self.look_at_all()
            try:
                await asyncio.wait_for(self._changed.wait(), _LOOK_S)
            except TimeoutError:
                continue

    async def look_at_all(self) -> None:
        """Ask whether the namespaces answer, and look at the schedules of those that do again."""
        for namespace in self._asked:
            await self._look(namespace)
        self._wake_fresh()

    async def list_all(self) -> None:
        """Hold all namespaces that there are against the selector."""
        try:
            await self._list()
        except ApiError as error:
            _LOG.info("namespaces can't be listed: %s", error)

    async def _list(self) -> None:
        before, found = set(self._known), await self._cluster.namespaces()
        for gone in before - found.keys():
            self.seen(gone, None)
        for namespace, labels in found.items():
            self.seen(namespace, labels)

    async def _look(self, namespace: str) -> None:
        try:
            await self._cluster.look(namespace)
        except (ForbiddenError, NotFoundError) as error:
            if namespace not in self._unserved:
                _LOG.warning(
                    "namespace %s is not served until it answers again: %s", namespace, error
                )
            self._unserved.add(namespace)
        except ApiError as error:  # no word about the namespace: the heartbeat tells
            _LOG.debug("namespace %s: %s", namespace, error)
        else:
            if namespace in self._unserved:
                _LOG.info("namespace %s is served again", namespace)
                self._unserved.discard(namespace)
                self._begin(namespace)
        self._metrics.unserved(namespace, unserved=namespace in self._unserved)

    def _begin(self, namespace: str) -> None:
        self._fresh.add(namespace)
        self._changed.set()

    def _wake_fresh(self) -> None:
        """Look at all schedules of namespaces that are new."""
        for namespace in sorted(self._fresh):
            self._fresh.discard(namespace)
            missed = {k for k in self._missed if namespace in (EVERY_NAMESPACE, k.namespace)}
            self._missed -= missed
            for key in dict.fromkeys((*self._cluster.mirror.keys(namespace), *sorted(missed))):
                self.wake(key)
