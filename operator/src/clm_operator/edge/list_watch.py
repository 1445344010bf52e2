"""A list, then a watch from there on, for each kind that rounds look at.

A watch goes on where the one before ended in its time. After one that broke, or was refused by a
server that is away, a list comes again: meanwhile the server's store may have been restored from a
backup. A watch from a resourceVersion that such a server has not reached yet is told nothing,
without an error; one from a resourceVersion that it has used again is not told what is gone.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from clm_operator.cluster.api import Api, ApiError, ForbiddenError, NotFoundError
from clm_operator.mirror.objects import Key, Raw
from clm_operator.mirror.table import Look, is_older
from clm_operator.mirror.world import Kind, Mirror

_LOG = logging.getLogger(__name__)
_LOW_S, _HIGH_S = 1.0, 5.0
"""Between them lies the wait before a failed list or watch is tried again."""
_PAUSE_S = 0.5
"""Between a watch that ended and the next one."""
_MOST_DOUBLINGS = 4
"""Of the wait between lists after which no watch begins."""
_HEAR_S = 60.0
_HEARD_BETWEEN_LISTS = 10
_GONE, _SERVER = 410, 500
Changed = Callable[[Kind, Key], None]


class _StartAnewError(Exception):
    """The server does not know what came after a resourceVersion: not any more, or not yet."""


def _nobody() -> None:
    """Tell no one."""


@dataclass
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
    known
        Told that the kind is known from now on: for the first time, or after a silence.
    restored
        Told that the server's store was restored from a backup.
    anew
        Told that a watch broke and a list came again, as after a restart of the server.
    """

    api: Api
    mirror: Mirror
    kind: Kind
    path: str
    scope: str
    selector: str
    changed: Changed
    known: Callable[[str], None]
    restored: Callable[[], None]
    anew: Callable[[], None] = _nobody
    _since: str = field(default="", init=False)
    """From which resourceVersion a watch can go on; empty: a list is needed."""
    _reached: str = field(default="", init=False)
    """Up to which resourceVersion all was ever known."""
    _refused: bool = field(default=False, init=False)
    _lists: int = field(default=0, init=False)
    """How many came since a watch last went well."""
    _spoke: bool = field(default=False, init=False)
    _until_look: int = field(default=0, init=False)
    _hurried: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def run(self) -> None:
        """List and watch until cancelled; the API server may be away for as long as it likes."""
        while True:
            pause_s = await self._turn(self._watched)
            await asyncio.sleep(pause_s)

    async def sweep(self, over: asyncio.Event) -> None:
        """List now and then, and hear meanwhile that the server shows the kind, until it is over.

        For a kind whose events somebody else brings, who tells of no deletion that happened while
        a watch was down.
        """
        while not over.is_set():
            wait_s = await self._turn(self._swept)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurried.wait(), 0 if over.is_set() else wait_s)
                if not over.is_set():
                    await asyncio.sleep(_HIGH_S)  # within that time other watches say the same
                self._hurried.clear()
                self._since = ""
        self._since = ""

    def hurry(self) -> None:
        """List soon, or see that the sweep is over."""
        self._hurried.set()

    async def _watched(self) -> float | None:
        if not self._since:
            again = bool(self._reached)
            self._since = await self.look()
            if again:
                self.anew()
        begun = self._since
        await self._follow()
        self._lists = 0
        return _PAUSE_S if self._since != begun else None

    async def _swept(self) -> float:
        if not self._since or self._until_look == 0:
            self._since = await self.look()
            self._lists, self._until_look = 0, _HEARD_BETWEEN_LISTS
        elif is_older(await self.api.newest(self.path, self.selector), self._reached):
            raise _StartAnewError
        self._until_look -= 1
        self._heard()
        return _HEAR_S

    async def _turn(self, step: Callable[[], Awaitable[float | None]]) -> float:
        """Take a step; return the rest after it."""
        wait_s = 0.0
        try:
            if (pause_s := await step()) is not None:
                return pause_s
        except _StartAnewError:
            self._since = ""
        except (ForbiddenError, NotFoundError) as error:
            self._since = ""
            _LOG.log(
                logging.DEBUG if self._refused else logging.WARNING,
                "%ss of %s can't be watched: %s", self.kind, self.scope, error,
            )  # fmt: skip
            self._refused = True
        except ApiError as error:
            if error.status in (0, _GONE) or error.status >= _SERVER:
                self._since = ""
            _LOG.info("%ss of %s: %s; again soon", self.kind, self.scope, error)
            wait_s = error.retry_after_s or 0.0
        except KeyError as error:
            self._since = ""
            _LOG.warning("%ss of %s: an answer without %s", self.kind, self.scope, error)
        return max(wait_s, self._jitter_s())

    def _jitter_s(self) -> float:
        doublings = min(max(self._lists - 1, 0), _MOST_DOUBLINGS)
        return random.uniform(_LOW_S, _HIGH_S) * 2.0**doublings

    async def look(self) -> str:
        """List everything once; return the list's resourceVersion.

        Raises
        ------
        ApiError
            It was refused, or broke off.
        """
        seen, look = set[str](), self.mirror.look(self.kind, self.scope, self._reached)
        async for page in self.api.pages(self.path, self.selector):
            look.version = look.version or str(page["metadata"]["resourceVersion"])
            for raw in page.get("items") or ():
                seen.add(str(raw["metadata"]["uid"]))
                self._told(self.mirror.put(self.kind, raw, look=look))
            await asyncio.sleep(0)
        for key in self.mirror.listed(self.kind, self.scope, seen, look):
            self.changed(self.kind, key)
        if look.went_back:
            self._warn(look)
            self.restored()
        self._lists += 1
        self._reached = look.version
        self._heard()
        return look.version

    def _warn(self, look: Look) -> None:
        _LOG.warning(
            "%ss of %s: the API server has another past than it had, as after a restore of its "
            "store: resourceVersion %s came after %s; what it shows now is taken",
            self.kind, self.scope, look.version, look.newest,
        )  # fmt: skip

    async def _follow(self) -> None:
        """Take events until the stream ends in its time; where it was silent, ask why.

        Raises
        ------
        ApiError
            It did not begin, or broke.
        """
        self._spoke = False
        async for event in self.api.watch(self.path, self._since, self.selector, self._open):
            self._take(event)
        if not self._spoke and is_older(
            await self.api.newest(self.path, self.selector), self._since
        ):
            raise _StartAnewError

    def _open(self) -> None:
        self._refused = False
        self._heard()

    def _take(self, event: Raw) -> None:
        raw = event["object"]
        if event["type"] == "ERROR":
            raise _refused(raw)
        self._spoke = True
        self._since = self._reached = str(raw["metadata"]["resourceVersion"])
        if event["type"] == "DELETED":
            meta = raw["metadata"]
            place = (str(meta["namespace"]), str(meta["name"]), str(meta["uid"]))
            self._told(self.mirror.drop(self.kind, *place, self._since))
        elif event["type"] != "BOOKMARK":
            self._told(self.mirror.put(self.kind, raw))
        self._heard()

    def _told(self, key: Key | None) -> None:
        if key is not None:
            self.changed(self.kind, key)

    def _heard(self) -> None:
        if self.mirror.heard(self.kind, self.scope):
            self.known(self.scope)


def _refused(status: Raw) -> ApiError | _StartAnewError:
    if status.get("code") == _GONE:
        return _StartAnewError()
    return ApiError(int(status.get("code") or 0), str(status.get("message")))
