"""A heap of due times and a queue of keys: each key is worked on by one worker at a time.

Namespaces take turns in the queue, and due slots go before all else. A key whose round fails waits
1, 2, 4 … 60 seconds; its neighbours do not. Keys wait on the clock that never runs backwards; where
the wall clock is set forward, or a machine was asleep, they wait for so much less.
"""

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable

from clm_operator.clock import Clock
from clm_operator.cluster.api import ApiError, NotLeadingError
from clm_operator.mirror.objects import Key
from clm_operator.round.queue import Again, FairQueue
from clm_operator.round.round import TooManyRoundsError
from clm_operator.telling.prometheus import Metrics

_LOG = logging.getLogger(__name__)
_FIRST_BACKOFF_S = 1.0
_LAST_BACKOFF_S = 60.0
_CLOCK_LOOK_S = 1.0
_STEP_S = 1.0
"""Clocks that part by less are not told apart."""

Work = Callable[[Key], Awaitable[Again | None]]


class Scheduler:
    """Calls ``work`` for a key when it was woken or its time has come.

    Parameters
    ----------
    work
        Returns when to look again, or None to wait for a wake-up.
    workers
        Keys worked on at once.
    kind
        Whose keys they are.
    """

    def __init__(
        self,
        work: Work,
        clock: Clock,
        metrics: Metrics,
        workers: int = 8,
        kind: str = "TrainingSchedule",
    ) -> None:
        self._work, self._clock, self._metrics, self._workers = work, clock, metrics, workers
        self._kind = kind
        self._heap: list[tuple[float, Key]] = []
        self._armed: dict[Key, tuple[float, bool]] = {}
        self._ready = FairQueue()
        self._busy: set[Key] = set()
        self._again: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._changed = asyncio.Event()
        self._ahead = self._wall_ahead()

    def wake(self, key: Key, *, due: bool = False) -> None:
        """Look at a key as soon as possible; many wake-ups before that count as one.

        Parameters
        ----------
        due
            Whether its slot has come.
        """
        if key in self._busy:
            self._again.add(key)
        else:
            self._ready.put(key, due=due)
            self._metrics.queue_depth(len(self._ready), self._kind)

    def wake_in(self, key: Key, again: Again) -> None:
        """Look at a key after a while; a later call replaces an earlier one."""
        self._follow_wall()
        at = self._clock.monotonic() + again.seconds
        self._armed[key] = (at, again.due)
        heapq.heappush(self._heap, (at, key))
        self._changed.set()

    async def run(self) -> None:
        """Work until cancelled; then keys wait until this runs again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._timer(), name="timer")
            for number in range(self._workers):
                tasks.create_task(self._worker(), name=f"worker {number}")

    async def _timer(self) -> None:
        while True:
            self._changed.clear()
            self._follow_wall()
            now = self._clock.monotonic()
            while self._heap and self._heap[0][0] <= now:
                at, key = heapq.heappop(self._heap)
                armed_for, due = self._armed.get(key, (None, False))
                if armed_for == at:
                    del self._armed[key]
                    self.wake(key, due=due)
            wait = min(self._heap[0][0] - now, _CLOCK_LOOK_S) if self._heap else None
            try:
                await asyncio.wait_for(self._changed.wait(), wait)
            except TimeoutError:
                continue

    def _wall_ahead(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()

    def _follow_wall(self) -> None:
        """Bring all keys forward where the wall clock was set forward.

        Where it was set back they stay: a look too early only looks again.
        """
        ahead = self._wall_ahead()
        step = ahead - self._ahead
        if abs(step) < _STEP_S:
            return
        self._ahead = ahead
        if step > 0:
            self._armed = {key: (at - step, due) for key, (at, due) in self._armed.items()}
            self._heap = [(at, key) for key, (at, _) in self._armed.items()]
            heapq.heapify(self._heap)

    async def _worker(self) -> None:
        while True:
            await asyncio.sleep(0)  # a round that asks nobody never waits, and probes must be heard
            key = await self._ready.get()
            self._metrics.queue_depth(len(self._ready), self._kind)
            self._busy.add(key)
            try:
                await self._once(key)
            except asyncio.CancelledError:
                self._again.add(key)  # whoever runs this again begins with what was cut off
                raise
            finally:
                self._busy.discard(key)
                if key in self._again:
                    self._again.discard(key)
                    self.wake(key)

    async def _once(self, key: Key) -> None:
        started = self._clock.monotonic()
        try:
            again = await self._work(key)
        except Exception as error:  # noqa: BLE001  one key's trouble never reaches the others
            again = Again(self._backoff(key, error))
            result = "busy" if isinstance(error, TooManyRoundsError) else "error"
            self._metrics.reconciled(result, self._clock.monotonic() - started, self._kind)
        else:
            self._failures.pop(key, None)
            self._metrics.reconciled("ok", self._clock.monotonic() - started, self._kind)
        if again is None:
            self._armed.pop(key, None)
        else:
            self.wake_in(key, again)

    def _backoff(self, key: Key, error: Exception) -> float:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(_FIRST_BACKOFF_S * 2.0 ** min(failures, 10), _LAST_BACKOFF_S)
        if isinstance(error, TooManyRoundsError | NotLeadingError):
            _LOG.info("%s; again in %.0f s", error, delay)
        elif isinstance(error, ApiError):
            delay = max(delay, error.retry_after_s or 0)
            _LOG.warning("%s: %s; again in %.0f s", key, error, delay)
        else:
            _LOG.exception("%s: again in %.0f s", key, delay, exc_info=error)
        return delay
