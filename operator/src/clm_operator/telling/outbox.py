"""Events on their way to a sink beside the rounds, which never wait for one.

What is to be told is in the statuses. An outbox knows only which objects have something for its
sink, walks them one after the other, and remembers what the sink has taken until a round has
written that down. Whoever is killed before tells it again, under the same id.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from pydantic import ValidationError

from clm_api.happening import Happening, Sink
from clm_operator.mirror.objects import Key, Raw, ScheduleObject, Version
from clm_operator.mirror.world import Kind, Mirror
from clm_operator.telling.cloudevents import NoEventError, told
from clm_operator.telling.sink_metrics import SinkMetrics
from clm_operator.telling.sinks import AwayError, EventSink, RefusedError

_LOG = logging.getLogger(__name__)
FIRST_REST_S, LAST_REST_S = 1.0, 60.0


@dataclass(frozen=True)
class Place:
    """An object that has something to tell, and its schedule."""

    kind: Kind
    namespace: str
    name: str
    key: Key

    def __str__(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class _Wait:
    """How much an object has to tell, and since when."""

    count: int
    since: float | None


@dataclass
class Outbox:
    """Tells one sink what it does not know yet, oldest first for each object.

    Parameters
    ----------
    cluster
        Names this installation in the events' source.
    recorded
        Called with a schedule as soon as there is something to write down.
    """

    sink: EventSink
    mirror: Mirror
    metrics: SinkMetrics
    cluster: str
    recorded: Callable[[Key], None]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _waiting: OrderedDict[Place, _Wait] = field(default_factory=OrderedDict)
    _known: dict[str, set[str]] = field(default_factory=dict)
    """Ids that the sink has and no status says so yet, by the object's uid."""
    _filled: asyncio.Event = field(default_factory=asyncio.Event)
    _rest_s: float = FIRST_REST_S

    def __post_init__(self) -> None:
        self.metrics.set(self.name, self.waiting)

    @property
    def name(self) -> Sink:
        """The sink's."""
        return self.sink.name

    def waiting(self) -> tuple[int, float | None]:
        """Return how many events wait, and the Unix time of the oldest."""
        waits = list(self._waiting.values())
        since = [one.since for one in waits if one.since is not None]
        return sum(one.count for one in waits), min(since, default=None)

    def knows(self, uid: str, happening: Happening) -> bool:
        """Whether the sink has a happening of an object."""
        return self.name in happening.told or happening.id in self._known.get(uid, ())

    def offer(self, place: Place, uid: str, untold: Iterable[Happening]) -> None:
        """Take note of what an object's status says is untold by now."""
        waits = [one for one in untold if self.name in one.to and self.name not in one.told]
        known = self._known.get(uid, set()) & {one.id for one in waits}
        if known:
            self._known[uid] = known
        else:
            self._known.pop(uid, None)
        self._wait(place, [one for one in waits if one.id not in known])

    async def run(self) -> None:
        """Tell until cancelled."""
        try:
            while True:
                while not self._waiting:
                    self._filled.clear()
                    await self._filled.wait()
                try:
                    await self._tell(next(iter(self._waiting)))
                except AwayError as error:
                    await self._rest(error)
                except Exception as error:  # noqa: BLE001  a fault here ends no round
                    _LOG.exception("an event for %s is left for later", self.name)
                    await self._rest(error)
                else:
                    self._rest_s = FIRST_REST_S
        finally:
            await self.sink.close()

    def _wait(self, place: Place, waits: list[Happening]) -> None:
        if not waits:
            self._waiting.pop(place, None)
            return
        since = min((one.at.timestamp() for one in waits if one.at), default=None)
        self._waiting[place] = _Wait(len(waits), since)
        self._filled.set()

    async def _tell(self, place: Place) -> None:
        """Tell what an object has to tell; then it goes behind the others, or is done.

        Raises
        ------
        AwayError
            The sink takes nothing for now.
        """
        try:
            while (found := self._find(place)) is not None and (waits := self._pending(found)):
                await self._send(place, found.raw, waits[0])  # by now it may have other events
        finally:
            self._wait(place, self._pending(self._find(place)))
            if place in self._waiting:  # what a sink can't take of one holds up no other
                self._waiting.move_to_end(place)

    def _find(self, place: Place) -> Version | ScheduleObject | None:
        try:
            found = self.mirror.table(place.kind).get(place.namespace, place.name)
        except ValidationError as error:
            _LOG.warning("%s can't be read, and %s is not told of it: %s", place, self.name, error)
            return None
        if found is None and (wait := self._waiting.get(place)) is not None:
            _LOG.warning("%s went with %d events unknown to %s", place, wait.count, self.name)
        return found

    def _pending(self, found: Version | ScheduleObject | None) -> list[Happening]:
        if found is None:
            return []
        waits = (one for one in found.status.untold if self.name in one.to)
        return [one for one in waits if not self.knows(found.uid, one)]

    async def _send(self, place: Place, raw: Raw, one: Happening) -> None:
        try:
            await self.sink.send(told(raw, one, self.cluster))
        except (RefusedError, NoEventError) as error:
            self.metrics.refused(self.name)
            _LOG.warning("%s: %s will never take %s: %s", place, self.name, one.id, error)
        else:
            self.metrics.told(self.name)
        self._known.setdefault(str(raw["metadata"]["uid"]), set()).add(one.id)
        self.recorded(place.key)

    async def _rest(self, error: Exception) -> None:
        self.metrics.failed(self.name)
        asked_s = error.retry_after_s if isinstance(error, AwayError) else None
        wait_s = max(self._rest_s, asked_s or 0.0)
        log = _LOG.warning if self._rest_s == FIRST_REST_S else _LOG.info
        log("%s takes no events, again in %.0f s: %s", self.name, wait_s, error)
        self._rest_s = min(2 * self._rest_s, LAST_REST_S)
        await self.sleep(wait_s)
