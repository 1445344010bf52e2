"""What happened is told at least once: right after the write that makes it true, or after a crash.

A status keeps its happenings until a later write removes them. Whoever is killed between the two
leaves them there, and the next operator tells them again under the same id. Where a namespace's
events are refused, for lack of rights, say, one is tried again after 5, 10, 20 … 600 seconds, and
the others wait for it.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from clm_api.happening import Happening
from clm_operator.clock import SystemClock
from clm_operator.cluster.api import ApiError, DeniedError
from clm_operator.mirror.objects import Key, Raw

_LOG = logging.getLogger(__name__)
_KEPT = 10_000
_SERVER = 500
_PASSING = (0, 401, 403, 408, 409, 429)
"""No answer, keys that are renewed, no rights, too slow, a conflict, too many."""
_MONOTONIC = SystemClock().monotonic
_FIRST_REST_S, _LAST_REST_S = 5.0, 600.0


class Sink(Protocol):
    """Where happenings go."""

    async def post(self, about: Raw, happening: Happening, now: datetime) -> None:
        """Tell a happening of an object; telling it twice makes one."""


@dataclass(frozen=True)
class _Rest:
    """Nothing is told in a namespace until then."""

    until: float
    seconds: float


class Teller:
    """Tells happenings, each of them once as long as it lives.

    Parameters
    ----------
    monotonic
        Seconds that never run backwards.
    """

    def __init__(self, sink: Sink, monotonic: Callable[[], float] = _MONOTONIC) -> None:
        self._sink, self._monotonic = sink, monotonic
        self._rests: dict[str, _Rest] = {}
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def tell(
        self, key: Key, about: Raw, happenings: Iterable[Happening], now: datetime
    ) -> list[Happening]:
        """Return those that must be told again, because nobody listened, in their order."""
        left = list(happenings)
        while left and await self._is_told(key, about, left[0], now):
            del left[0]
        return left

    def rest_s(self, namespace: str) -> float:
        """Return for how long nothing is told in a namespace, because its events were refused."""
        rest = self._rests.get(namespace)
        return 0.0 if rest is None else max(rest.until - self._monotonic(), 0.0)

    def forget(self) -> None:
        """Take nothing for told any more: it may be lost, and telling twice makes one."""
        self._told.clear()

    async def _is_told(self, key: Key, about: Raw, one: Happening, now: datetime) -> bool:
        """Tell a happening unless it is told; an event that is refused for good is only logged."""
        name, known = about["metadata"]["name"], (str(about["metadata"]["uid"]), one.id)
        if known in self._told:
            return True
        if self.rest_s(key.namespace) > 0:
            return False
        try:
            await self._sink.post(about, one, now)
        except ApiError as error:
            if _may_pass(error):
                self._begin_rest(key.namespace, error)
                return False
            _LOG.warning("%s: the event %s of %s was not taken: %s", key, one.reason, name, error)
        self._rests.pop(key.namespace, None)
        said = {"schedule": str(key), "version": name, "reason": one.reason}
        _LOG.info("%s", one.message, extra=said)
        self._told[known] = None
        if len(self._told) > _KEPT:
            self._told.popitem(last=False)
        return True

    def _begin_rest(self, namespace: str, error: ApiError) -> None:
        before = self._rests.get(namespace)
        seconds = _FIRST_REST_S if before is None else min(2 * before.seconds, _LAST_REST_S)
        wait_s = max(seconds, error.retry_after_s or 0.0)
        self._rests[namespace] = _Rest(self._monotonic() + wait_s, seconds)
        _LOG.warning("events of %s are not taken, again in %.0f s: %s", namespace, wait_s, error)


def _may_pass(error: ApiError) -> bool:
    """Whether another try may be taken: nothing that can be told later is lost."""
    denied = isinstance(error, DeniedError)
    return denied or error.status in _PASSING or error.status >= _SERVER
