"""All sinks beside Kubernetes events: who is to know what, and who knows it."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from clm_api.happening import Happening, Sink
from clm_operator.mirror.objects import Key, Raw
from clm_operator.telling.happenings import SINKS
from clm_operator.telling.outbox import Outbox, Place

SETTLE_S = 1.0
"""So long a schedule that has something to write down is left alone: one write for many events."""
_KUBERNETES: Sink = "events"


@dataclass
class Pending:
    """Wakes schedules that have something to write down, each once in a while."""

    wake: Callable[[Key], None]
    _waits: set[Key] = field(default_factory=set)

    def __call__(self, key: Key) -> None:
        """Wake a schedule soon."""
        if key not in self._waits:
            self._waits.add(key)
            asyncio.get_running_loop().call_later(SETTLE_S, self._ring, key)

    def _ring(self, key: Key) -> None:
        self._waits.discard(key)
        self.wake(key)


@dataclass(frozen=True)
class Outgoing:
    """The outboxes of the sinks that are set: none, perhaps."""

    outboxes: tuple[Outbox, ...] = ()

    def addressed(self, happening: Happening) -> Happening:
        """Say who is to know a happening: a sink that is set later gets nothing of before."""
        if not self.outboxes or happening.event is None:
            return happening
        return happening.having(to=[box.name for box in self.outboxes])

    def left(self, uid: str, untold: Iterable[Happening], heard: set[str]) -> list[Happening]:
        """Return what somebody does not know yet, and who knows it.

        Parameters
        ----------
        heard
            Ids of those that are Kubernetes events by now.
        """
        left, boxes = list[Happening](), {box.name: box for box in self.outboxes}
        for one in untold:
            knows = {name for name, box in boxes.items() if box.knows(uid, one)} | {*one.told}
            if one.id in heard:
                knows.add(_KUBERNETES)
            if knows.issuperset({_KUBERNETES, *(boxes.keys() & {*one.to})}):
                continue
            told = [sink for sink in SINKS if sink in knows]
            left.append(one if told == one.told else one.having(told=told))
        return left

    def offer(self, key: Key, raw: Raw, untold: list[Happening]) -> None:
        """Take note of what an object's status says is untold by now."""
        meta = raw["metadata"]
        place = Place(raw["kind"], str(meta["namespace"]), str(meta["name"]), key)
        for box in self.outboxes:
            box.offer(place, str(meta["uid"]), untold)

    async def run(self) -> None:
        """Tell until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for box in self.outboxes:
                tasks.create_task(box.run(), name=f"outbox {box.name}")


def untold_events(untold: Iterable[Happening]) -> list[Happening]:
    """Return those that are no Kubernetes events yet."""
    return [one for one in untold if _KUBERNETES not in one.told]
