"""A list, then a watch from there on, for kinds of which a cluster has many.

A list that comes again shows what is gone without a word.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clm_operator.cluster.api import Api, ApiError, ForbiddenError, NotFoundError
from clm_operator.cluster.resources import collection
from clm_operator.mirror.objects import Key, Raw
from clm_operator.mirror.world import Kind, Mirror
from clm_operator.names import LABEL_SCHEDULE

_LOG = logging.getLogger(__name__)
_LOW_S, _HIGH_S = 1.0, 5.0
"""Between them lies the wait before a failed list or watch is tried again."""
_PAUSE_S = 0.5
"""Between a watch that ended and the next one."""
_GONE = 410
_SWEEP_S = 600.0
WATCHED_HERE: tuple[Kind, ...] = ("ModelVersion", "Job", "Pod")
Changed = Callable[[Kind, Key], None]


def _jitter_s() -> float:
    return random.uniform(_LOW_S, _HIGH_S)


class _TooOldError(Exception):
    """The server no longer knows what came after a resourceVersion."""


@dataclass(frozen=True)
class ListWatch:
    """Keeps the mirror up to date about one kind.

    Parameters
    ----------
    path, scope
        The collection, and the namespace that it shows, ``*`` for all.
    selector
        Labels of the objects that matter.
    changed
        Told of news, and whose they are.
    listed
        Told when a list is through for the first time.
    """

    api: Api
    mirror: Mirror
    kind: Kind
    path: str
    scope: str
    selector: str
    changed: Changed
    listed: Callable[[str], None]

    async def run(self) -> None:
        """List and watch until cancelled; the API server may be away for as long as it likes."""
        since, refused = "", False
        while True:
            try:
                begun = since = since or await self.look()
                refused = False
                since = await self._follow(since)
                await asyncio.sleep(_PAUSE_S if since != begun else _jitter_s())
            except _TooOldError:
                since = ""
                await asyncio.sleep(_jitter_s())
            except (ForbiddenError, NotFoundError) as error:
                since = ""
                _LOG.log(
                    logging.DEBUG if refused else logging.WARNING,
                    "%ss of %s can't be watched: %s", self.kind, self.scope, error,
                )  # fmt: skip
                refused = True
                await asyncio.sleep(_jitter_s())
            except ApiError as error:
                _LOG.info("%ss of %s: %s; again soon", self.kind, self.scope, error)
                await asyncio.sleep(max(_jitter_s(), error.retry_after_s or 0.0))
            except KeyError as error:
                since = ""
                _LOG.warning("%ss of %s: an answer without %s", self.kind, self.scope, error)
                await asyncio.sleep(_jitter_s())

    async def look(self) -> str:
        """List everything once; return the list's resourceVersion.

        Raises
        ------
        ApiError
            It was refused, or broke off.
        """
        seen, version = set[str](), ""
        async for page in self.api.pages(self.path, self.selector):
            version = version or str(page["metadata"]["resourceVersion"])
            for raw in page.get("items") or ():
                seen.add(str(raw["metadata"]["uid"]))
                self._take(raw)
            await asyncio.sleep(0)
        first = not self.mirror.has_listed(self.kind, self.scope)
        for key in self.mirror.listed(self.kind, self.scope, seen, version):
            self.changed(self.kind, key)
        if first:
            self.listed(self.scope)
        return version

    async def _follow(self, since: str) -> str:
        """Take events until the stream ends; return up to where they were taken."""
        try:
            async for event in self.api.watch(self.path, since, self.selector):
                raw = event["object"]
                if event["type"] == "ERROR":
                    raise _refused(raw)
                since = str(raw["metadata"]["resourceVersion"])
                if event["type"] == "DELETED":
                    meta = raw["metadata"]
                    place = (str(meta["namespace"]), str(meta["name"]), str(meta["uid"]))
                    self._told(self.mirror.drop(self.kind, *place, since))
                elif event["type"] != "BOOKMARK":
                    self._take(raw)
        except ApiError as error:
            if error.status == _GONE:
                raise _TooOldError from error
            if error.status == 0:
                _LOG.debug("%s: the watch broke: %s", self.path, error)
                return since
            raise
        return since

    def _take(self, raw: Raw) -> None:
        self._told(self.mirror.put(self.kind, raw))

    def _told(self, key: Key | None) -> None:
        if key is not None:
            self.changed(self.kind, key)


def _refused(status: Raw) -> ApiError | _TooOldError:
    if status.get("code") == _GONE:
        return _TooOldError()
    return ApiError(int(status.get("code") or 0), str(status.get("message")))


@dataclass(frozen=True)
class Watches:
    """All lists and watches of the namespaces that are asked for, ``*`` for all.

    Schedules come from kopf; they are listed here before the first round, for what their siblings
    tried, and now and then, because kopf tells of no deletion that happened while a watch was down.
    """

    api: Api
    mirror: Mirror
    namespaces: Sequence[str]
    changed: Changed
    listed: Callable[[str], None]

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for scope in self.namespaces:
                tasks.create_task(self._sweep(self._of("TrainingSchedule", scope)))
                for kind in WATCHED_HERE:
                    name = f"watcher for {kind.lower()}s of {scope}"
                    tasks.create_task(self._of(kind, scope).run(), name=name)

    def _of(self, kind: Kind, scope: str) -> ListWatch:
        selector = LABEL_SCHEDULE if kind in ("Job", "Pod") else ""
        path = collection(kind, scope)
        return ListWatch(
            self.api, self.mirror, kind, path, scope, selector, self.changed, self.listed
        )

    async def _sweep(self, schedules: ListWatch) -> None:
        while True:
            try:
                await schedules.look()
                wait_s = _SWEEP_S
            except ApiError as error:
                _LOG.info("schedules of %s can't be listed: %s", schedules.scope, error)
                wait_s = _jitter_s()
            await asyncio.sleep(wait_s)
