"""What happened is told at least once: right after the write that makes it true, or after a crash.

A status keeps its happenings until a later write removes them. Whoever is killed between the two
leaves them there, and the next operator tells them again under the same id.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from clm_api.happening import Happening
from clm_operator.cluster.api import ApiError
from clm_operator.mirror.objects import Key, Raw

_LOG = logging.getLogger(__name__)
_KEPT = 10_000
_SERVER = 500
_PASSING = (0, 401, 408, 409, 429)
"""No answer, keys that are renewed, too slow, a quota that was changed meanwhile, too many."""


class Sink(Protocol):
    """Where happenings go."""

    async def post(self, about: Raw, happening: Happening, now: datetime) -> None:
        """Tell a happening of an object; telling it twice makes one."""


class Teller:
    """Tells happenings, each of them once as long as it lives."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def tell(
        self, key: Key, about: Raw, happenings: Iterable[Happening], now: datetime
    ) -> list[Happening]:
        """Return those that must be told again, because nobody listened, in their order."""
        left = list(happenings)
        while left and await self._is_told(key, about, left[0], now):
            del left[0]
        return left

    def forget(self) -> None:
        """Take nothing for told any more: it may be lost, and telling twice makes one."""
        self._told.clear()

    async def _is_told(self, key: Key, about: Raw, one: Happening, now: datetime) -> bool:
        """Tell a happening unless it is told; an event that is refused for good is only logged."""
        name, known = about["metadata"]["name"], (str(about["metadata"]["uid"]), one.id)
        if known in self._told:
            return True
        try:
            await self._sink.post(about, one, now)
        except ApiError as error:
            _LOG.warning("%s: the event %s of %s was not taken: %s", key, one.reason, name, error)
            if error.status in _PASSING or error.status >= _SERVER:
                return False
        said = {"schedule": str(key), "version": name, "reason": one.reason}
        _LOG.info("%s", one.message, extra=said)
        self._told[known] = None
        if len(self._told) > _KEPT:
            self._told.popitem(last=False)
        return True
