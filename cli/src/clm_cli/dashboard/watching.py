"""Brings what the reader may see of the cluster: a list and then a watch of each kind."""

import json
import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from clm_api import API_VERSION
from clm_cli.dashboard.objects import Objects
from clm_cli.dashboard.world import Key, Kind, Source
from clm_cli.server import (
    ClusterError,
    ForbiddenError,
    GoneError,
    LogCutError,
    Raw,
    Server,
)

_LOG = logging.getLogger(__name__)
_PAGE = "500"
_WATCH_S = 50
_SILENCE_S = 65
"""A watch ends earlier by itself: a connection that is silent for longer is dead."""
_LONGEST_S = 30.0
_BREATH_S = 0.2
_POLL_S = 10.0
"""Between two lists where the reader may list and not watch."""


@dataclass
class Watching:
    """The watches of all kinds, each in a thread of its own.

    Parameters
    ----------
    namespace
        Empty: all. A reader who may not see all sees the context's.
    """

    server: Server
    objects: Objects
    namespace: str
    clock: Callable[[], datetime]
    _stop: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """Start the threads; they end with the process, or soon after ``end``."""
        for kind in Kind:
            self.objects.say(Source(kind, self._namespaces))
            watch = _Watch(self, kind, self.namespace)
            threading.Thread(target=watch.run, name=f"watch-{kind}", daemon=True).start()

    def end(self) -> None:
        """Let the threads end."""
        self._stop.set()

    @property
    def _namespaces(self) -> tuple[str, ...]:
        return (self.namespace,) if self.namespace else ()

    def rest(self, seconds: float) -> bool:
        """Wait so long; return whether to go on."""
        return not self._stop.wait(seconds)


@dataclass
class _Watch:
    """One kind in one namespace, or in all."""

    all: Watching
    kind: Kind
    namespace: str
    _heard: datetime | None = None
    """When the API server last said something."""
    _version: str | None = None
    """The resourceVersion up to which all is known; None: list."""
    _failures: int = 0
    """Since something was heard."""
    _gone: int = 0
    """How often in a row a watch could not begin where a list had just ended."""

    def run(self) -> None:
        """List and watch, for ever."""
        pause = 0.0
        while self.all.rest(pause):
            try:
                self._version = self._version or self._list()
                self._follow(self._version)
                pause = _BREATH_S
            except GoneError:
                self._version, pause = None, _longer(self._gone) if self._gone else 0.0
                self._gone += 1
            except ForbiddenError as error:
                pause = self._forbidden(error)
                self._version = None
            except ClusterError as error:
                self._say(str(error))
                pause = self._backoff()
            except Exception as error:  # noqa: BLE001 - pages would grow old without a word
                _LOG.exception("%s can't be watched", self.kind)
                self._say(f"the API server's answer can't be read: {type(error).__name__}: {error}")
                self._version, pause = None, self._backoff()

    def _backoff(self) -> float:
        """Return how long to wait after a failure, longer after each."""
        self._failures += 1
        return _longer(self._failures)

    def _follow(self, version: str) -> None:
        """Take the changes since a resourceVersion until the watch ends.

        Raises
        ------
        GoneError
            The API server no longer knows the changes since.
        ClusterError
            It does not answer, or refuses.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_S),
            "resourceVersion": version,
        }
        server, where = self.all.server, self.namespace or "all"
        lines = server.lines(self._path, where, query, _SILENCE_S)
        self._hear()
        for line in lines:
            self._take(_event(line, self._path))
            self._hear()
        self._gone = 0

    def _list(self) -> str:
        """Read all objects; return the resourceVersion from which to watch."""
        names: set[Key] = set()
        query = {"limit": _PAGE}
        while True:
            page = self.all.server.get(self._path, self.namespace or "all", **query)
            for raw in page["items"]:
                self.all.objects.put(self.kind, raw)
                names.add(Key(raw["metadata"]["namespace"], raw["metadata"]["name"]))
            metadata = page["metadata"]
            if not (more := metadata.get("continue")):
                break
            query["continue"] = more
        self.all.objects.keep_only(self.kind, names)
        self._hear()
        return str(metadata["resourceVersion"])

    def _take(self, event: Raw) -> None:
        """Take one change."""
        raw, objects = event["object"], self.all.objects
        match event["type"]:
            case "ADDED" | "MODIFIED":
                objects.put(self.kind, raw)
            case "DELETED":
                metadata = raw["metadata"]
                objects.remove(self.kind, Key(metadata["namespace"], metadata["name"]))
            case "ERROR":
                raise GoneError(str(raw.get("message", "the watch ended")))
        self._version, self._gone = str(raw["metadata"]["resourceVersion"]), 0

    @property
    def _path(self) -> str:
        inside = f"namespaces/{self.namespace}/" if self.namespace else ""
        return f"/apis/{API_VERSION}/{inside}{self.kind}"

    def _forbidden(self, error: ForbiddenError) -> float:
        """Look where the reader may; return how long to wait before."""
        own = self.all.server.namespace
        if self._version is not None:  # may list, and not watch
            return _POLL_S
        if not self.namespace:
            self.namespace = own
            self.all.objects.note(
                f"You may not list {self.kind} of all namespaces: these are of namespace {own}. "
                "Choose another one with --namespace."
            )
            return 0.0
        self._say(str(error))
        return _LONGEST_S

    def _hear(self) -> None:
        self._failures = 0
        self._heard = self.all.clock()
        self.all.objects.say(Source(self.kind, self._namespaces, listed=True))

    def _say(self, problem: str) -> None:
        listed = self._heard is not None
        self.all.objects.say(Source(self.kind, self._namespaces, listed, self._heard, problem))

    @property
    def _namespaces(self) -> tuple[str, ...]:
        return (self.namespace,) if self.namespace else ()


def _longer(tries: int) -> float:
    """Return how many seconds to wait after so many tries in vain."""
    return min(_LONGEST_S, 2.0 ** min(tries - 1, 10)) * random.uniform(0.5, 1.0)


def _event(line: str, path: str) -> Raw:
    try:
        found: Raw = json.loads(line)
    except ValueError as error:
        raise LogCutError(f"{path} was cut off within a line") from error
    return found
