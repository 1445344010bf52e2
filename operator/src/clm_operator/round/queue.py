"""A queue in which namespaces take turns: a team of a thousand schedules holds up no other."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from clm_operator.mirror.objects import Key


@dataclass(frozen=True)
class Again:
    """When to look at a key again."""

    seconds: float
    due: bool = False
    """Whether its slot comes then: it goes before what merely looks."""


@dataclass
class _Lanes:
    """A namespace's keys: those whose slot has come go first."""

    due: OrderedDict[Key, None] = field(default_factory=OrderedDict)
    others: OrderedDict[Key, None] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self.due) + len(self.others)


class FairQueue:
    """One key of each namespace in turn; within a namespace due slots first, each in its order.

    A key that waits already is not put in again.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, _Lanes] = OrderedDict()
        self._filled = asyncio.Event()
        self._count = 0

    def __len__(self) -> int:
        """Return how many keys wait."""
        return self._count

    def put(self, key: Key, *, due: bool = False) -> None:
        """Let a key wait.

        Parameters
        ----------
        due
            Whether its slot has come.
        """
        lanes = self._waiting.setdefault(key.namespace, _Lanes())
        before = len(lanes)
        if due:
            lanes.others.pop(key, None)
            lanes.due.setdefault(key)
        elif key not in lanes.due:
            lanes.others.setdefault(key)
        self._count += len(lanes) - before
        self._filled.set()

    async def get(self) -> Key:
        """Return the next key as soon as there is one."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        namespace, lanes = self._waiting.popitem(last=False)
        key, _ = (lanes.due or lanes.others).popitem(last=False)
        self._count -= 1
        if lanes:
            self._waiting[namespace] = lanes
        return key
