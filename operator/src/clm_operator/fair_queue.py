"""A queue in which namespaces take turns: a team of a thousand schedules holds up no other."""

import asyncio
from collections import OrderedDict

from clm_operator.snapshot import Key


class FairQueue:
    """First in, first out within a namespace; one key of each namespace in turn.

    A key that waits already is not put in again.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, OrderedDict[Key, None]] = OrderedDict()
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        """Return how many keys wait."""
        return sum(len(keys) for keys in self._waiting.values())

    def put(self, key: Key) -> None:
        """Let a key wait."""
        self._waiting.setdefault(key.namespace, OrderedDict()).setdefault(key)
        self._filled.set()

    async def get(self) -> Key:
        """Return the next key as soon as there is one."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        namespace, keys = self._waiting.popitem(last=False)
        key, _ = keys.popitem(last=False)
        if keys:
            self._waiting[namespace] = keys
        return key
